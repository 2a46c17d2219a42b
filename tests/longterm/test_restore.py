"""Packs in other storage classes: moved there when it is safe, and restored to be read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from s3store import SessionStore
from s3store.errors import (
    AccessDenied,
    InvalidOption,
    RestoreRequired,
    SessionNotFound,
    StoreNotCapable,
)
from s3store.keys import CHECKS, PACKS, pack_key
from s3store.longterm.packs.prices import ESTIMATE, RestorePrices
from s3store.objects.counting import CountingStore
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import keys_of, prepare, s3_options

from .glacier import UNTIL, Glacier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from s3store.longterm.packs.restore import Restoring
    from s3store.objects.base import ObjectStore
    from tests.servers import MinistackServer


@pytest.fixture
def objects() -> Glacier:
    return Glacier()


@pytest.fixture
def store(objects: Glacier) -> Iterator[SessionStore]:
    with SessionStore(objects) as opened:
        yield opened


def packed_into(store: SessionStore, storage_class: str, *session_ids: str) -> str:
    for session_id in session_ids:
        store.create(session_id, ["secret words", session_id], agent="helper")
    (name,) = store.pack(idle=0, storage_class=storage_class).packs
    cleaned = store.cleanup(older_than=0)
    assert (cleaned.moved, cleaned.thinned, cleaned.failures) == (1, len(session_ids), [])
    return name


def test_a_pack_is_moved_only_when_its_sessions_stand_on_it(store: SessionStore, objects: Glacier) -> None:
    store.create("a", ["x"])
    (name,) = store.pack(idle=0, storage_class="GLACIER").packs
    assert name.startswith("glacier/")
    assert run(objects.storage(pack_key(name))).storage_class == "STANDARD"
    assert store.load("a").messages == ["x"]
    assert store.cleanup(older_than=0).moved == 1
    assert run(objects.storage(pack_key(name))).storage_class == "GLACIER"
    assert store.cleanup(older_than=0).moved == 0


def test_a_pack_that_could_not_be_moved_is_moved_by_the_next_clean_up(
    store: SessionStore, objects: Glacier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(key: str, storage_class: str) -> None:
        raise AccessDenied(f"{key}: denied")

    store.create("a", ["x"])
    store.pack(idle=0, storage_class="GLACIER")
    with monkeypatch.context() as patched:
        patched.setattr(objects, "set_class", denied)
        cleaned = store.cleanup(older_than=0)
        assert (cleaned.thinned, cleaned.moved, len(cleaned.failures)) == (1, 0, 1)
    assert store.load("a").messages == ["x"]
    assert store.cleanup(older_than=0).moved == 1


def test_a_pack_that_nobody_needs_is_not_moved(store: SessionStore, objects: Glacier) -> None:
    store.create("a", ["x"])
    store.pack(idle=0, storage_class="DEEP_ARCHIVE")
    store.append("a", "back")
    cleaned = store.cleanup(older_than=0)
    assert (cleaned.moved, cleaned.removed["pack"]) == (0, 1)


def test_a_move_that_lands_behind_the_end_of_its_pack_leaves_nothing(
    store: SessionStore, objects: Glacier, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Glacier.set_class

    async def late(self: Glacier, key: str, storage_class: str) -> None:
        body = (await self.get(key)).body
        await original(self, key, storage_class)
        if key.startswith(PACKS):
            with SessionStore(objects) as other:
                other.delete("a")
                assert run(other._archive.packs.drop(key.removeprefix(PACKS).removesuffix(".parquet")))
            await self.put(key, body)

    store.create("a", ["x"])
    (name,) = store.pack(idle=0, storage_class="GLACIER").packs
    monkeypatch.setattr(Glacier, "set_class", late)
    assert store.cleanup(older_than=0).moved == 0
    assert pack_key(name) not in keys_of(objects, PACKS)


def test_a_file_that_came_back_behind_the_end_of_its_pack_goes_with_the_next_clean_up(
    store: SessionStore, objects: Glacier
) -> None:
    store.create("a", ["x"])
    (name,) = store.pack(idle=0).packs
    body = run(objects.get(pack_key(name))).body
    store.delete("a")
    store.cleanup(older_than=0)
    run(objects.put(pack_key(name), body))
    assert store.cleanup(older_than=0).removed["pack"] == 1
    assert pack_key(name) not in keys_of(objects, PACKS)


@pytest.mark.parametrize("storage_class", ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"])
def test_classes_that_read_at_once_need_no_restore(store: SessionStore, objects: Glacier, storage_class: str) -> None:
    name = packed_into(store, storage_class, "a")
    assert run(objects.storage(pack_key(name))).storage_class == storage_class
    assert store.load("a").messages == ["secret words", "a"]
    report = store.restore(["a"])
    assert (report.readable, report.cost.requests, objects.asked) == (("a",), 0, [])


def test_what_is_archived_says_so_and_lists_and_grows_all_the_same(store: SessionStore, objects: Glacier) -> None:
    name = packed_into(store, "DEEP_ARCHIVE", "a", "b")
    with SessionStore(objects) as other, pytest.raises(RestoreRequired) as raised:
        other.load("a")
    error = raised.value
    assert (error.session_id, error.pack, error.storage_class) == ("a", name, "DEEP_ARCHIVE")
    assert error.tiers == ("standard", "bulk")
    assert "secret" not in str(error)
    assert {summary.id for summary in store.list(place="cold")} == {"a", "b"}
    assert store.info("a").count == 2
    assert store.append("a", "more").count == 3
    assert set(store.search("secret").unreadable) == {"a", "b"}
    with pytest.raises(RestoreRequired):
        store.unpack("b")
    store.delete("b")
    assert not store.exists("b")


def test_one_request_restores_a_pack_for_all_its_sessions(store: SessionStore, objects: Glacier) -> None:
    name = packed_into(store, "GLACIER", "a", "b", "c")
    store.create("hot", ["x"])
    foreseen = store.restore(["a", "b", "hot"], dry_run=True)
    assert (foreseen.readable, foreseen.waiting, objects.asked) == (("hot",), ("a", "b"), [])
    assert (foreseen.cost.requests, foreseen.cost.hours, foreseen.packs[0].status) == (1, 12, "archived")
    report = store.restore(["a", "b", "hot"], days=3, tier="standard")
    assert objects.asked == [(pack_key(name), 3, "standard")]
    assert (report.packs[0].status, report.packs[0].sessions, report.complete) == ("restoring", ("a", "b"), False)
    again = store.restore(agent="helper")
    assert (len(objects.asked), again.cost.requests) == (1, 0)
    objects.thaw()
    there = store.restore(["a"])
    assert (there.complete, there.packs[0].until, len(objects.asked)) == (True, UNTIL, 1)
    assert store.load("c").messages == ["secret words", "c"]
    assert store.unpack("c")


def test_following_ends_when_all_can_be_read(store: SessionStore, objects: Glacier) -> None:
    packed_into(store, "GLACIER", "a")
    seen: list[bool] = []

    def told(now: Restoring) -> None:
        seen.append(now.complete)
        if len(seen) == 2:
            objects.thaw()

    assert store.restore(["a"], follow=told, pause=0.01).complete
    assert seen == [False, False, True]


def test_the_cost_is_reckoned_by_the_prices_that_are_given(store: SessionStore, objects: Glacier) -> None:
    packed_into(store, "DEEP_ARCHIVE", "a")
    size = store.restore(["a"], dry_run=True).packs[0].size
    cost = store.restore(["a"], days=30, dry_run=True).cost
    assert cost.money == pytest.approx(0.000025 + size / 2**30 * (0.0025 + 0.023))
    assert (cost.hours, cost.bytes, cost.prices) == (48, size, ESTIMATE.as_of)
    other = store.restore(["a"], prices=RestorePrices("ours", {}, 1.0), dry_run=True).cost
    assert (other.money, other.hours, other.prices) == (None, None, "ours")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({}, "either ids"),
        ({"session_ids": ["a"], "agent": "helper"}, "either ids"),
        ({"session_ids": ["a"], "days": 0}, "days"),
        ({"session_ids": ["a"], "tier": "soon"}, "tier"),
        ({"session_ids": ["a"], "tier": "expedited"}, "DEEP_ARCHIVE is restored by standard or bulk"),
        ({"session_ids": ["a"], "pause": 0}, "pause"),
    ],
)
def test_a_wrong_restore_is_refused_before_anything_is_asked_for(
    store: SessionStore, objects: Glacier, arguments: dict[str, Any], names: str
) -> None:
    packed_into(store, "DEEP_ARCHIVE", "a")
    with pytest.raises(InvalidOption, match=names):
        store.restore(**arguments)
    with pytest.raises(SessionNotFound):
        store.restore(["a", "nobody"])
    assert objects.asked == []


def test_an_unknown_class_is_refused_before_anything_is_sent(store: SessionStore, objects: Glacier) -> None:
    store.create("a", ["x"])
    counting = CountingStore(objects)
    with SessionStore(counting) as other, pytest.raises(InvalidOption, match="GLACIER_IR, GLACIER, DEEP_ARCHIVE"):
        other.pack(idle=0, storage_class="glacier")
    assert counting.counts.requests == 0


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_a_store_with_one_class_refuses_others_before_anything_is_packed(kind: str, tmp_path: Path) -> None:
    place: ObjectStore = MemoryStore() if kind == "memory" else DirectoryStore(tmp_path / "archive")
    with SessionStore(place) as store:
        store.create("a", ["x"])
        with pytest.raises(StoreNotCapable, match="no storage class GLACIER"):
            store.pack(idle=0, storage_class="GLACIER")
        assert not keys_of(place, PACKS)
        assert not keys_of(place, CHECKS)
        assert store.restore(["a"]).complete


def test_a_store_that_takes_a_class_and_does_not_keep_it_is_refused(
    store: SessionStore, objects: Glacier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(key: str, storage_class: str) -> None:
        pass

    monkeypatch.setattr(objects, "set_class", nothing)
    store.create("a", ["x"])
    with pytest.raises(StoreNotCapable, match="takes GLACIER, yet keeps the object in STANDARD"):
        store.pack(idle=0, storage_class="GLACIER")
    assert not keys_of(objects, PACKS)


@pytest.mark.s3
def test_a_pack_comes_back_from_an_s3(ministack: MinistackServer, bucket_name: Callable[[], str]) -> None:
    place = S3BlockingStore(ministack.make_bucket(bucket_name()), "agents", s3_options(ministack.url))
    prepare(place)
    with closing(SessionStore(place, cache=False)) as store:
        packed_into(store, "GLACIER", "a", "b")
        with pytest.raises(RestoreRequired):
            store.load("a")
        looks: list[Restoring] = []

        def told(now: Restoring) -> None:
            looks.append(now)
            assert len(looks) < 1000

        report = store.restore(["a", "b"], days=2, follow=told, pause=0.02)
        assert looks[0].packs[0].status == "restoring"
        assert report.packs[0].until is not None
        assert store.load("b").messages == ["secret words", "b"]
