"""Faults that the simulator found in the index, or its making did, each as the few requests that it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from s3store import Conflict, CorruptObject, IndexPolicy, OutcomeUnknown, SessionStore
from s3store.archive import Archive
from s3store.changes import Append, Update
from s3store.errors import StoreUnavailable
from s3store.index.sizes import IndexSizes
from s3store.keys import INDEX_PAGES, MANIFEST, is_transcript_head, transcript_head
from s3store.locations import Opened
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.session import SessionCore
from s3store.streams.commit import CommitPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.objects.base import StoredObject


class InterruptedStore(MemoryStore):
    """Lets something else happen just before a request: `before` says what, at the nth one of a verb on a prefix."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: tuple[str, str, int, Callable[[], object]] | None = None

    def before(self, verb: str, prefix: str, number: int, action: Callable[[], object]) -> None:
        self._waiting = verb, prefix, number, action

    async def get(self, key: str, **options: Any) -> StoredObject:
        self._interrupt("get", key)
        return await super().get(key, **options)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        self._interrupt("put", key)
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)

    def _interrupt(self, verb: str, key: str) -> None:
        if self._waiting is None:
            return
        wanted, prefix, number, action = self._waiting
        if verb == wanted and key.startswith(prefix):
            self._waiting = (wanted, prefix, number - 1, action) if number > 1 else None
            if number == 1:
                action()


@pytest.fixture
def objects() -> InterruptedStore:
    return InterruptedStore()


@pytest.fixture
def store(objects: InterruptedStore) -> SessionStore:
    return SessionStore(objects)


@pytest.fixture
def other(objects: InterruptedStore) -> SessionStore:
    return SessionStore(objects)


def ids(sessions: Any) -> list[str]:
    return [session.id for session in sessions]


def stored_pages(objects: MemoryStore) -> list[str]:
    return [listed.key for listed in run(objects.list_page(INDEX_PAGES)).objects]


def runs(store: SessionStore, number: int) -> None:
    """Make so many runs of one page each."""
    for each in range(number):
        store.append(f"s{each}", "m")
        store.index.compact()


def test_a_compaction_whose_pages_were_merged_meanwhile_was_slower(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    runs(other, 3)
    objects.before("get", INDEX_PAGES, 1, lambda: other.index.compact(everything=True))

    with pytest.raises(Conflict, match="compacted by somebody else"):
        store.index.compact(everything=True)

    assert ids(store.list()) == ["s2", "s1", "s0"]


def test_a_compaction_tells_of_a_page_that_is_missing(objects: InterruptedStore, store: SessionStore) -> None:
    runs(store, 2)
    run(objects.delete(stored_pages(objects)[0]))

    with pytest.raises(CorruptObject, match="names a page that is missing"):
        SessionStore(objects).index.compact(everything=True)


def test_a_sweep_spares_the_pages_of_a_rebuild_under_way(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    runs(other, 3)
    objects.before("put", MANIFEST, 2, lambda: other.index.compact())

    store.index.rebuild()

    assert ids(other.list()) == ["s2", "s1", "s0"]
    assert len(stored_pages(objects)) == 1


def test_of_two_rebuilds_the_one_that_began_last_makes_the_index(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    runs(other, 3)
    objects.before("put", MANIFEST, 2, lambda: other.index.rebuild())

    with pytest.raises(Conflict, match="another rebuild"):
        store.index.rebuild()

    assert ids(other.list()) == ["s2", "s1", "s0"]
    assert len(stored_pages(objects)) == 1


def test_a_rebuild_over_a_damaged_manifest_loses_against_another(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    runs(other, 3)
    run(objects.put(MANIFEST, b"damaged"))
    objects.before("put", MANIFEST, 1, lambda: other.index.rebuild())

    with pytest.raises(Conflict):
        store.index.rebuild()

    assert ids(other.list()) == ["s2", "s1", "s0"]
    assert len(stored_pages(objects)) == 1


def test_what_a_rebuild_leaves_that_died_the_next_one_removes(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    runs(other, 3)
    objects.before("put", MANIFEST, 2, die)
    with pytest.raises(KeyboardInterrupt):
        store.index.rebuild()
    other.index.compact()
    assert len(stored_pages(objects)) == 4

    other.index.rebuild()

    assert len(stored_pages(objects)) == 1
    assert ids(other.list()) == ["s2", "s1", "s0"]


class LateStore(MemoryStore):
    """Keeps back the next swap of a head, once told to: its writer gets no answer, and it arrives on `let_land`."""

    keeps = False

    def __init__(self) -> None:
        super().__init__()
        self._kept: Callable[[], object] = lambda: None

    def let_land(self) -> None:
        self._kept()

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if self.keeps and is_transcript_head(key):
            put = super().put
            self._kept = lambda: run(put(key, body, if_match=if_match, if_absent=if_absent))
            raise StoreUnavailable("no answer")
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


def test_a_provisional_entry_is_not_taken_back_for_an_older_version_that_was_published_late() -> None:
    objects = LateStore()
    archive = Archive(
        Opened(objects, built_in=True),
        BlockingRuntime(),
        CommitPolicy(attempts=2, pause=0.0),
        IndexPolicy(publish_every=1000.0),
    )
    session = SessionCore(archive, "s", bound=False)
    run(session.commit([Append("one")]))
    run(session.commit([Update(state="idle")]))
    run(session.delete())
    objects.keeps = True
    with pytest.raises(OutcomeUnknown):
        run(session.commit([Append("again")]))
    objects.keeps = False

    run(archive.close())
    objects.let_land()

    assert ids(SessionStore(objects).list()) == ["s"]


def test_a_page_of_a_listing_is_of_one_view(
    objects: InterruptedStore, store: SessionStore, other: SessionStore
) -> None:
    runs(other, 5)
    cursor = store.page(limit=1).cursor

    def comes_up() -> None:
        other.append("s0", "more")
        other.index.compact(everything=True)

    reader = SessionStore(objects)
    objects.before("get", INDEX_PAGES, 2, comes_up)
    page = reader.page(limit=2, cursor=cursor)
    rest = reader.page(limit=9, cursor=page.cursor)

    assert [ids(page.sessions), ids(rest.sessions)] == [["s3", "s2"], ["s1"]]


def test_a_list_that_starts_over_shows_what_came_up_past_its_place_on_a_slow_clock(
    objects: InterruptedStore, store: SessionStore, other: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = 0
    start = datetime(2026, 5, 1, tzinfo=UTC)
    monkeypatch.setattr(BlockingRuntime, "now", lambda self: start + timedelta(minutes=minute))
    other._archive.index._sizes = IndexSizes(page_entries=1)
    for number in range(5):
        minute = 10 * number
        other.append(f"s{number}", "m")
    other.index.compact()
    listing = store.list(limit=9)
    found = [next(listing).id, next(listing).id]

    minute = 35
    other.append("s0", "more")
    other.index.compact(everything=True)
    found += ids(listing)

    assert found[:2] == ["s4", "s3"]
    assert sorted(found) == ["s0", "s1", "s2", "s3", "s4"]


def test_a_session_that_a_rebuild_has_dropped_meanwhile_needs_no_mending(
    objects: InterruptedStore, store: SessionStore, other: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3store.index.verify._PAUSE", 0.0)
    runs(other, 2)
    run(objects.delete(transcript_head("s0")))
    # Read once to compare, three times to look again, and then to mend.
    objects.before("get", MANIFEST, 5, lambda: other.index.rebuild())

    found = store.index.verify(fix=True)

    assert [(each.session_id, each.fault) for each in found.differences] == [("s0", "gone")]
    assert ids(other.list()) == ["s1"]
