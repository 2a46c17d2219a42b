"""Packing: idle sessions in Parquet files, which go on as before, and come back."""

import io
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from s3store import SessionStore
from s3store.errors import CorruptObject, InvalidOption, SessionNotFound, StoreUnavailable
from s3store.keys import PACK_RECORDS, PACKS, is_transcript_head, transcript_head
from s3store.longterm.packs.reports import Settled
from s3store.objects.base import StoredObject
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.times import END_OF_TIME

MESSAGES: list[Any] = [{"role": "user", "content": "Where is my order?"}, {"wide": 2**70, "odd": "\ud800"}, ["é", None]]


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> Iterator[SessionStore]:
    with SessionStore(objects) as opened:
        yield opened


def keys_under(objects: MemoryStore, prefix: str) -> list[str]:
    return [found.key for found in run(objects.list_page(prefix)).objects]


def fill(store: SessionStore, number: int = 5) -> dict[str, list[Any]]:
    made = {f"session/{each}": [*MESSAGES, {"number": each}] for each in range(number)}
    for session_id, messages in made.items():
        store.create(session_id, messages, keys=[f"{session_id}-{at}" for at in range(len(messages))], agent="helper")
    return made


def pack_and_clean(store: SessionStore) -> None:
    assert not store.pack(idle=0).failures
    assert not store.cleanup(older_than=0).failures


def test_packed_sessions_read_as_before(store: SessionStore) -> None:
    made = fill(store)
    before = {each: store.load(each) for each in made}
    report = store.pack(idle=0)
    assert (report.sessions, report.records, len(report.packs), report.failures) == (5, 20, 1, [])
    assert {each: store.load(each).records for each in made} == {each: found.records for each, found in before.items()}
    cleaned = store.cleanup(older_than=0)
    assert (cleaned.thinned, cleaned.failures) == (5, [])
    assert {each: store.load(each).records for each in made} == {each: found.records for each, found in before.items()}
    assert [record.message for record in store.last("session/3", 2)] == made["session/3"][-2:]
    assert [record.seq for record in store.records("session/3", start=2)] == [2, 3]
    assert {summary.id for summary in store.list(place="cold")} == set(made)
    assert not list(store.list(place="hot"))
    assert len(store.search("number")) == 5


def test_packing_again_finds_nothing_to_do(store: SessionStore) -> None:
    fill(store)
    store.pack(idle=0)
    again = store.pack(idle=0)
    assert (again.packs, again.left) == ([], {"packed": 5})
    store.cleanup(older_than=0)
    assert store.pack(idle=0) == type(again)(dry_run=False)
    assert store.cleanup(older_than=0).thinned == 0


def test_any_parquet_reader_reads_a_pack(store: SessionStore, objects: MemoryStore) -> None:
    made = fill(store)
    (name,) = store.pack(idle=0).packs
    data = run(objects.get(f"{PACKS}{name}.parquet")).body
    rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    assert [row["session"] for row in rows] == [each for each in made for _ in range(4)]
    assert {row["agent"] for row in rows} == {"helper"}


def test_a_commit_takes_the_pack_away_and_keeps_the_session_hot(store: SessionStore) -> None:
    made = fill(store, 1)
    store.pack(idle=0)
    store.append("session/0", "back")
    cleaned = store.cleanup(older_than=0)
    assert cleaned.thinned == 0
    assert cleaned.removed["pack"] == 1  # no session names it
    assert store.load("session/0").messages == [*made["session/0"], "back"]


def test_an_append_to_a_packed_session_does_not_read_the_pack(store: SessionStore, objects: MemoryStore) -> None:
    made = fill(store)
    pack_and_clean(store)
    counting = CountingStore(objects)
    with SessionStore(counting) as other:
        info = other.append("session/0", "back", key="fresh")
        assert counting.counts.gets <= 2  # the archive's record, and the head
        assert info.count == 5
        assert other.append("session/0", "again", key="session/0-1").count == 5  # a key that stands in the pack
    assert store.load("session/0").messages == [*made["session/0"], "back"]
    assert [summary.id for summary in store.list(place="hot")] == ["session/0"]
    assert store.pack(idle=0).sessions == 1
    store.cleanup(older_than=0)
    assert store.load("session/0").messages == [*made["session/0"], "back"]


def test_the_load_of_a_packed_session_takes_two_reads(store: SessionStore, objects: MemoryStore) -> None:
    fill(store, 50)
    pack_and_clean(store)
    counting = CountingStore(objects)
    with SessionStore(counting) as other:
        other.load("session/7")
    assert counting.counts.gets == 2
    assert counting.counts.requests == 2


def test_every_change_works_on_a_packed_session(store: SessionStore) -> None:
    made = fill(store)
    pack_and_clean(store)
    removed = store.remove_last("session/0")
    assert removed is not None
    assert removed.message == {"number": 0}
    assert store.replace_last("session/1", "other")
    store.save("session/2", [*made["session/2"], "more"])
    store.clear("session/3")
    store.update("session/4", name="renamed")
    assert store.load("session/0").messages == made["session/0"][:-1]
    assert store.load("session/1").messages == [*made["session/1"][:-1], "other"]
    assert store.load("session/2").messages == [*made["session/2"], "more"]
    assert store.load("session/3").messages == []
    assert store.load("session/4").messages == made["session/4"]
    assert [summary.id for summary in store.list(place="cold")] == ["session/4"]


def test_unpacking_gives_a_session_objects_of_its_own(store: SessionStore, objects: MemoryStore) -> None:
    fill(store)
    before = store.load("session/1").records
    assert not store.unpack("session/1")
    pack_and_clean(store)
    assert store.unpack("session/1")
    assert store.load("session/1").records == before
    assert [summary.id for summary in store.list(place="hot")] == ["session/1"]
    for key in keys_under(objects, PACKS):
        run(objects.delete(key))
    assert store.load("session/1").records == before
    with pytest.raises(CorruptObject, match=r"cold/standard/.*missing"):
        store.load("session/2")


def test_a_deleted_session_is_gone_and_the_others_stay(store: SessionStore) -> None:
    made = fill(store)
    pack_and_clean(store)
    assert store.delete("session/0")
    with pytest.raises(SessionNotFound):
        store.load("session/0")
    store.cleanup(older_than=0)
    assert store.load("session/1").messages == made["session/1"]


def test_a_pack_that_is_not_what_was_written_leaves_the_session_hot(store: SessionStore, objects: MemoryStore) -> None:
    made = fill(store)
    (name,) = store.pack(idle=0).packs
    key = f"{PACKS}{name}.parquet"
    data = bytearray(run(objects.get(key)).body)
    column = pyarrow.parquet.read_metadata(io.BytesIO(bytes(data))).row_group(0).column(7)
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    run(objects.put(key, bytes(data)))
    cleaned = store.cleanup(older_than=0)
    assert cleaned.thinned == 0
    assert cleaned.failures
    assert {each: store.load(each).messages for each in made} == made


def test_large_sessions_stand_in_several_row_groups(store: SessionStore) -> None:
    messages = [{"text": f"{number:06d}" * 30_000} for number in range(40)]
    store.save("large", messages)
    store.save("large", [*messages, "last"])
    pack_and_clean(store)
    assert store.load("large").messages == [*messages, "last"]
    assert store.unpack("large")
    assert store.load("large").messages == [*messages, "last"]


def test_packs_end_at_the_size_that_was_asked_for(store: SessionStore) -> None:
    import random

    chance = random.Random(1)
    for number in range(8):
        store.save(f"s{number}", [chance.randbytes(400_000).hex()])
    report = store.pack(idle=0, target_size=1024 * 1024)
    assert len(report.packs) > 1
    assert report.sessions == 8
    store.cleanup(older_than=0)
    assert all(store.load(f"s{number}").records for number in range(8))


def test_who_is_packed_is_said_by_age_and_filters(store: SessionStore) -> None:
    fill(store)
    store.create("other", ["x"], agent="somebody")
    assert store.pack(idle=3600).sessions == 0
    dry = store.pack(idle=0, dry_run=True, agent="somebody")
    assert (dry.dry_run, dry.sessions, dry.records) == (True, 1, 1)
    assert store.pack(idle=0, agent="somebody").sessions == 1


def test_wrong_arguments_are_refused_before_anything_is_written(store: SessionStore, objects: MemoryStore) -> None:
    fill(store, 1)
    for wrong in (
        {"idle": -1},
        {"idle": float("nan")},
        {"target_size": 10, "idle": 0},
        {"place": "hot", "idle": 0},
        {"partitions": "7f-00"},
    ):
        with pytest.raises(InvalidOption):
            store.pack(**wrong)
    assert not keys_under(objects, PACKS)


def test_what_was_deleted_leaves_the_packs_when_it_is_forgotten(store: SessionStore, objects: MemoryStore) -> None:
    made = fill(store)
    pack_and_clean(store)
    before = [key for key in keys_under(objects, PACKS) if key.endswith(".parquet")]
    store.delete("session/2")
    forgotten = run(store._archive.packs.forget(["session/2"]))
    assert (len(forgotten.rewritten), len(forgotten.packs), forgotten.kept, forgotten.failures) == (1, 1, (), ())
    (pack,) = [key for key in keys_under(objects, PACKS) if key.endswith(".parquet")]
    assert [pack] != before
    rows = pyarrow.parquet.read_table(io.BytesIO(run(objects.get(pack)).body)).to_pydict()
    assert set(rows["session"]) == made.keys() - {"session/2"}
    assert all(b"session/2" not in run(objects.get(key)).body for key in keys_under(objects, PACK_RECORDS))
    assert all(store.load(each).messages == made[each] for each in made if each != "session/2")
    assert {summary.id for summary in store.list(place="cold")} == made.keys() - {"session/2"}


def test_a_pack_that_a_session_names_is_not_dropped(store: SessionStore) -> None:
    made = fill(store)
    (name,) = store.pack(idle=0).packs
    packs = store._archive.packs
    assert not run(packs.drop(name))
    store.cleanup(older_than=0)
    assert not run(packs.drop(name))
    assert [record.state for record in run(packs.records())] == ["live"]
    assert run(packs.forget(["session/0"])).kept == (name,)
    assert {each: store.load(each).messages for each in made} == made


def test_a_file_that_a_crashed_packer_left_goes_with_the_clean_up(store: SessionStore, objects: MemoryStore) -> None:
    fill(store)
    left = f"{PACKS}standard/2026/11/{'0' * 26}.parquet"
    run(objects.put(left, b"half"))
    assert store.cleanup(older_than=3600).removed["pack"] == 0
    assert store.cleanup(older_than=0).removed["pack"] == 1
    assert left not in keys_under(objects, PACKS)


def test_packs_in_a_directory(tmp_path: Path) -> None:
    with SessionStore(tmp_path.as_uri()) as store:
        made = fill(store)
        pack_and_clean(store)
        assert {each: store.load(each).messages for each in made} == made
        assert (tmp_path / "sessions").exists()


def test_packed_bytes_in_the_index_and_head_stay_small(store: SessionStore, objects: MemoryStore) -> None:
    fill(store, 1)
    pack_and_clean(store)
    assert len(run(objects.get(transcript_head("session/0"))).body) < 1500


class Damaging(MemoryStore):
    """Stores packs with a flipped byte, and says that all is well."""

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if key.endswith(".parquet"):
            body = body[:50] + bytes([body[50] ^ 1]) + body[51:]
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


def test_a_pack_that_reads_back_otherwise_is_named_by_nobody() -> None:
    objects = Damaging()
    with SessionStore(objects) as store:
        made = fill(store)
        with pytest.raises(CorruptObject, match=r"read back|records that were packed"):
            store.pack(idle=0)
        assert not keys_under(objects, PACKS)
        store.cleanup(older_than=0)
        assert {each: store.load(each).messages for each in made} == made


def test_a_pack_that_all_its_sessions_have_left_goes_with_a_later_clean_up(
    store: SessionStore, objects: MemoryStore
) -> None:
    made = fill(store, 3)
    pack_and_clean(store)
    store.unpack("session/0")
    store.delete("session/1")
    assert store.cleanup(older_than=0).removed["pack"] == 0
    store.unpack("session/2")
    assert store.cleanup(older_than=0).removed["pack"] == 1
    assert not [key for key in keys_under(objects, PACKS) if key.endswith(".parquet")]
    assert {each: store.load(each).messages for each in ("session/0", "session/2")} == {
        each: made[each] for each in ("session/0", "session/2")
    }


def test_looking_again_at_a_settled_pack_reads_few_heads() -> None:
    objects = CountingStore(MemoryStore())
    with SessionStore(objects, cache=False) as store:
        fill(store, 40)
        pack_and_clean(store)
        run(store._archive.packs.settle(END_OF_TIME))
        objects.reset()
        run(store._archive.packs.settle(END_OF_TIME))
        assert objects.reset().gets == 3  # the record, again as it is dropped, and the first head


def test_several_packers_share_the_partitions(store: SessionStore) -> None:
    made = fill(store, 40)
    halves = [store.pack(idle=0, partitions=half) for half in ("00-7f", "80-ff")]
    assert [len(half.packs) for half in halves] == [1, 1]
    assert sum(half.sessions for half in halves) == 40
    assert all(half.sessions for half in halves)
    assert store.cleanup(older_than=0).thinned == 40
    assert {each: store.load(each).messages for each in made} == made


class Answers(MemoryStore):
    """Notes the size of every answer to a read."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[str, list[int]] = {}

    async def get(self, key: str, **given: Any) -> StoredObject:
        found = await super().get(key, **given)
        self.sizes.setdefault(key, []).append(len(found.body))
        return found


def test_settling_reads_a_pack_and_its_record_once_however_many_sessions_are_in_it() -> None:
    objects = Answers()
    with SessionStore(objects, cache=False) as store:
        fill(store, 100)
        (name,) = store.pack(idle=0).packs
        record, pack = f"{PACK_RECORDS}{name.rpartition('/')[2]}.json", f"{PACKS}{name}.parquet"
        objects.sizes.clear()
        settled = run(store._archive.packs.settle(END_OF_TIME))
        assert (settled.sessions, settled.failures) == (100, [])
        # The record as it is listed, for the first session, and by the swap that says that all is done.
        assert len(objects.sizes[record]) <= 6
        assert len(objects.sizes[pack]) == 1
        assert store.load("session/99").records


def test_a_dry_run_says_what_would_become_of_packs(store: SessionStore, objects: MemoryStore) -> None:
    fill(store, 3)
    store.pack(idle=0)
    before = keys_under(objects, "")
    would = store.cleanup(older_than=0, dry_run=True)
    assert keys_under(objects, "") == before
    done = store.cleanup(older_than=0)
    assert (would.thinned, would.removed) == (done.thinned, done.removed)
    for number in range(3):
        store.delete(f"session/{number}")
    assert store.cleanup(older_than=0, dry_run=True).removed["pack"] == 1
    assert store.cleanup(older_than=0).removed["pack"] == 1


def test_a_pack_still_holds_a_deleted_session_until_it_is_forgotten(store: SessionStore) -> None:
    fill(store, 2)
    pack_and_clean(store)
    store.delete("session/0")
    remains = store.remains("session/0")
    assert ({remnant.kind for remnant in remains.found}, remains.erased) == ({"tombstone", "pack"}, False)
    run(store._archive.packs.forget(["session/0"]))
    assert store.remains("session/0").erased
    assert {remnant.kind for remnant in store.remains("session/1").found} == {"head", "pack"}


class LosesADelete(MemoryStore):
    """Does not do the first delete of a pack."""

    lost = False

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        if key.endswith(".parquet") and not self.lost:
            self.lost = True
            raise StoreUnavailable("lost")
        await super().delete(key, if_match=if_match)


def test_a_file_whose_delete_was_lost_goes_with_the_next_clean_up() -> None:
    objects = LosesADelete()
    with SessionStore(objects) as store:
        fill(store, 1)
        run(objects.put(f"{PACKS}standard/2026/11/{'0' * 26}.parquet", b"half"))
        assert store.cleanup(older_than=0).left["failed"] == 1
        assert store.cleanup(older_than=0).removed["pack"] == 1
        assert keys_under(objects, f"{PACKS}standard") == []


def test_sessions_that_are_alike_take_less_room_in_a_pack(store: SessionStore) -> None:
    for number in range(50):
        wording = [f"step {at}: look up order {at * 7919} and tell the customer about it" for at in range(30)]
        store.save(f"session/{number}", [*wording, f"that was number {number}"])
    packed = store.pack(idle=0)
    assert packed.json_bytes > 12 * packed.bytes


def test_no_head_comes_to_stand_on_a_pack_that_is_not_live(store: SessionStore) -> None:
    made = fill(store, 1)
    (name,) = store.pack(idle=0).packs
    packs = store._archive.packs
    seen = run(packs.records())[0]
    run(packs._records.swap(name, lambda now: None if now is None else replace(now, state="gone")))
    settled = Settled()
    run(packs.settling.settle(seen, settled))
    assert settled.sessions == 0
    assert next(iter(store.list())).place == "hot"
    assert store.load("session/0").messages == made["session/0"]


class Meddling(MemoryStore):
    """Does something else just before a head is read."""

    meddle: Callable[[], Awaitable[object]] | None = None

    async def get(self, key: str, **given: Any) -> StoredObject:
        meddle = self.meddle
        if meddle is not None and is_transcript_head(key):
            self.meddle = None
            await meddle()
        return await super().get(key, **given)


def test_a_pack_that_somebody_gave_back_during_the_look_stays() -> None:
    """He has found a head that names it, of which this look was too early to know."""
    objects = Meddling()
    with SessionStore(objects, cache=False) as store:
        fill(store, 1)
        (name,) = store.pack(idle=0).packs
        store.append("session/0", "back")
        packs = store._archive.packs

        async def give_back() -> None:
            objects.meddle = None
            await packs._records.swap(name, lambda now: None if now is None else replace(now, state="live"))

        async def wait_for_the_second_look() -> None:
            objects.meddle = give_back

        objects.meddle = wait_for_the_second_look
        assert not run(packs.drop(name))
        assert f"{PACKS}{name}.parquet" in keys_under(objects, PACKS)
