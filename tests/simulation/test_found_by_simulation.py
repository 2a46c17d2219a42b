"""Faults that the simulator found in the protocol, each as the few requests that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store.archive import Archive
from s3store.changes import Append, Extend, Replace
from s3store.errors import OutcomeUnknown, SessionNotFound, StoreUnavailable
from s3store.keys import ARCHIVE, is_transcript_head
from s3store.locations import Opened
from s3store.objects.base import StoredObject, WriteRaced
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.session import SessionCore
from s3store.streams.commit import CommitPolicy
from s3store.streams.draft import Sizes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SMALL = Sizes(seal=1, chunk=300)
_POLICY = CommitPolicy(attempts=3, pause=0.0)


class ScriptedStore(MemoryStore):
    """Hands each coming swap of a head to the next function of `script`, until there are no more."""

    def __init__(self) -> None:
        super().__init__()
        self.script: list[Callable[[Callable[[], Awaitable[str]]], Awaitable[str]]] = []
        self.damage = False

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        put = super().put
        if self.script and is_transcript_head(key):
            return await self.script.pop(0)(lambda: put(key, body, if_match=if_match, if_absent=if_absent))
        return await put(key, body, if_match=if_match, if_absent=if_absent)

    async def get(self, key: str, **options: Any) -> StoredObject:
        found = await super().get(key, **options)
        return StoredObject(found.body[:-1], found.etag) if self.damage and is_transcript_head(key) else found


async def _never_arrives(_: Callable[[], Awaitable[str]]) -> str:
    raise StoreUnavailable("no answer")


async def _answer_lost(put: Callable[[], Awaitable[str]]) -> str:
    await put()
    raise StoreUnavailable("no answer")


def _first(other: Callable[[], Awaitable[object]]) -> Callable[[Callable[[], Awaitable[str]]], Awaitable[str]]:
    """Let another process do something before the swap arrives."""

    async def swap(put: Callable[[], Awaitable[str]]) -> str:
        await other()
        return await put()

    return swap


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


def _session(store: MemoryStore) -> SessionCore:
    """Return a session as a process of its own sees it."""
    return SessionCore(
        Archive(Opened(store, built_in=True), BlockingRuntime(), _POLICY, None, _SMALL), "s", bound=False
    )


def _objects(store: MemoryStore) -> list[str]:
    return [listed.key for listed in run(store.list_page("sessions/")).objects]


def test_a_commit_sent_twice_is_told_as_it_was_stored(store: ScriptedStore) -> None:
    """The second sending must be the same bytes: its segments were deleted as those of one that had not landed."""
    session = _session(store)
    store.script = [_never_arrives, _answer_lost]

    told = run(session.commit([Extend([f"message {n}" for n in range(9)])])).info

    shown = run(_session(store).load())
    assert shown.info == told
    assert len(shown.messages) == 9


def test_a_delete_takes_what_was_sealed_since_it_looked(store: ScriptedStore) -> None:
    session, other = _session(store), _session(store)
    run(session.commit([Append("one")]))
    store.script = [_first(lambda: other.commit([Append("two")]))]

    assert run(session.delete())

    assert all(is_transcript_head(key) for key in _objects(store))


def test_a_save_keeps_the_keys_of_what_stays_the_same_within_a_segment(store: ScriptedStore) -> None:
    session = _session(store)
    run(session.commit([Extend(["one", "two"], keys=["k1", "k2"])]))
    run(session.commit([Append("three")]))
    assert any(not is_transcript_head(key) for key in _objects(store))

    run(session.commit([Replace(["one", "other"])]))
    repeated = run(session.commit([Append("again", key="k1")]))

    assert repeated.appended == 0
    assert [(record.message, record.key) for record in run(session.load()).records] == [("one", "k1"), ("other", None)]


def test_settling_a_commit_does_not_revive_a_session_that_is_deleted_meanwhile(store: ScriptedStore) -> None:
    session, other = _session(store), _session(store)
    run(session.commit([Append("one")]))
    store.script = [_never_arrives] * 3
    with pytest.raises(OutcomeUnknown) as unknown:
        run(session.commit([Append("two")]))
    store.script = [_first(other.delete)]

    assert not run(session.resolve(unknown.value.commit_id))

    with pytest.raises(SessionNotFound):
        run(session.load())


def test_settling_a_commit_goes_on_when_a_session_is_created_meanwhile(store: ScriptedStore) -> None:
    session, other = _session(store), _session(store)
    store.script = [_never_arrives] * 3
    with pytest.raises(OutcomeUnknown) as unknown:
        run(session.commit([Append("one")]))
    store.script = [_first(lambda: other.commit([Append("two")]))]

    assert not run(session.resolve(unknown.value.commit_id))

    assert run(session.load()).messages == ["two"]


def test_a_commit_that_may_have_landed_is_unknown_when_the_head_cannot_be_read(store: ScriptedStore) -> None:
    session = _session(store)

    async def lost_and_damaged(put: Callable[[], Awaitable[str]]) -> str:
        store.damage = True
        return await _answer_lost(put)

    store.script = [lost_and_damaged]
    with pytest.raises(OutcomeUnknown) as unknown:
        run(session.commit([Append("one")]))

    store.damage = False
    assert run(session.resolve(unknown.value.commit_id))


def test_a_record_of_the_archive_that_cannot_be_made_now_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    put = MemoryStore.put

    async def raced(self: MemoryStore, key: str, body: bytes, **condition: Any) -> str:
        if key == ARCHIVE:
            raise WriteRaced(key)
        return await put(self, key, body, **condition)

    monkeypatch.setattr(MemoryStore, "put", raced)
    with pytest.raises(StoreUnavailable) as outage:
        run(_session(MemoryStore()).commit([Append("one")]))

    assert not outage.value.may_have_landed
