"""Rules delete in two steps, by the store's clock, and only what they still say when the time has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from s3store import AccessDenied, CorruptObject, InvalidOption, SessionStore
from s3store.keys import RETENTION, RETENTION_PLANS
from s3store.longterm.progress import STEPS
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.small_pages import SmallPages

DAY = timedelta(days=1)


class Clock:
    """The store's clock: far ahead of the local one, which decides nothing."""

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
def store(objects: MemoryStore) -> SessionStore:
    return SessionStore(objects)


def plans(objects: MemoryStore) -> int:
    return len(run(objects.list_page(RETENTION_PLANS)).objects)


def test_what_is_due_is_planned_and_goes_a_day_later(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("a", 1)
    store.retention.set("idle 30d -> delete")
    clock.now += 29 * DAY
    store.append("fresh", 1)
    assert store.maintain().steps["plan"] == {"not due": 2}
    clock.now += 2 * DAY

    first = store.maintain()
    again = store.maintain()

    assert first.complete
    assert first.steps["plan"] == {"planned": 1, "not due": 1}
    assert again.steps["plan"] == {"not due": 1}
    assert again.steps["delete"].total() == 0
    assert plans(objects) == 1
    assert store.exists("a")
    clock.now += DAY
    assert store.maintain().steps["delete"] == {"deleted": 1}
    assert not store.exists("a")
    assert store.exists("fresh")
    assert plans(objects) == 0
    assert store.index.verify().right


def test_what_was_used_held_or_made_anew_since_the_plan_stays(store: SessionStore, clock: Clock) -> None:
    for session_id in ("used", "held", "anew", "goes"):
        store.append(session_id, 1)
    store.retention.set("idle 30d -> delete")
    clock.now += 40 * DAY
    assert store.maintain().steps["plan"] == {"planned": 4}
    store.append("used", 2)
    store.hold("held", "case 7")
    store.delete("anew")
    store.append("anew", 2)
    clock.now += 2 * DAY

    assert store.maintain().steps["delete"] == {"not due": 1, "held": 1, "gone": 1, "deleted": 1}
    assert [session_id for session_id in ("used", "held", "anew", "goes") if store.exists(session_id)] == [
        "used", "held", "anew",
    ]  # fmt: skip


def test_rules_that_were_taken_back_delete_nothing(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("a", 1)
    store.retention.set("age 30d -> delete")
    clock.now += 40 * DAY
    store.maintain()
    assert store.retention.remove()
    clock.now += 40 * DAY
    assert store.maintain().steps["delete"] == {"not due": 1}
    assert store.exists("a")
    assert plans(objects) == 0


def test_a_writers_slow_clock_makes_no_session_old(store: SessionStore, clock: Clock) -> None:
    # To the store, the local clock is 1,000 days behind: by its own times the session is long past its age.
    store.append("a", 1)
    store.retention.set("age 30d -> delete")
    assert store.maintain().steps["plan"] == {"not due": 1}


def test_the_narrowest_scope_decides(store: SessionStore, clock: Clock) -> None:
    store.create("kept", agent="x", labels={"keep"})
    store.create("other", agent="x")
    store.retention.set("idle 30d -> delete", agent="x")
    store.retention.set("idle 9y -> delete", agent="x", labels=["keep"])
    clock.now += 40 * DAY
    assert store.maintain().steps["plan"] == {"planned": 1}
    clock.now += 2 * DAY
    store.maintain()
    assert store.exists("kept")
    assert not store.exists("other")


def test_rules_are_kept_with_who_set_them(store: SessionStore) -> None:
    assert store.retention.set("age 7y -> delete", labels=["a"], who="kim")
    assert not store.retention.set("age 7y -> delete", labels=["a"], who="lee")
    store.retention.set("age 8y -> delete", labels=["a"], who="lee")
    store.retention.remove(labels=["a"])
    assert not store.retention.remove(labels=["a"])
    book = store.retention.rules()
    assert book.policies == ()
    assert [(event.rules, event.who) for event in book.history] == [
        ("age 7y -> delete", "kim"),
        ("age 8y -> delete", "lee"),
        (None, None),
    ]


def test_wrong_rules_write_nothing(store: SessionStore, objects: MemoryStore) -> None:
    for rules in ("old 1d -> delete", "idle 30d -> pack GLACIER; age 1y -> DEEP_ARCHIVE"):
        with pytest.raises(InvalidOption):
            store.retention.set(rules)
    assert run(objects.list_page("")).objects == ()


def test_damaged_rules_delete_nothing(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("a", 1)
    run(objects.put(RETENTION, b'{"format": "s3store.retention/1"}'))
    with pytest.raises(CorruptObject):
        store.maintain()
    assert store.exists("a")


@pytest.mark.parametrize(("pages", "budget", "most"), [(CountingStore, 60, 120), (SmallPages, 120, 200)])
def test_a_pass_stops_when_its_budget_is_used_and_the_next_goes_on(
    pages: type[CountingStore], budget: int, most: int, clock: Clock, objects: MemoryStore
) -> None:
    store = SessionStore(pages(objects))
    for number in range(30):
        store.append(str(number), number)
    passes = [store.maintain(requests=budget)]
    while not passes[-1].complete:
        assert len(passes) < 20
        passes.append(store.maintain(requests=budget))
    assert len(passes) > 1
    assert max(each.requests for each in passes) < most
    assert not any(each.complete for each in passes[:-1])
    seen = {step for each in passes for step in each.steps}
    assert seen == set(STEPS)
    assert store.index.verify().right


def test_a_dry_run_changes_nothing(store: SessionStore, clock: Clock, objects: MemoryStore) -> None:
    store.append("a", 1)
    store.retention.set("idle 30d -> delete")
    clock.now += 40 * DAY
    before = [(each.key, each.modified) for each in run(objects.list_page("")).objects]
    report = store.maintain(dry_run=True)
    assert report.steps["plan"] == {"planned": 1}
    assert [(each.key, each.modified) for each in run(objects.list_page("")).objects] == before
    store.maintain()
    clock.now += 2 * DAY
    assert store.maintain(dry_run=True).steps["delete"] == {"due": 1}
    assert store.exists("a")


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"requests": -1}, {"older_than": -1}, {"wait": float("nan")}])
def test_bounds_are_checked(store: SessionStore, objects: MemoryStore, wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidOption):
        store.maintain(**wrong)  # type: ignore[arg-type]
    assert run(objects.list_page("")).objects == ()


class ReadOnly(MemoryStore):
    """Grants no right to delete."""

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        raise AccessDenied(f"{key}: s3:DeleteObject")


def test_too_few_rights_are_found_out_before_anything_goes() -> None:
    store = SessionStore(objects := ReadOnly())
    store.append("a", 1)
    log = run(objects.list_page("index/")).objects
    with pytest.raises(AccessDenied):
        store.maintain()
    assert run(objects.list_page("index/")).objects == log
