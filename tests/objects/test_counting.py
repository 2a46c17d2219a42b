from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from s3store.objects import MIN_PART, NoSuchKey, NotModified, PreconditionFailed
from s3store.objects.counting import CountingStore, Counts
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.testing import ObjectStoreTests


class TestCountingStore(ObjectStoreTests):
    @pytest.fixture
    def store(self) -> CountingStore:
        return CountingStore(MemoryStore())


def test_requests_and_bytes_are_counted_by_kind() -> None:
    store = CountingStore(MemoryStore())
    run(store.put("a", b"12345"))
    run(store.get("a"))
    run(store.get("a", byte_range=(0, 2)))
    run(store.list_page(""))
    run(store.delete("a"))
    assert store.counts == Counts(gets=2, puts=1, deletes=1, lists=1, bytes_up=5, bytes_down=7)
    assert store.counts.requests == 5


def test_the_steps_of_an_upload_are_counted_in_their_price_classes() -> None:
    store = CountingStore(MemoryStore())
    upload = run(store.begin_upload("a", part_size=MIN_PART))
    part = run(store.put_part(upload, 1, b"12345"))
    run(store.parts(upload))
    run(store.list_uploads(""))
    run(store.finish_upload(upload, [part]))
    run(store.abort_upload(upload))
    run(store.size("a"))
    run(store.list_versions(""))
    run(store.delete_version("a", ""))
    assert store.counts == Counts(gets=1, puts=3, deletes=2, lists=3, bytes_up=5)


def test_refused_requests_count_too() -> None:
    store = CountingStore(MemoryStore())
    etag = run(store.put("a", b"12345"))
    with pytest.raises(PreconditionFailed):
        run(store.put("a", b"123", if_absent=True))
    with pytest.raises(NotModified):
        run(store.get("a", if_none_match=etag))
    with pytest.raises(NoSuchKey):
        run(store.delete("b", if_match=etag))
    assert store.counts == Counts(gets=1, puts=2, deletes=1, bytes_up=8)


def test_reset_returns_the_counts_and_starts_again() -> None:
    store = CountingStore(MemoryStore())
    run(store.put("a", b"1"))
    assert store.reset() == Counts(puts=1, bytes_up=1)
    assert store.counts == Counts()


def test_counts_that_were_read_do_not_change() -> None:
    store = CountingStore(MemoryStore())
    before = store.counts
    run(store.put("a", b"1"))
    assert before == Counts()


def test_threads_lose_no_count() -> None:
    store = CountingStore(MemoryStore())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: run(store.put(f"{number}", b"12")), range(400)))
    assert store.counts == Counts(puts=400, bytes_up=800)
