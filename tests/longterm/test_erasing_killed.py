"""An erasure that dies at any request is finished by the next one, by maintenance, or by the clean-up."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from s3store import CorruptObject, SessionStore
from s3store.keys import ERASED, ERASURES, INDEX_PAGES, PACKS
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.frames import unpack
from tests.archives import keys_of
from tests.contracts.faults import Killed

from .mortal import MortalStore, copy_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

SECRET = "the words of a person"
ADA = ["user=ada"]
IDS = {"ada one", "ada two", "ada hot"}


@pytest.fixture(scope="module")
def filled() -> MemoryStore:
    """Two packs of a person's sessions and of others', and one that is hot, with what is kept beside it."""
    objects = MemoryStore()
    with SessionStore(objects) as store:
        for names in (("ada one", "bob one"), ("ada two", "bob two", "bob three")):
            for name in names:
                store.create(name, [SECRET if name.startswith("ada") else name], labels=[f"user={name[:3]}"], name=name)
            assert not store.pack(idle=0).failures
            assert not store.cleanup(older_than=0).failures
        store.create("ada hot", [SECRET], labels=ADA, name="ada hot")
        store.traces("ada hot").append({"said": SECRET})
        store.artifacts("ada hot").put("large", SECRET.encode() * 2000)
        store.index.compact()
    return objects


def deaths(filled: MemoryStore, every: int = 1) -> Iterator[tuple[int, MemoryStore]]:
    """Yield the archive as an erasure leaves it that dies at its first request, its second, and so on."""
    lives = 0
    while True:
        objects = copy_of(filled)
        try:
            receipt = SessionStore(MortalStore(objects, lives)).erase(labels=ADA)
        except Killed:
            yield lives, objects
        else:
            assert receipt.complete, receipt.failures
            assert lives > 100, "it has not died often enough for this to mean anything"
            return
        lives += every


def alive(store: SessionStore) -> set[str]:
    return {each for each in IDS if store.exists(each)}


def left_in(objects: MemoryStore, store: SessionStore) -> list[str]:
    """Return where something of the deleted sessions of the person is left."""
    gone = IDS - alive(store)
    files = [key for key in keys_of(objects, PACKS) if key.endswith(".parquet")]
    rows = {
        row for key in files for row in pq.read_table(io.BytesIO(run(objects.get(key)).body))["session"].to_pylist()
    }
    pages = b"".join(unpack(key, run(objects.get(key)).body).lines for key in keys_of(objects, INDEX_PAGES))
    return [
        *(f"rows of {each}" for each in gone & rows),
        *(f"the name of {each}" for each in gone if f'"name":"{each}"'.encode() in pages),
        *(f"objects of {each}" for each in gone if not store.remains(each).erased),
        *keys_of(objects, ERASURES)[: len(IDS) if gone == IDS else 0],
    ]


def others_are_there(store: SessionStore) -> bool:
    return all(store.load(each).messages == [each] for each in ("bob one", "bob two", "bob three"))


def erase_again(store: SessionStore) -> None:
    receipt = store.erase(labels=ADA)
    assert receipt.complete, receipt.failures
    assert not store.count(labels=ADA)
    # Said of all of them, unless the first has died when nothing was left, and only its mark to be taken away.
    assert {each.id for each in receipt.sessions} in (IDS, set())


def erase_another(store: SessionStore) -> None:
    receipt = store.erase(labels=["user=nobody"])
    assert receipt.complete, receipt.failures
    assert all(each.earlier for each in receipt.sessions)


def maintain(store: SessionStore) -> None:
    assert store.maintain(older_than=0).failures == []


def clean_up(store: SessionStore) -> None:
    assert store.cleanup(older_than=0).failures == []


@pytest.mark.parametrize("every", [pytest.param(11, id="some"), pytest.param(1, id="each", marks=pytest.mark.long)])
@pytest.mark.parametrize("finish", [erase_again, erase_another, maintain, clean_up])
def test_whoever_comes_next_finishes_it(
    filled: MemoryStore, finish: Callable[[SessionStore], None], every: int
) -> None:
    for lives, objects in deaths(filled, every):
        with SessionStore(objects) as store:
            before = alive(store)
            finish(store)
            assert left_in(objects, store) == [], f"dead after {lives} requests"
            assert others_are_there(store)
            # Only who asks for it deletes what the first had not come to.
            assert alive(store) == (set() if finish is erase_again else before)
            # Of others it may lag behind, until maintenance compares it, as after the death of any writer.
            assert IDS.isdisjoint(found.session_id for found in store.index.verify().differences)


@pytest.mark.long
def test_it_may_die_again_and_again(filled: MemoryStore) -> None:
    for lives, once in deaths(filled, 7):
        for more in range(0, 10_000, 13):
            objects = copy_of(once)
            try:
                SessionStore(MortalStore(objects, more)).erase(labels=ADA)
            except Killed:
                with SessionStore(objects) as store:
                    erase_again(store)
                    assert left_in(objects, store) == [], f"dead after {lives}, then {more} requests"
                    assert others_are_there(store)
            else:
                break


def test_what_is_young_is_left_to_whoever_is_at_it(filled: MemoryStore) -> None:
    objects = died_after_the_deletes(filled)
    with SessionStore(objects) as store:
        assert +store.maintain().steps["erase"] == {}
        assert store.cleanup().erased == 0
        assert store.cleanup(older_than=0, dry_run=True).erased == len(IDS)
        assert keys_of(objects, ERASURES)
        assert {each.id for each in store.erase(labels=ADA, dry_run=True).sessions if each.earlier} == IDS
        assert store.maintain(older_than=0).steps["erase"]["erased"] == len(IDS)
        assert not keys_of(objects, ERASURES)


def test_who_was_created_anew_stays_and_what_was_before_goes(filled: MemoryStore) -> None:
    objects = died_after_the_deletes(filled)
    with SessionStore(objects) as store:
        store.create("ada one", ["another person of that name"])
        store.pack(idle=0)
        store.cleanup(older_than=10**6)
        maintain(store)
        assert store.load("ada one").messages == ["another person of that name"]
        assert left_in(objects, store) == []
        assert not keys_of(objects, ERASURES)
        for key in keys_of(objects, PACKS):
            assert not key.endswith(".parquet") or SECRET not in str(
                pq.read_table(io.BytesIO(run(objects.get(key)).body))
            )


def test_a_mark_of_what_lives_on_is_given_up_after_a_week() -> None:
    clock = [datetime.now(UTC)]
    objects = MemoryStore(clock=lambda: clock[0])
    with SessionStore(objects) as store:
        store.create("ada", [SECRET], labels=ADA)
        store.hold("ada", "case 7")
    for lives in range(1000):
        with pytest.raises(Killed):
            SessionStore(MortalStore(objects, lives)).erase(labels=ADA)
        if keys_of(objects, ERASURES):
            break
    with SessionStore(objects) as store:
        clock[0] += timedelta(days=2)
        assert store.maintain().steps["erase"] == {"erased": 0, "not come to": 1}
        assert keys_of(objects, ERASURES)
        clock[0] += timedelta(days=6)
        assert store.maintain().failures == []
        assert not keys_of(objects, ERASURES)
        assert store.load("ada").messages == [SECRET]


def died_after_the_deletes(filled: MemoryStore) -> MemoryStore:
    """Return the archive where the first death left it that came after the last delete."""
    for _, objects in deaths(filled):
        with SessionStore(objects) as store:
            if not alive(store):
                return objects
    raise AssertionError("it never got so far")


def test_a_damaged_mark_is_said_and_keeps_nothing_else_from_being_done(filled: MemoryStore) -> None:
    objects = copy_of(filled)
    run(objects.put(f"{ERASURES}01m7wfy0frb4sa6wnn7wrgjxmk.json", b"{}"))
    with SessionStore(objects) as store:
        for report in (store.maintain(older_than=0), store.cleanup(older_than=0)):
            assert "not the mark of an erasure; remove it, and erase again" in report.failures[0]
        with pytest.raises(CorruptObject):
            store.erase(labels=ADA)
        assert alive(store) == IDS


def test_of_two_at_once_neither_says_that_nothing_is_left_while_anything_is(filled: MemoryStore) -> None:
    for _ in range(4):
        objects = copy_of(filled)
        with SessionStore(objects) as one, SessionStore(objects) as other, ThreadPoolExecutor(2) as pool:
            receipts = list(pool.map(lambda store: store.erase(labels=ADA), (one, other)))
            if any(receipt.complete for receipt in receipts):
                # The mark of the other, which came later and may not have come through, still names the ids.
                assert [key for key in left_in(objects, one) if not key.startswith(ERASURES)] == []
            erase_again(one)
            assert left_in(objects, one) == []
            assert others_are_there(one)
            assert not keys_of(objects, ERASURES)


def test_a_packer_who_ends_after_the_erasure_leaves_nothing_for_long(filled: MemoryStore) -> None:
    objects = copy_of(filled)
    with SessionStore(objects) as store:
        store.unpack("bob one")
        # As many as are read side by side: the first is read, and in the file, before the erasure.
        nobody = [f"nobody {number}" for number in range(15)]
        found = given_then(["ada hot", *nobody], "bob one", lambda: store.erase(labels=ADA))
        packing = store._archive.packs.pack(found)
        assert run(packing).left["resumed"] == len(nobody) + 1
        assert any("ada hot" in record.sessions for record in run(store._archive.packs.records()))
        assert not store.cleanup().failures
        assert any("ada hot" in record.sessions for record in run(store._archive.packs.records()))
        maintain(store)
        assert left_in(objects, store) == []
        assert not keys_of(objects, ERASED)
        assert others_are_there(store)


@pytest.mark.long
@pytest.mark.parametrize("lives", [40, 110])
def test_no_earlier_version_outlives_an_erasure_that_died(versioned: Place, lives: int) -> None:
    store = versioned.open()
    store.create("packed", [SECRET], labels=ADA)
    store.create("other", ["hello"])
    run(store._archive.packs.pack(given(["packed", "other"])))
    store.cleanup(older_than=0)
    store.create("hot", [SECRET], labels=ADA)
    store.append("hot", SECRET)
    with pytest.raises(Killed):
        SessionStore(MortalStore(versioned.objects, lives), cache=False).erase(labels=ADA)

    receipt = store.erase(labels=ADA)

    assert receipt.complete, receipt.failures
    assert all(store.remains(each).erased for each in ("packed", "hot"))
    assert all(version.is_current for version in run(versioned.objects.list_versions(PACKS)))
    assert store.load("other").messages == ["hello"]


async def given_then(session_ids: list[str], last: str, work: Callable[[], object]) -> AsyncIterator[str]:
    """Yield ids, and do something before the last of them, when the others have been taken."""
    for each in session_ids:
        yield each
    work()
    yield last


async def given(session_ids: list[str]) -> AsyncIterator[str]:
    for each in session_ids:
        yield each
