"""The blocking face against a model in plain Python: any calls in any order, through two stores on one place."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from s3store import SessionStore
from s3store.archive import Archive
from s3store.changes import Change, Clear, Extend, RemoveLast, ReplaceLast, Update
from s3store.errors import Conflict, InvalidRecord, SessionDeleted, SessionExists, SessionNotFound
from s3store.locations import Opened
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime
from s3store.streams.commit import CommitPolicy
from s3store.streams.draft import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from s3store.model import Record, SessionInfo
    from s3store.objects.base import ObjectStore

_IDS = ("plain", "", ".", "../climbing", "a/b", "ä %2F", "~", "😀\n", "long " * 60)
_KEYS = ("k", "ключ")
_SIZES = (Sizes(seal=1, chunk=200), Sizes(seal=250, chunk=600), Sizes(seal=300, chunk=100_000), Sizes())

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8)
    | st.just("\ud800")
)
_messages = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_keys = st.none() | st.sampled_from(_KEYS)
_entries = st.lists(st.tuples(_messages, _keys), max_size=4)
# Two ids in a run: enough to mix sessions up, and few enough to come back to each of them.
_ids = st.runner().flatmap(lambda machine: st.sampled_from(machine.ids))
_edits = st.lists(
    st.tuples(st.sampled_from(("extend", "extend", "remove last", "replace last", "clear")), _entries),
    min_size=1,
    max_size=7,
)
_which = st.integers(0, 1)
_metadata = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | st.sampled_from(("one", "two")),
        "labels": st.sets(st.sampled_from(("red", "blue"))),
        "attributes": st.dictionaries(st.sampled_from(("a", "b")), st.integers(-9, 9), max_size=2),
    },
)


def _text(message: object) -> str:
    """Return what tells messages apart that Python holds for equal, such as 1, 1.0 and True."""
    return json.dumps(message)


@dataclass
class Model:
    """A session as it should be."""

    entries: list[tuple[Any, str | None]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=lambda: {"name": None, "labels": set(), "attributes": {}})
    info: SessionInfo | None = None
    """What the last write returned."""

    def extend(self, entries: Sequence[tuple[Any, str | None]]) -> int:
        before = len(self.entries)
        for message, key in entries:
            if key is None or key not in {known for _, known in self.entries}:
                self.entries.append((message, key))
        return len(self.entries) - before

    def replace(self, entries: Sequence[tuple[Any, str | None]]) -> None:
        same = 0
        while same < min(len(entries), len(self.entries)) and _text(entries[same][0]) == _text(self.entries[same][0]):
            same += 1
        self.entries[same:] = entries[same:]


def _each_key_once(entries: Sequence[tuple[Any, str | None]]) -> list[tuple[Any, str | None]]:
    keys = [key for _, key in entries]
    return [(message, None if key in keys[:place] else key) for place, (message, key) in enumerate(entries)]


def _commit_both(
    store: SessionStore, session_id: str, model: Model, edits: Sequence[tuple[str, list[Any]]], state: str
) -> SessionInfo:
    """Make changes in one commit, to a session and to its model, and compare what they did."""
    appended, removed, cleared = 0, [], 0
    changes: list[Change] = [Update(state=state)]
    for kind, entries in edits:
        messages, keys = [message for message, _ in entries], [key for _, key in entries]
        match kind:
            case "extend":
                changes.append(Extend(messages, keys=keys))
                appended += model.extend(entries)
            case "remove last":
                changes.append(RemoveLast())
                removed += model.entries[-1:]
                del model.entries[-1:]
            case "replace last" if entries:
                changes.append(ReplaceLast(messages[0]))
                removed += model.entries[-1:]
                model.entries[-1:] = [(messages[0], key) for _, key in model.entries[-1:]]
            case "clear":
                changes.append(Clear())
                cleared += len(model.entries)
                model.entries.clear()
    committed = store.commit(session_id, *changes)
    assert (committed.appended, committed.cleared) == (appended, cleared)
    assert _shown(committed.removed) == _texts(removed)
    assert committed.commit_id is not None
    return committed.info


def _with_sizes(objects: ObjectStore, sizes: Sizes) -> SessionStore:
    """Return a store with small sizes: nothing else seals, unseals and deletes segments all the time."""
    store = SessionStore(objects)
    store._archive = Archive(Opened(objects, built_in=True), BlockingRuntime(), CommitPolicy(), None, sizes)
    return store


class SessionMachine(RuleBasedStateMachine):
    """Calls the product and the model side by side."""

    new_place: Callable[[Path], Callable[[], ObjectStore]]

    @initialize(sizes=st.sampled_from(_SIZES), ids=st.permutations(_IDS))
    def open(self, sizes: Sizes, ids: list[str]) -> None:
        self.ids = ids[:2]
        self._folder = tempfile.TemporaryDirectory()
        self._new_store = type(self).new_place(Path(self._folder.name))
        self._sizes = sizes
        self._stores = [self._opened(), self._opened()]
        self._live: dict[str, Model] = {}
        self._versions: dict[str, int] = {}
        self._touched: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "_stores"):
            assert {info.id: info for info in self._stores[0].scan()} == {
                session_id: model.info for session_id, model in self._live.items()
            }
            for store in self._stores:
                store.close()
            self._folder.cleanup()

    @rule(which=_which)
    def reopen(self, which: int) -> None:
        self._stores[which].close()
        self._stores[which] = self._opened()

    @rule(which=_which, session_id=_ids, entries=_entries, metadata=_metadata)
    def create(self, which: int, session_id: str, entries: list[Any], metadata: dict[str, Any]) -> None:
        messages, keys = [message for message, _ in entries], [key for _, key in entries]
        if session_id in self._live:
            with pytest.raises(SessionExists):
                self._stores[which].create(session_id, messages, keys=keys, **metadata)
            return
        model = Model()
        model.extend(entries)
        self._wrote(
            session_id, model, metadata, self._stores[which].create(session_id, messages, keys=keys, **metadata)
        )

    @rule(which=_which, session_id=_ids, entries=_entries, kept=st.integers(0, 9), metadata=_metadata)
    def save(self, which: int, session_id: str, entries: list[Any], kept: int, metadata: dict[str, Any]) -> None:
        model = self._live.get(session_id, Model())
        entries = [(message, None) for message, _ in model.entries[:kept]] + _each_key_once(entries)
        messages, keys = [message for message, _ in entries], [key for _, key in entries]
        info = self._stores[which].save(session_id, messages, keys=keys, **metadata)
        model.replace(entries)
        self._wrote(session_id, model, metadata, info)

    @rule(which=_which, session_id=_ids, message=_messages, key=_keys, exist=st.booleans())
    def append(self, which: int, session_id: str, message: object, key: str | None, *, exist: bool) -> None:
        if exist and session_id not in self._live:
            with pytest.raises(SessionNotFound):
                self._stores[which].append(session_id, message, key=key, must_exist=True)
            return
        info = self._stores[which].append(session_id, message, key=key, must_exist=exist)
        self._added(session_id, [(message, key)], info)

    @rule(which=_which, session_id=_ids, entries=_entries)
    def extend(self, which: int, session_id: str, entries: list[Any]) -> None:
        messages, keys = [message for message, _ in entries], [key for _, key in entries]
        self._added(session_id, entries, self._stores[which].extend(session_id, messages, keys=keys))

    @rule(which=_which, session_id=_ids, message=_messages, off=st.integers(-1, 1))
    def append_to_a_version(self, which: int, session_id: str, message: object, off: int) -> None:
        version = self._versions[session_id] if session_id in self._live else 0
        if off and version + off >= 0:
            with pytest.raises(Conflict):
                self._stores[which].append(session_id, message, expected_version=version + off)
            return
        info = self._stores[which].append(session_id, message, expected_version=version)
        self._added(session_id, [(message, None)], info)

    @rule(which=_which, session_id=_ids, message=_messages)
    def replace_last(self, which: int, session_id: str, message: object) -> None:
        model = self._model_of(session_id, lambda: self._stores[which].replace_last(session_id, message))
        if model is not None:
            assert self._stores[which].replace_last(session_id, message) is bool(model.entries)
            if model.entries:
                model.entries[-1] = (message, model.entries[-1][1])
                self._wrote(session_id, model, {})

    @rule(which=_which, session_id=_ids, times=st.integers(1, 4))
    def remove_last(self, which: int, session_id: str, times: int) -> None:
        model = self._model_of(session_id, lambda: self._stores[which].remove_last(session_id))
        if model is None:
            return
        for _ in range(times):
            removed = self._stores[which].remove_last(session_id)
            assert _shown([] if removed is None else [removed]) == _texts(model.entries[-1:])
            if model.entries:
                model.entries.pop()
                self._wrote(session_id, model, {})

    @rule(which=_which, session_id=_ids)
    def clear(self, which: int, session_id: str) -> None:
        model = self._model_of(session_id, lambda: self._stores[which].clear(session_id))
        if model is not None:
            assert self._stores[which].clear(session_id) == len(model.entries)
            if model.entries:
                model.entries.clear()
                self._wrote(session_id, model, {})

    @rule(which=_which, session_id=_ids, metadata=_metadata)
    def update(self, which: int, session_id: str, metadata: dict[str, Any]) -> None:
        model = self._model_of(session_id, lambda: self._stores[which].update(session_id, **metadata))
        if model is not None:
            info = self._stores[which].update(session_id, **metadata)
            if {**model.metadata, **metadata} != model.metadata:
                self._wrote(session_id, model, metadata, info)
            assert info == model.info

    @rule(which=_which, session_id=_ids, edits=_edits)
    def commit(self, which: int, session_id: str, edits: list[tuple[str, list[Any]]]) -> None:
        """Several changes at once, of which each sees what the one before has left."""
        model = self._live.get(session_id, Model())
        state = f"at {self._versions.get(session_id, 0)}"
        info = _commit_both(self._stores[which], session_id, model, edits, state)
        self._wrote(session_id, model, {}, info)

    @rule(which=_which, session_id=_ids)
    def delete(self, which: int, session_id: str) -> None:
        existed = self._live.pop(session_id, None) is not None
        assert self._stores[which].delete(session_id) is existed
        self._versions[session_id] = self._versions.get(session_id, 0) + existed
        self._touched.add(session_id)

    @rule(which=_which, session_id=_ids, number=st.integers(0, 6), start=st.integers(0, 6))
    def read_parts(self, which: int, session_id: str, number: int, start: int) -> None:
        store = self._stores[which]
        model = self._model_of(session_id, lambda: store.last(session_id, number))
        if model is not None:
            count = len(model.entries)
            assert _shown(store.last(session_id, number)) == _texts(model.entries[max(0, count - number) :])
            assert _shown(store.records(session_id, start=start)) == _texts(model.entries[start:])
            assert store.info(session_id) == model.info
        else:
            with pytest.raises(SessionNotFound):
                list(store.records(session_id, start=start))

    @rule(which=_which, session_id=_ids)
    def refuse_what_is_no_json(self, which: int, session_id: str) -> None:
        with pytest.raises(InvalidRecord):
            self._stores[which].extend(session_id, ["fine", float("nan")])
        self._touched.add(session_id)

    @rule(which=_which, session_id=_ids, message=_messages)
    def append_by_a_handle(self, which: int, session_id: str, message: object) -> None:
        handle = self._stores[which].session(session_id)
        self._added(session_id, [(message, None)], handle.append(message))
        assert handle.info() == self._live[session_id].info

    @rule(which=_which, session_id=_ids, message=_messages, again=st.booleans())
    def outlive_a_session(self, which: int, session_id: str, message: object, *, again: bool) -> None:
        handle = self._stores[which].session(session_id)
        self._added(session_id, [(message, None)], handle.append(message))
        self.delete(1 - which, session_id)
        if again:
            self.append(1 - which, session_id, message, None, exist=False)
        for call in (handle.load, handle.info, handle.delete, handle.clear, lambda: handle.append(message)):
            with pytest.raises(SessionDeleted):
                call()

    @invariant()
    def both_stores_show_what_the_model_holds(self) -> None:
        for session_id in sorted(getattr(self, "_touched", ())):
            model = self._live.get(session_id)
            for store in self._stores:
                assert store.exists(session_id) is (model is not None)
                if model is None:
                    with pytest.raises(SessionNotFound):
                        store.load(session_id)
                else:
                    transcript = store.load(session_id)
                    assert transcript.info == model.info
                    assert _shown(transcript.records) == _texts(model.entries)
                    assert [_text(message) for message in transcript.messages] == [
                        _text(message) for message, _ in model.entries
                    ]
        self._touched = set()

    def _opened(self) -> SessionStore:
        return _with_sizes(self._new_store(), self._sizes)

    def _model_of(self, session_id: str, call: Callable[[], object]) -> Model | None:
        """Return the model of a session; where there is none, check that the call says so."""
        model = self._live.get(session_id)
        if model is None:
            with pytest.raises(SessionNotFound):
                call()
        return model

    def _added(self, session_id: str, entries: Sequence[tuple[Any, str | None]], info: SessionInfo) -> None:
        model = self._live.get(session_id)
        if model is not None and not model.extend(entries):
            assert info == model.info
            return
        if model is None:
            model = Model()
            model.extend(entries)
        self._wrote(session_id, model, {}, info)

    def _wrote(self, session_id: str, model: Model, metadata: dict[str, Any], info: SessionInfo | None = None) -> None:
        """Check what a write returned (or what is shown after it), and remember it."""
        info = self._stores[0].info(session_id) if info is None else info
        model.metadata.update(metadata)
        before, model.info = model.info, info
        self._live[session_id] = model
        self._versions[session_id] = self._versions.get(session_id, 0) + 1
        self._touched.add(session_id)
        assert (info.id, info.version, info.count) == (session_id, self._versions[session_id], len(model.entries))
        assert info.metadata.name == model.metadata["name"]
        assert info.metadata.labels == model.metadata["labels"]
        assert dict(info.metadata.attributes) == model.metadata["attributes"]
        if before is not None:
            assert (info.incarnation, info.created_at) == (before.incarnation, before.created_at)
            assert info.updated_at > before.updated_at


def _texts(entries: Iterable[tuple[Any, str | None]]) -> list[tuple[str, str | None]]:
    return [(_text(message), key) for message, key in entries]


def _shown(records: Iterable[Record]) -> list[tuple[str, str | None]]:
    return [(_text(record.message), record.key) for record in records]


class MemoryMachine(SessionMachine):
    @staticmethod
    def new_place(folder: Path) -> Callable[[], ObjectStore]:
        store = MemoryStore()
        return lambda: store


class DirectoryMachine(SessionMachine):
    @staticmethod
    def new_place(folder: Path) -> Callable[[], ObjectStore]:
        return lambda: DirectoryStore(folder / "archive", durable=False)


_bounded = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestMemory = MemoryMachine.TestCase
TestMemory.settings = _bounded
TestDirectory = DirectoryMachine.TestCase
TestDirectory.settings = settings(_bounded, max_examples=20)


_FEW_EDITS: tuple[tuple[str, list[Any]], ...] = (
    ("extend", [("one", "k1")]),
    ("extend", [("two", "k2"), ("three", None)]),
    ("extend", [("four", None)]),
    ("remove last", []),
    ("remove last", []),
    ("replace last", [("five", None)]),
    ("clear", []),
)
_few_commits = st.lists(st.lists(st.sampled_from(_FEW_EDITS), min_size=1, max_size=4), min_size=6, max_size=12)


@settings(_bounded, max_examples=250)
@given(commits=_few_commits, sizes=st.sampled_from((Sizes(seal=1), Sizes(seal=1, chunk=400))))
def test_a_key_is_stored_once_however_records_are_sealed_and_taken_back(
    commits: list[list[tuple[str, list[Any]]]], sizes: Sizes
) -> None:
    model = Model()
    with _with_sizes(MemoryStore(), sizes) as store:
        for number, edits in enumerate(commits):
            _commit_both(store, "s", model, edits, f"at {number}")
        assert _shown(store.load("s").records) == _texts(model.entries)
