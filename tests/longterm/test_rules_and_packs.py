"""Rules that pack, erasure from packs, and holds beside both: nothing that is held, or was not asked for, is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from s3store import InvalidOption, RestoreRequired, SessionHeld, SessionStore, StoreNotCapable
from s3store.keys import PACKS, pack_of_key
from s3store.longterm.packs.drop import Drop
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

from .glacier import Glacier

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
SECRET = "the words of a person"


class Clock:
    """The store's clock, far ahead of the local one."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + 1000 * DAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def objects(clock: Clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def store(objects: MemoryStore) -> Iterator[SessionStore]:
    with SessionStore(objects) as opened:
        yield opened


def packs(objects: MemoryStore) -> list[str]:
    return [name for each in run(objects.list_page(PACKS)).objects if (name := pack_of_key(each.key)) is not None]


def cold(store: SessionStore) -> set[str]:
    return {summary.id for summary in store.list(place="cold")}


def in_packs(store: SessionStore) -> set[str]:
    records = run(store._archive.packs.records())
    return {session_id for record in records if record.state == "live" for session_id in record.sessions}


def pack_now(store: SessionStore) -> None:
    assert not store.pack(idle=0).failures
    assert not store.cleanup(older_than=0).failures


def test_a_rule_packs_and_a_day_later_the_pack_is_all_there_is(store: SessionStore, clock: Clock) -> None:
    for session_id in ("a", "b"):
        store.append(session_id, session_id)
    store.retention.set("idle 30d -> pack")
    assert +store.maintain().steps["pack"] == {"not due": 2}
    clock.now += 31 * DAY
    store.append("fresh", "fresh")
    store.create("empty")

    first = store.maintain()

    assert first.failures == []
    assert first.steps["pack"]["packed"] == 2
    assert first.steps["pack"]["packs"] == 1
    assert first.steps["settle"].total() == 0
    clock.now += 2 * DAY
    second = store.maintain()
    assert (second.failures, second.steps["settle"]["thinned"]) == ([], 2)
    assert second.steps["pack"].total() == second.steps["pack"]["not due"]
    assert cold(store) == {"a", "b"}
    assert [store.load(each).messages for each in ("a", "b", "fresh")] == [["a"], ["b"], ["fresh"]]
    assert store.maintain().steps["pack"]["packed"] == 0
    assert store.index.verify().right


def test_of_the_rules_that_apply_the_last_one_holds(store: SessionStore, clock: Clock) -> None:
    store.append("old", 1)
    store.retention.set("idle 30d -> pack; age 90d -> delete")
    clock.now += 100 * DAY
    report = store.maintain()
    assert report.steps["plan"] == {"planned": 1}
    assert report.steps["pack"].total() == 0
    clock.now += 2 * DAY
    assert store.maintain().steps["delete"] == {"deleted": 1}


def test_a_packed_session_is_deleted_by_rule(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("old", 1)
    store.retention.set("idle 30d -> pack; age 90d -> delete")
    for days in (31, 2, 90, 2):
        clock.now += days * DAY
        assert store.maintain().failures == []
    assert not store.exists("old")


def test_a_dry_run_packs_nothing(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("a", 1)
    store.retention.set("idle 30d -> pack")
    clock.now += 31 * DAY
    assert store.maintain(dry_run=True).steps["pack"] == {"due": 1}
    assert packs(objects) == []


def test_rules_that_would_move_a_pack_on_from_an_archive_are_refused(store: SessionStore, objects: MemoryStore) -> None:
    with pytest.raises(
        InvalidOption, match="from GLACIER a pack can be moved on to DEEP_ARCHIVE only after it was res"
    ):
        store.retention.set("idle 1d -> pack GLACIER; age 365d -> DEEP_ARCHIVE")
    assert run(objects.list_page("")).objects == ()


def test_rules_pack_into_their_class_and_what_is_archived_is_restored(clock: Clock) -> None:
    objects = Glacier(clock=clock)
    with SessionStore(objects) as store:
        for agent in ("one", "other"):
            store.create(agent, [f"of {agent}"], agent=agent)
        store.retention.set("idle 30d -> GLACIER", agent="one")
        store.retention.set("idle 30d -> pack", agent="other")
        for days in (31, 2, 2):
            clock.now += days * DAY
            assert store.maintain().failures == []
        assert {name.partition("/")[0] for name in packs(objects)} == {"glacier", "standard"}
        assert store.load("other").messages == ["of other"]
        with pytest.raises(RestoreRequired):
            store.load("one")
        store.restore(["one"])
        objects.thaw()
        assert store.load("one").messages == ["of one"]


def test_a_class_that_the_store_lacks_is_refused(store: SessionStore) -> None:
    with pytest.raises(StoreNotCapable):
        store.retention.set("idle 30d -> GLACIER_IR")
    assert store.retention.rules().policies == ()


def test_of_rules_as_narrow_those_by_which_it_stays_hot_for_longest(store: SessionStore, clock: Clock) -> None:
    store.create("a", [1], labels={"x", "y"})
    store.retention.set("idle 30d -> pack", labels=["x"])
    store.retention.set("idle 60d -> pack", labels=["y"])
    clock.now += 40 * DAY
    assert store.maintain().steps["pack"]["packed"] == 0
    clock.now += 40 * DAY
    assert store.maintain().steps["pack"]["packed"] == 1


def test_a_small_budget_gets_through_what_only_seems_to_be_due(store: SessionStore, clock: Clock) -> None:
    # By the index, which knows the writers' clocks alone, all are due; the heads of the first ones say otherwise.
    for number in range(30):
        store.append(f"held {number}", number)
        store.hold(f"held {number}", "case 7")
    store.append("goes", 1)
    store.append("packed", 1)
    store.update("packed", labels={"pack"})
    store.retention.set("idle 30d -> delete")
    store.retention.set("idle 30d -> pack", labels=["pack"])
    store.index.compact()
    clock.now += 31 * DAY
    for _ in range(150):
        clock.now += DAY
        store.maintain(requests=30)
    assert not store.exists("goes")
    assert cold(store) == {"packed"}
    assert store.exists("held 29")


def test_a_plan_is_gone_through_in_parts(store: SessionStore, clock: Clock) -> None:
    for number in range(40):
        store.append(f"{number}", number)
    store.retention.set("idle 30d -> delete")
    clock.now += 31 * DAY
    assert store.maintain().steps["plan"] == {"planned": 40}
    clock.now += 2 * DAY
    passes = 0
    while store.count():
        passes += 1
        assert passes < 60
        assert store.maintain(requests=30).failures == []
    assert passes > 1


def test_erasing_takes_sessions_out_of_packs(store: SessionStore, objects: MemoryStore) -> None:
    store.create("gone", [SECRET], labels={"user=ada"})
    store.create("other", ["hello"])
    pack_now(store)
    (before,) = packs(objects)

    receipt = store.erase(labels=["user=ada"])

    assert receipt.complete, receipt.failures
    assert in_packs(store) == {"other"}
    assert before not in packs(objects)
    assert store.load("other").messages == ["hello"]


def test_erasing_ends_what_somebody_died_dropping(store: SessionStore, objects: MemoryStore) -> None:
    store.create("gone", [SECRET], labels={"user=ada"})
    store.create("other", ["hello"])
    pack_now(store)
    (name,) = packs(objects)
    service = store._archive.packs
    run(service._records.swap(name, lambda now: now and replace(now, state="dropped")))

    receipt = store.erase(labels=["user=ada"])

    assert receipt.complete, receipt.failures
    assert not any("gone" in record.sessions for record in run(service.records()))
    assert name not in packs(objects)
    assert store.load("other").messages == ["hello"]


def test_a_receipt_is_not_complete_while_a_pack_holds_records(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("gone", [SECRET], labels={"user=ada"})
    store.create("other", ["hello"])
    pack_now(store)

    async def keep(*_: object) -> bool:
        return False

    monkeypatch.setattr(Drop, "drop", keep)
    receipt = store.erase(labels=["user=ada"])
    assert not receipt.complete
    assert "packs that still hold records: 1;" in receipt.failures[0]
    assert SECRET not in receipt.failures[0]


def test_erasing_leaves_the_held_in_their_packs(store: SessionStore, objects: MemoryStore) -> None:
    for session_id in ("held", "goes"):
        store.create(session_id, [session_id], labels={"user=ada"})
    pack_now(store)
    store.hold("held", "case 7")

    receipt = store.erase(labels=["user=ada"])

    assert {each.id: each.outcome for each in receipt.sessions} == {"held": "held", "goes": "erased"}
    assert in_packs(store) == {"held"}
    assert store.load("held").messages == ["held"]


def test_a_held_session_stays_through_pack_settle_forget_and_drop(store: SessionStore, objects: MemoryStore) -> None:
    store.create("held", ["kept"])
    store.create("other", [1])
    store.hold("held", "case 7")
    pack_now(store)
    assert [hold.reason for hold in store.info("held").holds] == ["case 7"]
    (name,) = packs(objects)
    service = store._archive.packs

    assert not run(service.drop(name))
    # To forget is for sessions that were deleted: of one that lives the pack is kept, and that is said.
    assert run(service.forget(["held"])).kept == (name,)
    assert store.load("held").messages == ["kept"]
    with pytest.raises(SessionHeld):
        store.delete("held")
    store.delete("other")
    run(service.forget(["other"]))
    assert store.load("held").messages == ["kept"]
    assert in_packs(store) == {"held"}
    store.unpack("held")
    store.cleanup(older_than=0)
    assert store.load("held").messages == ["kept"]
    assert store.info("held").holds


def test_two_maintainers_at_once_do_it_once(objects: MemoryStore, clock: Clock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with SessionStore(objects) as one, SessionStore(objects) as two:
        for number in range(20):
            one.create(f"{number}", [number], labels={"goes"} if number % 2 else set())
        one.retention.set("idle 30d -> pack")
        one.retention.set("idle 30d -> delete", labels=["goes"])
        clock.now += 31 * DAY
        with ThreadPoolExecutor(2) as pool:
            for _ in range(4):
                list(pool.map(lambda store: store.maintain(), (one, two)))
                clock.now += 2 * DAY
        last = one.maintain()
        assert last.complete
        assert {summary.id for summary in one.list()} == {f"{number}" for number in range(0, 20, 2)}
        assert cold(one) == {f"{number}" for number in range(0, 20, 2)}
        assert all(one.load(f"{number}").messages == [number] for number in range(0, 20, 2))
        assert one.index.verify().right
