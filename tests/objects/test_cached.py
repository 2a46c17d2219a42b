"""A cache in front of a store: what is asked, what is given, and what is never given."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from s3store.cache import Cache

from s3store import InvalidOption, NotCached, StoreUnavailable
from s3store.errors import CorruptObject
from s3store.keys import INDEX_LOG, MANIFEST, is_replaced, never_changes
from s3store.objects import NoSuchKey, NotModified, PreconditionFailed
from s3store.objects.base import identified, parsed
from s3store.objects.cached import ASKED, LARGEST_KEPT, CachedStore, Freshness
from s3store.objects.counting import CountingStore, Counts
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.objects.shelf import Shelf, ThreadedShelf
from s3store.objects.threaded import ThreadedStore
from s3store.runtime import run
from s3store.testing import ObjectStoreTests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3store.objects.shelf import Kept

ULID = "01h2xcejqtf2nbrexx3vqjhp41"
HEAD = "sessions/0a/a/transcript.jsonl.zst"
SEGMENT = f"sessions/0a/a/transcript/0000000000-{ULID}.jsonl.zst"
ARTIFACT = f"sessions/0a/a/artifacts/{'0' * 64}-{ULID}"
PAGE = f"index/pages/{ULID}.jsonl.zst"


class Desk:
    """A store with a cache in front, a clock that stands until it is moved, and a count of what the store is asked."""

    def __init__(self, folder: Path) -> None:
        self.objects = MemoryStore()
        self.counting = CountingStore(self.objects)
        self.cache = Cache(folder)
        self.time = 1000.0

    def store(self, freshness: Freshness = ASKED) -> CachedStore:
        """Return what another process would have."""
        shelf = Shelf(self.cache, self.counting.identity, closes=False)
        return CachedStore(self.counting, shelf, freshness, lambda: self.time)

    def asked(self) -> Counts:
        return self.counting.reset()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "cache")
    yield made
    made.cache.close()


class TestCachedStore(ObjectStoreTests):
    @pytest.fixture
    def store(self, desk: Desk) -> CachedStore:
        return desk.store()


class TestCachedForAWhile(ObjectStoreTests):
    @pytest.fixture
    def store(self, desk: Desk) -> CachedStore:
        return desk.store(Freshness(max_age=3600))


@pytest.mark.parametrize("key", [SEGMENT, ARTIFACT, PAGE])
def test_what_never_changes_is_asked_for_once(desk: Desk, key: str) -> None:
    etag = run(desk.objects.put(key, b"12345"))
    assert run(desk.store().get(key)).body == b"12345"
    assert desk.asked() == Counts(gets=1, bytes_down=5)
    again = run(desk.store().get(key))
    assert (again.body, again.etag) == (b"12345", etag)
    assert run(desk.store().get(key, byte_range=(1, 3))).body == b"23"
    with pytest.raises(NotModified):
        run(desk.store().get(key, if_none_match=etag))
    assert desk.asked() == Counts()


@pytest.mark.parametrize("key", [HEAD, MANIFEST, "archive.json"])
def test_what_is_replaced_is_asked_for_and_not_sent_again(desk: Desk, key: str) -> None:
    run(desk.objects.put(key, b"12345"))
    run(desk.store().get(key))
    desk.asked()
    assert run(desk.store().get(key)).body == b"12345"
    assert desk.asked() == Counts(gets=1)
    run(desk.objects.put(key, b"678"))
    assert run(desk.store().get(key)).body == b"678"
    assert desk.asked() == Counts(gets=1, bytes_down=3)


@pytest.mark.parametrize("key", ["check/x", "gc/x.json", "sessions/0a/a/inbox/x.json", "other"])
def test_all_else_is_passed_on(desk: Desk, key: str) -> None:
    store = desk.store(Freshness(max_age=60))
    run(store.put(key, b"1"))
    assert [run(store.get(key)).body for _ in range(2)] == [b"1", b"1"]
    assert desk.asked().gets == 2
    with pytest.raises(NotCached, match=key):
        run(desk.store(Freshness(offline=True)).get(key))


def test_what_was_written_is_kept(desk: Desk) -> None:
    etag = run(desk.store().put(HEAD, b"1"))
    run(desk.store().put(HEAD, b"2", if_match=etag))
    run(desk.store().put(SEGMENT, b"3"))
    desk.asked()
    assert run(desk.store().get(HEAD)).body == b"2"
    assert run(desk.store().get(SEGMENT)).body == b"3"
    assert desk.asked() == Counts(gets=1)


def test_within_max_age_nobody_is_asked(desk: Desk) -> None:
    patient = desk.store(Freshness(max_age=60))
    run(patient.put(HEAD, b"old"))
    run(desk.objects.put(HEAD, b"new"))
    desk.asked()
    desk.time += 59
    assert run(patient.get(HEAD)).body == b"old"
    assert run(desk.store(Freshness(max_age=60)).get(HEAD)).body == b"old"
    assert desk.asked() == Counts()
    desk.time += 1
    assert run(patient.get(HEAD)).body == b"new"


def test_a_304_lets_max_age_begin_anew(desk: Desk) -> None:
    run(desk.store().put(HEAD, b"1"))
    desk.time += 100
    patient = desk.store(Freshness(max_age=5))
    desk.asked()
    for _ in range(3):
        run(patient.get(HEAD))
    assert desk.asked() == Counts(gets=1)


def test_what_is_kept_from_a_time_to_come_is_asked_for(desk: Desk) -> None:
    run(desk.store().put(HEAD, b"1"))
    desk.time -= 500  # the clock was set back
    desk.asked()
    assert run(desk.store(Freshness(max_age=60)).get(HEAD)).body == b"1"
    assert desk.asked() == Counts(gets=1)


def test_offline_gives_what_is_there_and_names_what_is_not(desk: Desk) -> None:
    run(desk.store().put(HEAD, b"1"))
    desk.time += 10_000_000
    desk.asked()
    offline = desk.store(Freshness(offline=True))
    assert run(offline.get(HEAD)).body == b"1"
    with pytest.raises(NotCached, match=SEGMENT):
        run(offline.get(SEGMENT))
    with pytest.raises(NotCached, match=SEGMENT):
        run(offline.get(SEGMENT, byte_range=(0, 1)))
    with pytest.raises(NotCached):
        run(offline.list_page(""))
    for write in (offline.put(HEAD, b"2"), offline.delete(HEAD)):
        with pytest.raises(StoreUnavailable) as refused:
            run(write)
        assert not refused.value.may_have_landed
    assert desk.asked() == Counts()


def test_a_write_that_is_refused_leaves_nothing_kept(desk: Desk) -> None:
    patient = desk.store(Freshness(max_age=60))
    etag = run(patient.put(HEAD, b"1"))
    run(desk.objects.put(HEAD, b"2"))
    with pytest.raises(PreconditionFailed):
        run(patient.put(HEAD, b"3", if_match=etag))
    assert run(patient.get(HEAD)).body == b"2"


def test_what_is_deleted_or_gone_is_forgotten(desk: Desk) -> None:
    patient = desk.store(Freshness(max_age=60))
    for key in (HEAD, SEGMENT):
        run(patient.put(key, b"1"))
        run(patient.delete(key))
        with pytest.raises(NoSuchKey):
            run(patient.get(key))
    run(patient.put(HEAD, b"1"))
    run(desk.objects.delete(HEAD))
    with pytest.raises(NoSuchKey):
        run(desk.store().get(HEAD))
    with pytest.raises(NotCached):
        run(desk.store(Freshness(offline=True)).get(HEAD))


def test_a_cache_that_keeps_nothing_does_not_bring_back_what_was_overwritten(desk: Desk) -> None:
    patient = desk.store(Freshness(max_age=60))
    run(patient.put(HEAD, b"old"))
    desk.time += 1
    put, desk.cache.put = desk.cache.put, lambda *args, **more: None  # type: ignore[method-assign]
    run(patient.put(HEAD, b"new"))
    desk.cache.put = put  # type: ignore[method-assign]
    assert run(patient.get(HEAD)).body == b"new"


def test_a_read_that_a_write_has_overtaken_does_not_bring_back_what_was_before(desk: Desk) -> None:
    shelf = Shelf(desk.cache, desk.counting.identity, closes=False)
    patient = CachedStore(desk.counting, shelf, Freshness(max_age=60), lambda: desk.time)
    began = desk.time
    desk.time += 1
    run(patient.put(HEAD, b"new"))
    run(shelf.put(HEAD, '"tag of old"', b"old", began))
    assert run(patient.get(HEAD)).body == b"new"


def test_a_clock_that_was_set_back_does_not_bring_back_what_was_overwritten(desk: Desk) -> None:
    patient = desk.store(Freshness(max_age=60))
    run(patient.put(HEAD, b"old"))
    desk.time -= 500
    run(patient.put(HEAD, b"new"))
    assert run(patient.get(HEAD)).body == b"new"
    desk.time += 510
    assert run(patient.get(HEAD)).body == b"new"


def test_what_is_too_large_is_not_kept(desk: Desk) -> None:
    store = desk.store()
    run(store.put(SEGMENT, bytes(LARGEST_KEPT + 1)))
    desk.asked()
    assert len(run(store.get(SEGMENT)).body) == LARGEST_KEPT + 1
    assert desk.asked().gets == 1


def test_bytes_that_do_not_pass_the_readers_check_are_read_from_the_store(desk: Desk) -> None:
    def check(body: bytes) -> str:
        if body != b"right":
            raise CorruptObject("not the right bytes")
        return "read"

    etag = run(desk.objects.put(SEGMENT, b"right"))
    name = next(iter(_keep(desk, SEGMENT, etag, b"wrong")))
    assert desk.cache.get(name) is not None
    assert run(parsed(run(desk.store().get(SEGMENT)), check)) == ("read", etag)
    kept = desk.cache.get(name)
    assert kept is not None
    assert kept.body == b"right"
    run(desk.objects.put(SEGMENT, b"bad there as well"))
    _keep(desk, SEGMENT, etag, b"wrong")
    with pytest.raises(CorruptObject):
        run(parsed(run(desk.store().get(SEGMENT)), check))


def _keep(desk: Desk, key: str, tag: str, body: bytes) -> list[str]:
    """Have the cache keep something under a key, behind everybody's back."""
    run(Shelf(desk.cache, desk.counting.identity, closes=False).put(key, tag, body, desk.time))
    return list(desk.cache.names())


def test_stores_are_kept_apart_in_one_cache(desk: Desk, tmp_path: Path) -> None:
    other = MemoryStore()
    run(other.put(SEGMENT, b"of the other"))
    run(desk.store().put(SEGMENT, b"ours"))
    shelf = Shelf(desk.cache, other.identity, closes=False)
    assert run(CachedStore(other, shelf, ASKED, lambda: 0.0).get(SEGMENT)).body == b"of the other"
    assert run(desk.store().get(SEGMENT)).body == b"ours"
    run(shelf.clear())
    assert len(list(desk.cache.names())) == 1


def test_wrappers_are_the_store_inside(tmp_path: Path) -> None:
    directory = DirectoryStore(tmp_path / "a")
    assert run(CountingStore(directory).identity()) == run(directory.identity())
    assert run(directory.identity()) != run(DirectoryStore(tmp_path / "b").identity())

    async def threaded() -> str:
        store = ThreadedStore(directory)
        try:
            return await store.identity()
        finally:
            await store.close()

    assert asyncio.run(threaded()) == run(directory.identity())


def test_a_store_that_does_not_say_which_it_is_gets_no_cache() -> None:
    class Anonymous:
        get = put = delete = list_page = close = MemoryStore.get

    with pytest.raises(InvalidOption, match="identity"):
        identified(Anonymous())  # type: ignore[arg-type]


def test_which_keys_are_kept() -> None:
    assert all(map(never_changes, (SEGMENT, ARTIFACT, PAGE)))
    assert not any(map(never_changes, (HEAD, MANIFEST, "archive.json", INDEX_LOG + "x", "sessions/0a/a/inbox/x.json")))
    assert all(map(is_replaced, (HEAD, MANIFEST, "archive.json", "sessions/0a/~/traces.jsonl.zst")))
    assert not any(map(is_replaced, (SEGMENT, ARTIFACT, PAGE, INDEX_LOG + "x", "check/x")))


class SlowDisk:
    """A cache whose disk answers when the event loop has turned, and not before."""

    def __init__(self) -> None:
        self.turned = threading.Event()
        self.waited = 0

    def _wait(self) -> None:
        self.waited += 1
        assert self.turned.wait(20), "the event loop stood still"

    def get(self, name: str) -> Kept | None:
        self._wait()
        return None

    def put(self, name: str, tag: str, body: bytes, *, at: float | None = None) -> None:
        self._wait()

    def confirm(self, name: str, tag: str, *, at: float | None = None) -> None:
        self._wait()

    def forget(self, name: str) -> None:
        self._wait()

    def names(self, prefix: str = "") -> Iterator[str]:
        self._wait()
        return iter(())

    def close(self) -> None:
        self._wait()


def test_an_event_loop_never_waits_for_the_disk() -> None:
    async def main() -> int:
        disk = SlowDisk()
        memory = MemoryStore()
        shelf = ThreadedShelf(disk, memory.identity)
        store = CachedStore(memory, shelf, ASKED, lambda: 0.0)

        async def turn() -> None:
            while True:
                await asyncio.sleep(0)
                disk.turned.set()

        turning = asyncio.create_task(turn())
        steps = [store.put(HEAD, b"1"), store.get(HEAD), store.delete(HEAD), shelf.confirm(HEAD, "", 0.0)]
        for step in (*steps, shelf.names(), shelf.clear(), store.close()):
            disk.turned.clear()
            await step
        turning.cancel()
        return disk.waited

    assert asyncio.run(main()) >= 7
