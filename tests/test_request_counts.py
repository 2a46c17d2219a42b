"""What a call costs: requests, and bytes on their way."""

from __future__ import annotations

import hashlib
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import pytest

from s3store import Append, IndexPolicy, SessionExists, SessionStore, Update
from s3store.archive import Archive
from s3store.objects.counting import CountingStore, Counts
from s3store.streams.draft import Sizes
from tests.archives import QUICK
from tests.small_pages import SmallPages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


@pytest.fixture
def counted(memory: Place) -> CountingStore:
    """A store that holds an archive already."""
    memory.open().append("before", "x")
    return CountingStore(memory.objects)


@pytest.fixture
def store(counted: CountingStore) -> Iterator[SessionStore]:
    """A client that has written before, so that it knows the archive."""
    with SessionStore(counted, policy=QUICK) as store:
        store.append("warm", "up")
        counted.reset()
        yield store


def test_the_first_write_of_a_client_reads_the_archives_record_once(counted: CountingStore) -> None:
    with SessionStore(counted) as store:
        assert counted.counts.requests == 0
        store.create("a")
        assert cost(counted) == (1, 3, 0, 0)
        store.create("b")
        assert cost(counted) == (0, 3, 0, 0)


def cost(counted: CountingStore) -> tuple[int, int, int, int]:
    """GETs, PUTs, DELETEs and LISTs since the last call."""
    counts = counted.reset()
    return counts.gets, counts.puts, counts.deletes, counts.lists


def test_an_append_to_a_session_whose_head_is_known_is_a_put_and_one_for_the_index(
    store: SessionStore, counted: CountingStore
) -> None:
    for number in range(5):
        store.append("warm", number)
        assert cost(counted) == (0, 2, 0, 0)
    handle = store.session("warm")
    handle.append("x")
    assert cost(counted) == (0, 2, 0, 0)
    store.commit("warm", *(Append(number) for number in range(10)), Update(state="idle"))
    assert cost(counted) == (0, 2, 0, 0)


def test_an_append_whose_listing_may_wait_is_one_put(counted: CountingStore) -> None:
    with SessionStore(counted, index=IndexPolicy(publish_every=3600)) as store:
        store.append("warm", "up")
        cost(counted)
        for number in range(20):
            store.append("warm", number)
            assert cost(counted) == (0, 1, 0, 0)


def test_an_append_to_a_session_that_was_loaded_reads_nothing(store: SessionStore, counted: CountingStore) -> None:
    store.load("before")
    assert cost(counted) == (1, 0, 0, 0)
    store.append("before", "y")
    assert cost(counted) == (0, 2, 0, 0)


def test_a_blind_append_reads_the_head_and_a_new_session_is_announced(
    store: SessionStore, counted: CountingStore
) -> None:
    store.append("before", "y")
    assert cost(counted) == (1, 2, 0, 0)
    store.append("new", "y")
    assert cost(counted) == (1, 3, 0, 0)


def test_a_guess_that_is_out_of_date_costs_two_more(store: SessionStore, counted: CountingStore, memory: Place) -> None:
    memory.open().append("warm", "by another")
    store.append("warm", "y")
    assert cost(counted) == (1, 3, 0, 0)


def test_create_is_three_puts_and_reads_only_where_there_is_a_session(
    store: SessionStore, counted: CountingStore
) -> None:
    store.create("a", ["x"])
    assert cost(counted) == (0, 3, 0, 0)  # announced, stored, confirmed
    with pytest.raises(SessionExists):
        store.create("before", ["x"])
    assert cost(counted) == (1, 2, 0, 0)


def test_a_repeat_of_a_key_writes_nothing(store: SessionStore, counted: CountingStore) -> None:
    store.append("warm", "x", key="k")
    cost(counted)
    store.append("warm", "x", key="k")
    assert cost(counted) == (1, 0, 0, 0)


@pytest.mark.usefixtures("small_parts")
def test_a_resume_is_a_get_for_the_head_and_one_for_each_segment(counted: CountingStore) -> None:
    with SessionStore(counted) as store:
        for number in range(6):
            store.append("a", number)
    segments = 5
    cost(counted)
    with SessionStore(counted) as store:
        store.load("a")
        assert cost(counted) == (1 + segments, 0, 0, 0)
        list(store.records("a"))
        assert cost(counted) == (1 + segments, 0, 0, 0)
        store.last("a", 1)
        assert cost(counted) == (1, 0, 0, 0)
        store.last("a", 2)
        assert cost(counted) == (2, 0, 0, 0)
        list(store.records("a", start=4))
        assert cost(counted) == (2, 0, 0, 0)
        store.info("a")
        assert cost(counted) == (1, 0, 0, 0)
        store.exists("a")
        assert cost(counted) == (1, 0, 0, 0)


@pytest.mark.usefixtures("small_parts")
def test_an_append_that_seals_is_a_put_more_and_reads_nothing(counted: CountingStore) -> None:
    with SessionStore(counted) as store:
        store.append("a", 0, key="k0")
        cost(counted)
        for number in range(1, 6):
            store.append("a", number, key=f"k{number}")
            assert cost(counted) == (0, 3, 0, 0)


def test_delete_is_two_lists_a_get_two_puts_and_a_delete_for_each_segment(
    counted: CountingStore, store: SessionStore, small_parts: None
) -> None:
    store.delete("before")
    assert cost(counted) == (1, 2, 0, 2)
    store.delete("never was")
    assert cost(counted) == (1, 0, 0, 2)
    with SessionStore(counted) as small:
        for number in range(4):
            small.append("a", number)
        cost(counted)
        small.delete("a")
        assert cost(counted) == (1, 2, 3, 2)


def test_a_sibling_makes_a_delete_two_gets_and_a_put_dearer(counted: CountingStore, store: SessionStore) -> None:
    store.append("a", 1)
    store.traces("a").append({"n": 1})
    cost(counted)
    store.delete("a")
    assert cost(counted) == (3, 3, 0, 2)


def test_a_clean_up_of_what_has_nothing_to_clean_is_listings(counted: CountingStore, store: SessionStore) -> None:
    for number in range(3):
        store.append(f"s{number}", 1)
    cost(counted)
    store.cleanup()
    # The store is asked for its time by a PUT, a LIST and a DELETE; then one LIST for the checks, one for erasures that
    # were broken off, one for what was erased lately, one that tells that a page holds all sessions, and two for the
    # packs and for the sessions: of objects, and of uploads.
    assert cost(counted) == (0, 1, 1, 5 + 2 * 2)


def test_a_clean_up_of_more_than_a_page_lists_all_prefixes_side_by_side(memory: Place) -> None:
    counted = SmallPages(memory.objects)
    with SessionStore(counted, index=IndexPolicy(compact_after=None)) as store:
        for number in range(21):
            store.append(f"s{number}", 1)
    cost(counted)
    with SessionStore(counted) as store:
        store.cleanup()
        assert cost(counted) == (1, 1, 1, 5 + 2 * 257)


def test_scan_is_a_list_and_a_get_for_each_session(store: SessionStore, counted: CountingStore) -> None:
    assert len(list(store.scan())) == 2
    assert cost(counted) == (2, 0, 0, 1)


def words(number: int) -> str:
    """Some text that does not compress well."""
    return "".join(hashlib.sha256(f"{number}/{part}".encode()).hexdigest() for part in range(40))


@pytest.mark.usefixtures("small_parts")
def test_a_save_that_extends_a_sealed_transcript_sends_only_what_is_new(counted: CountingStore) -> None:
    messages = [words(number) for number in range(100)]
    with SessionStore(counted) as store:
        store.save("a", messages)
        whole = counted.reset()
        assert whole.puts == 100 + 2
        store.save("a", [*messages, "new"])
        more = counted.reset()
        assert more.puts == 2 + 1
        assert more.bytes_up < whole.bytes_up / 2
        assert more.deletes == 0
        store.save("a", [*messages[:50], "from here on"])
        less = counted.reset()
        assert (less.gets, less.puts) == (1, 1 + 1)  # the segment in which they part is read
        assert less.deletes == 50
        assert store.load("a").messages == [*messages[:50], "from here on"]


@pytest.mark.parametrize("ending", ["replaced by save", "replaced by replace_last"])
def test_a_tail_whose_last_record_changes_again_and_again_is_sealed_too(
    counted: CountingStore, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr("s3store.blocking.Archive", partial(Archive, sizes=Sizes(seal=20_000)))
    messages = [words(number) for number in range(20)]
    with SessionStore(counted) as store:
        store.save("a", [*messages, "ending 0"])
        for number in range(1, 10):
            counted.reset()
            if ending == "replaced by save":
                store.save("a", [*messages, f"ending {number}"])
            else:
                store.replace_last("a", f"ending {number}")
            counts = counted.reset()
        assert (counts.gets, counts.puts, counts.deletes) == (0, 2, 0)
        assert counts.bytes_up < 5_000
        assert store.load("a").messages == [*messages, "ending 9"]
        store.remove_last("a")
        store.replace_last("a", "the last of a segment")
        counted.reset()
        store.replace_last("a", "again")
        assert counted.reset().bytes_up < 5_000
        assert store.load("a").messages == [*messages[:-1], "again"]


def test_nothing_is_sent_by_opening_and_closing(counted: CountingStore) -> None:
    with SessionStore(counted) as store:
        store.session("a")
    assert counted.counts == Counts()


def test_a_long_transcript_is_iterated_in_bounded_memory(memory: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.blocking.Archive", partial(Archive, sizes=Sizes(chunk=100_000)))
    store = memory.open()
    store.save("a", [{"number": number, "content": "word " * 1000} for number in range(4000)])
    tracemalloc.start()
    try:
        numbers = [record.message["number"] for record in memory.open().records("a")]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert numbers == list(range(4000))
    assert peak < 4_000_000
