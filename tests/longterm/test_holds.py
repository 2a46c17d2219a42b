"""A held session survives every path that deletes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from s3store import IndexPolicy, InvalidOption, SessionDeleted, SessionHeld, SessionNotFound, SessionStore, TooLarge
from s3store.contracts.brainwires import BrainwiresStore
from s3store.keys import StreamKeys
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from tests.contracts.faults import Killed

from .mortal import MortalStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def test_a_held_session_is_not_deleted_until_it_is_released(place: Place) -> None:
    store = place.open()
    store.append("a", 1)
    store.artifacts("a").put("n", b"x" * 20_000)
    before = store.info("a")
    hold = store.hold("a", "case 7", who="legal")

    with pytest.raises(SessionHeld, match="1 hold keeps it") as refused:
        store.delete("a")
    with pytest.raises(SessionHeld):
        store.erase_versions("a")

    assert "case 7" not in str(refused.value)
    assert store.artifacts("a").get("n").data == b"x" * 20_000
    assert [info.id for info in store.holds()] == ["a"]
    again = place.open().info("a")
    assert again.holds == (hold,)
    assert (hold.reason, hold.who) == ("case 7", "legal")
    assert (again.updated_at - before.updated_at).total_seconds() < 0.001
    assert store.release("a", hold.id) == 1
    assert store.delete("a")
    assert list(store.holds()) == []


def test_commits_keep_holds_and_a_new_life_has_none(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    hold = store.hold("a", "r")
    store.append("a", 2)
    store.save("a", [1])
    store.clear("a")
    store.update("a", name="n")
    store.cleanup(older_than=0)
    assert store.info("a").holds == (hold,)
    store.release("a")
    store.delete("a")
    store.append("a", 1)
    assert store.info("a").holds == ()


def test_the_same_reason_by_the_same_person_counts_once(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    first = store.hold("a", "r", who="w")
    assert store.hold("a", "r", who="w") == first
    second = store.hold("a", "r", who="other")
    assert store.info("a").holds == (first, second)
    assert store.release("a", "no such hold") == 0
    with pytest.raises(SessionHeld, match="2 holds keep it"):
        store.delete("a")
    assert store.release("a") == 2


def test_there_is_nothing_to_hold_of_an_unknown_or_deleted_session(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    handle = store.session("a")
    handle.info()
    store.delete("a")
    for session_id in ("a", "never"):
        with pytest.raises(SessionNotFound):
            store.hold(session_id, "r")
        with pytest.raises(SessionNotFound):
            store.release(session_id)
    with pytest.raises(SessionDeleted):
        handle.hold("r")
    assert memory.listed(StreamKeys.of("never", "transcript").head) == []


@pytest.mark.parametrize(("reason", "who"), [("", None), ("  ", None), ("r" * 1001, None), ("r", ""), ("\ud800", None)])
def test_a_hold_says_why(memory: Place, reason: str, who: str | None) -> None:
    store = memory.open()
    store.append("a", 1)
    with pytest.raises(InvalidOption, match=r"reason|who"):
        store.hold("a", reason, who=who)
    assert store.info("a").holds == ()


def test_a_session_has_64_holds_at_most(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    for number in range(64):
        store.hold("a", str(number))
    with pytest.raises(TooLarge, match="64 holds"):
        store.hold("a", "one more")


def test_a_contract_does_not_delete_what_is_held(memory: Place) -> None:
    store = memory.open()
    contract = BrainwiresStore(store)
    contract.save("s", [])
    (summary,) = store.list()
    store.hold(summary.id, "r")
    with pytest.raises(SessionHeld):
        contract.delete("s")
    assert store.exists(summary.id)


class HeldOnTheWay(MemoryStore):
    """Somebody holds the session just before the swap that would delete it."""

    def __init__(self) -> None:
        super().__init__()
        self.hook: Callable[[], object] | None = None

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        hook, self.hook = self.hook, None
        if hook is not None:
            hook()
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


def test_a_hold_that_comes_between_the_look_and_the_swap_wins() -> None:
    objects = HeldOnTheWay()
    with SessionStore(objects) as other, SessionStore(objects) as store:
        other.append("a", 1)
        store.info("a")
        store.append("b", 1)
        objects.hook = lambda: other.hold("a", "just in time")
        with pytest.raises(SessionHeld):
            store.delete("a")
        assert other.load("a").messages == [1]


def test_listing_the_holds_asks_the_heads_of_the_held_alone(memory: Place) -> None:
    store = memory.open()
    for number in range(300):
        store.create(f"{number}", [number])
    store.hold("7", "case 7")
    store.hold("8", "case 8")
    store.release("8")
    store.index.compact()
    counting = CountingStore(memory.objects)
    with SessionStore(counting) as other:
        assert [info.holds[0].reason for info in other.holds()] == ["case 7"]
        assert counting.reset().gets < 10
        assert [info.id for info in other.holds(scan=True)] == ["7"]
        assert counting.counts.gets >= 300
        assert [summary.id for summary in other.list() if summary.held] == ["7"]


def test_a_hold_is_listed_at_once_whatever_else_waits_to_be_published(memory: Place) -> None:
    store = memory.open(index=IndexPolicy(publish_every=3600))
    store.append("a", 1)
    store.append("a", 2)
    store.hold("a", "r")
    assert [info.id for info in memory.open().holds()] == ["a"]
    store.release("a")
    assert not any(summary.held for summary in memory.open().list())


def test_a_hold_of_which_the_index_was_not_told_is_found_by_a_scan_and_by_maintenance() -> None:
    for lives in range(100):
        objects = MemoryStore()
        with SessionStore(objects) as store:
            store.append("a", 1)
        with suppress(Killed):
            SessionStore(MortalStore(objects, lives)).hold("a", "r")
        with SessionStore(objects) as store:
            if store.info("a").holds and not list(store.holds()):
                break
    else:
        pytest.fail("nobody died between the head and the index")
    with SessionStore(objects) as store:
        assert [info.id for info in store.holds(scan=True)] == ["a"]
        assert not store.maintain().failures
        assert [info.id for info in store.holds()] == ["a"]
