"""Any changes in any commits by any clients do to a session what they do to a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store import (
    Append,
    Clear,
    Extend,
    Record,
    RemoveLast,
    Replace,
    ReplaceLast,
    SessionStore,
    Update,
)
from s3store.archive import Archive
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.draft import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from s3store import Change


@dataclass
class Model:
    """A session as a list of messages with their keys, each with a number of its own that it keeps when replaced."""

    rows: list[tuple[Any, str | None, int]] = field(default_factory=list)
    name: str | None = None
    known: dict[int, Record] = field(default_factory=dict)
    """Records as they were read once, by those numbers."""
    numbers: Iterator[int] = field(default_factory=count)

    def apply(self, step: tuple[Any, ...]) -> Change:
        """Do the step here, and return it as a change."""
        match step:
            case ("append", message, key):
                self._add(message, key)
                return Append(message, key=key)
            case ("extend", pairs):
                for message, key in pairs:
                    self._add(message, key)
                return Extend([message for message, _ in pairs], keys=[key for _, key in pairs])
            case ("replace", kept, more):
                messages = [*(message for message, _, _ in self.rows[:kept]), *more]
                self._replace(messages)
                return Replace(messages)
            case ("replace-last", message, back):
                return self._replace_last(message, None if back is None else max(self.known, default=-1) - back)
            case ("remove-last",):
                del self.rows[-1:]
                return RemoveLast()
            case ("clear",):
                self.rows = []
                return Clear()
            case ("rename", name):
                self.name = name
                return Update(name=name)
        raise AssertionError(step)

    def _replace_last(self, message: Any, number: int | None) -> Change:
        if self.rows and number in {None, self.rows[-1][2]}:
            self.rows[-1] = (message, *self.rows[-1][1:])
        return ReplaceLast(message, instead_of=None if number is None else self.known.get(number, NEVER))

    def _replace(self, messages: list[Any]) -> None:
        same = 0
        while same < min(len(self.rows), len(messages)) and self.rows[same][0] == messages[same]:
            same += 1
        self.rows = [*self.rows[:same], *((message, None, next(self.numbers)) for message in messages[same:])]

    def _add(self, message: Any, key: str | None) -> None:
        if key is None or key not in {known for _, known, _ in self.rows}:
            self.rows.append((message, key, next(self.numbers)))

    def look(self, records: Iterable[Record]) -> None:
        """Remember the records as they are now."""
        self.known |= {number: record for (_, _, number), record in zip(self.rows, records, strict=True)}


NEVER = Record(0, None, datetime(1970, 1, 1, tzinfo=UTC), "")
"""A record that was never there."""


messages = st.sampled_from(["", "a", "b", "c" * 100, "d" * 300, 2**70, None])
keys = st.none() | st.sampled_from(["k1", "k2", "k3", "k4", "k5", "k6"])
steps = st.one_of(
    st.tuples(st.just("append"), messages, keys),
    st.tuples(st.just("append"), messages, keys),
    st.tuples(st.just("extend"), st.lists(st.tuples(messages, keys), max_size=5)),
    st.tuples(st.just("replace"), st.integers(0, 12), st.lists(messages, max_size=4)),
    st.tuples(st.just("replace-last"), messages, st.none() | st.integers(0, 2)),
    st.tuples(st.just("remove-last")),
    st.tuples(st.just("clear")),
    st.tuples(st.just("rename"), st.sampled_from([None, "n", "m"])),
)


@pytest.fixture(scope="module", autouse=True)
def _few_digests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3store.streams.draft.MAX_DIGESTS", 3)
        yield


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.lists(steps, min_size=1, max_size=4)), max_size=14),
    st.sampled_from([Sizes(seal=1, chunk=400), Sizes(seal=200, chunk=1000), Sizes(seal=150, chunk=300), Sizes()]),
)
def test_a_session_is_what_a_list_would_be(commits: list[tuple[int, list[tuple[Any, ...]]]], sizes: Sizes) -> None:
    memory = MemoryStore()
    model = Model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3store.blocking.Archive", partial(Archive, sizes=sizes))
        clients = [SessionStore(memory), SessionStore(memory)]
        reader = SessionStore(memory)
    clients[0].create("a")
    for which, group in commits:
        done = clients[which].commit("a", *(model.apply(step) for step in group))
        assert done.info.count == len(model.rows)
        model.look(reader.load("a").records)
    for client in [*clients, reader, SessionStore(memory)]:
        transcript = client.load("a")
        assert [(record.message, record.key) for record in transcript.records] == [row[:2] for row in model.rows]
        assert [record.seq for record in transcript.records] == list(range(len(model.rows)))
        assert transcript.info.metadata.name == model.name
        assert client.last("a", 3) == list(transcript.records[-3:])
        assert list(client.records("a", start=2)) == list(transcript.records[2:])
        client.close()
    # Nothing is left that the head does not name.
    assert transcript.info.size == sum(listed.size for listed in run(memory.list_page("sessions/")).objects)
