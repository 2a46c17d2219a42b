"""The clean-up removes what no head names, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from s3store import InvalidOption, SessionStore
from s3store.keys import StreamKeys, body_name, segment_name
from s3store.objects.base import MIN_PART
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.head import unpack_head
from s3store.streams.segments import pack_segment
from tests.small_pages import SmallPages

if TYPE_CHECKING:
    from s3store.longterm.reports import CleanUpProgress

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ULID = "01m7wfy0frb4sa6wnn7wrgjxmk"
LARGE = b"body" * 10_000


def segment(session_id: str, stream: str = "transcript") -> str:
    return StreamKeys.of(session_id, stream).segment(segment_name(7, ULID))


def body(session_id: str) -> str:
    return StreamKeys.of(session_id, "artifacts").body(body_name(ULID, "0" * 64))


@pytest.mark.usefixtures("small_parts")
def test_what_no_head_names_goes_and_all_that_is_named_stays(place: Place) -> None:
    store = place.open()
    for number in range(4):
        store.append("a", number)
        store.traces("a").append({"n": number})
    store.artifacts("a").put("named", LARGE)
    before = place.listed("sessions/")
    orphans = [segment("a"), segment("a", "traces"), body("a"), segment("never was"), body("never was")]
    for key in orphans:
        place.write(key, b"orphan")
    run(place.objects.begin_upload(body("b"), part_size=MIN_PART))
    place.write("check/01/left", b"behind")

    looked = store.cleanup(older_than=0, dry_run=True)
    assert set(place.listed("sessions/")) == {*before, *orphans}
    done = store.cleanup(older_than=0)

    assert done.removed == {"segment": 3, "body": 2, "upload": 1, "check": 1}
    assert done.bytes == 6 * len("orphan")
    assert (looked.removed, looked.bytes, looked.left) == (done.removed, done.bytes, done.left)
    assert not done.left
    assert not done.failures
    tombstones = {StreamKeys.of("never was", stream).head for stream in ("transcript", "artifacts")}
    assert set(place.listed("sessions/")) == {*before, *tombstones}
    assert place.listed("check/") == []
    assert run(place.objects.list_uploads("")) == []
    again = place.open()
    assert again.load("a").messages == [0, 1, 2, 3]
    assert again.traces("a").load() == [{"n": number} for number in range(4)]
    assert again.artifacts("a").get("named").data == LARGE
    assert again.index.verify().right
    assert again.cleanup(older_than=0).removed.total() == 0


def test_what_is_young_is_left(place: Place) -> None:
    store = place.open()
    store.append("a", 1)
    place.write(segment("a"), b"work in progress")

    done = store.cleanup()

    assert done.removed.total() == 0
    assert done.left == {"young": 1}
    assert segment("a") in place.listed()


def test_the_age_is_taken_by_the_stores_clock() -> None:
    time = datetime(2001, 1, 1, tzinfo=UTC)
    objects = MemoryStore(clock=lambda: time)
    with SessionStore(objects) as store:
        store.append("a", 1)
        run(objects.put(segment("a"), b"orphan"))
        run(objects.begin_upload(body("a"), part_size=MIN_PART))
        time += timedelta(hours=23)
        assert store.cleanup().left == {"young": 2}
        time += timedelta(hours=2)
        assert store.cleanup().removed == {"segment": 1, "upload": 1}


def test_a_fence_is_raised_only_where_there_is_something_to_remove() -> None:
    objects = CountingStore(MemoryStore())
    with SessionStore(objects) as store:
        for session_id in ("a", "b"):
            store.append(session_id, 1)
            store.artifacts(session_id).put("named", LARGE)
        run(objects.put(body("b"), b"orphan"))
        before = store.info("a")
        objects.reset()

        store.cleanup(older_than=0)

        # The clock's, and the head that is fenced.
        assert objects.counts.puts == 2
        assert store.info("a") == before
        keys = StreamKeys.of("b", "artifacts")
        assert unpack_head(keys, run(objects.get(keys.head)).body).fence == 1


def test_a_clean_up_is_no_news_of_a_session(memory: Place) -> None:
    store = memory.open()
    for session_id in ("a", "b"):
        store.append(session_id, 1)
    memory.write(segment("a"), b"orphan")
    before = store.info("a")

    store.cleanup(older_than=0)

    after = store.info("a")
    assert after.version == before.version + 1
    assert after.updated_at - before.updated_at == timedelta(microseconds=1)
    assert [found.id for found in memory.open().list()] == ["b", "a"]


def test_what_was_saved_together_still_belongs_together(memory: Place) -> None:
    store = memory.open()
    store.save_all("a", transcript=[1], traces=[{"n": 1}], runs=[{"n": 1}])
    for stream in ("transcript", "traces"):
        memory.write(segment("a", stream), b"orphan")

    assert store.cleanup(older_than=0).removed == {"segment": 2}

    assert memory.open().load_all("a").together
    store.traces("a").append({"n": 2})
    assert not memory.open().load_all("a").together


def test_an_id_too_long_for_a_key_is_learnt_from_what_is_there(memory: Place) -> None:
    store = memory.open()
    long = "x" * 500
    keys = StreamKeys.of(long, "transcript")
    orphan = pack_segment(keys, ULID, 7, 1, b"")
    memory.write(segment(long), orphan)
    nameless = "y" * 500
    memory.write(body(nameless), b"orphan")

    done = store.cleanup(older_than=0)

    assert done.removed == {"segment": 1}
    assert unpack_head(keys, memory.read(keys.head)).deleted_at is not None
    assert done.left == {"nameless": 1}
    assert body(nameless) in memory.listed()
    assert "tells" in done.failures[0]


def test_what_a_damaged_head_may_name_is_left(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    store.append("b", 1)
    for session_id in ("a", "b"):
        memory.write(segment(session_id), b"orphan")
    head = StreamKeys.of("a", "transcript").head
    memory.write(head, memory.read(head)[:-1])

    done = store.cleanup(older_than=0)

    assert done.removed == {"segment": 1}
    assert done.left == {"unreadable": 1}
    assert head in done.failures[0]
    assert segment("a") in memory.listed()


def test_what_is_none_of_the_archives_own_is_left(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    strange = StreamKeys.of("a", "transcript").segments + "notes.txt"
    memory.write(strange, b"somebody's")

    assert store.cleanup(older_than=0).left == {"foreign": 1}
    assert strange in memory.listed()


@pytest.mark.parametrize("pages", [CountingStore, SmallPages])
def test_it_goes_through_many_sessions_and_says_how_far_it_is(memory: Place, pages: type[CountingStore]) -> None:
    store = SessionStore(pages(memory.objects))
    for number in range(40):
        memory.write(segment(f"s{number}"), b"orphan")
    steps: list[CleanUpProgress] = []

    done = store.cleanup(older_than=0, progress=steps.append)

    assert done.removed == {"segment": 40}
    assert done.sessions == 40
    assert steps[-1].prefixes == 256
    assert steps[-1].sessions == steps[-1].removed == 40
    assert [step.prefixes for step in steps] == sorted(step.prefixes for step in steps)


@pytest.mark.parametrize("age", [-1.0, float("nan"), 1e12])
def test_a_wrong_age_is_refused(memory: Place, age: float) -> None:
    store = memory.open()
    with pytest.raises(InvalidOption, match="older_than"):
        store.cleanup(older_than=age)
    assert memory.listed() == []
