"""Inboxes, on every store and with every face that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    CorruptObject,
    Inbox,
    InboxMessage,
    InboxStatus,
    InvalidOption,
    InvalidRecord,
    LeaseLost,
    OutcomeUnknown,
    SessionDeleted,
    SessionStore,
    StoreUnavailable,
)
from s3store.contracts.broker import Broker
from s3store.keys import INBOX, MAIL, StreamKeys
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.archives import QUICK, InStep
from tests.contracts.faces import side_by_side

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

MOMENT = 1e-6
"""A lease that is over before anybody can look."""


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


def received(inbox: Inbox, lease: float = 60.0) -> InboxMessage:
    """Take the message that waits."""
    while True:
        message = inbox.receive(lease=lease)
        if message is not None:
            return message
        assert inbox.status().waiting


def test_messages_are_handed_out_in_order_each_once(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("a/b")
    assert inbox.receive() is None
    assert inbox.status() == InboxStatus(0, 0, 0, None)
    assert inbox.send({"role": "user", "content": "1"}) == 1
    assert inbox.send_all(["2", None]) == 3
    other = place.open().inbox("a/b")
    for number, wanted in enumerate([{"role": "user", "content": "1"}, "2", None]):
        message = received(other)
        assert (message.seq, message.message, message.attempt) == (number, wanted, 1)
        assert message.session_id == "a/b"
        assert inbox.receive() is None  # somebody is at it
        message.done()
        message.done()
    assert other.receive() is None
    assert inbox.status() == InboxStatus(3, 0, 0, None)
    assert [record.message for record in inbox.last(2)] == ["2", None]
    assert [record.seq for record in inbox.records(start=1)] == [1, 2]


def test_a_message_has_a_name_of_its_own_and_says_when_and_by_what_key_it_came(store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"], keys=["k", None])
    record = inbox.last(2)[0]
    first = received(inbox)
    assert (first.key, first.sent_at) == ("k", record.at)
    assert first.until > first.sent_at
    first.done()
    second = received(inbox, MOMENT)
    again = received(inbox)
    assert len({first.id, second.id}) == 2
    assert again.id == second.id
    assert (second.attempt, again.attempt) == (1, 2)


def test_a_repeated_key_is_stored_once_also_when_it_is_done(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    assert inbox.send("a", key="k") == 1
    assert place.open().inbox("s").send("a", key="k") == 1
    received(inbox).done()
    assert place.open().inbox("s").send("a", key="k") == 0
    assert [record.message for record in inbox.records()] == ["a"]


def test_of_many_who_ask_at_once_one_gets_it(place: Place) -> None:
    stores = [place.open() for _ in range(6)]
    stores[0].inbox("s").send_all(range(3))
    inboxes = [store.inbox("s") for store in stores]
    for number in range(3):
        got = [found for found in side_by_side(inboxes, lambda inbox, _: inbox.receive()) if found is not None]
        assert [message.message for message in got] == [number]
        message = got[0]
        (stores[0].runner.run(message.done()) if isinstance(stores[0], InStep) else message.done())


def test_many_senders_lose_nothing(place: Place) -> None:
    inboxes = [place.open().inbox("s") for _ in range(5)]
    side_by_side(inboxes, lambda inbox, number: inbox.send(number))
    assert sorted(message.message for message in inboxes[0].watch(wait=0)) == list(range(5))


def test_a_lease_that_ran_out_is_lost_to_whoever_takes_the_message_next(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send("a")
    stale = received(inbox, MOMENT)
    taken = received(place.open().inbox("s"))
    for call in (stale.done, stale.release, lambda: stale.extend(5)):
        with pytest.raises(LeaseLost, match=r"inbox\.jsonl\.zst: the message is no longer held"):
            call()
    taken.done()
    with pytest.raises(LeaseLost):
        stale.done()
    assert inbox.status() == InboxStatus(1, 0, 0, None)


def test_a_lease_that_ran_out_holds_until_somebody_else_comes(store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send("a")
    received(inbox, MOMENT).done()
    assert inbox.status().waiting == 0


def test_a_lease_can_be_extended(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send("a")
    message = received(inbox, MOMENT)
    before = message.until
    message.extend(60)
    assert (message.until - before).total_seconds() > 50
    assert place.open().inbox("s").receive() is None
    assert inbox.status().taken_until == message.until
    message.done()


def test_a_message_that_is_given_back_comes_again_before_the_others(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"])
    message = received(inbox)
    message.release()
    with pytest.raises(LeaseLost):
        message.release()
    again = received(place.open().inbox("s"))
    assert (again.message, again.attempt) == ("a", 2)


def test_watching_takes_each_message_and_finishes_the_one_before(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send_all(range(5))
    seen: list[Any] = []
    for message in inbox.watch(wait=0):
        assert place.open().inbox("s").status().done == len(seen)
        seen.append(message.message)
        if message.message == 2:
            message.done()
        if message.message == 3:
            inbox.send("more")
    assert seen == [0, 1, 2, 3, 4, "more"]
    assert inbox.status() == InboxStatus(6, 0, 0, None)


def test_watching_waits_for_what_comes(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    watch = inbox.watch(wait=60, poll=0.001)
    sender = place.open().inbox("s")
    sender.send("a")
    assert next(watch).message == "a"
    sender.send("b")
    assert next(watch).message == "b"
    assert list(inbox.watch(wait=0.01, poll=0.001)) == []  # somebody is at it
    assert inbox.status().done == 1


def test_a_body_that_raises_leaves_its_message(store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"])

    def work() -> None:
        for _ in inbox.watch(lease=MOMENT, wait=0):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    again = received(inbox)
    assert (again.message, again.attempt) == ("a", 2)


def test_watching_goes_on_when_a_lease_was_lost(
    place: Place, store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"])
    other = place.open().inbox("s")
    watch = inbox.watch(lease=MOMENT, wait=60, poll=0.001)
    assert next(watch).message == "a"
    received(other).done()
    assert next(watch).message == "b"
    assert "message 0 from the inbox" in caplog.text
    assert "lease ran out" in caplog.text


@pytest.mark.usefixtures("small_parts")
def test_messages_in_sealed_segments_are_handed_out_too(place: Place) -> None:
    inbox = place.open().inbox("s")
    for number in range(6):
        inbox.send_all([{"n": number, "text": "x" * 200}, "small"])
    assert len(place.listed(StreamKeys.of("s", INBOX).segments)) > 3
    found = [message.message for message in place.open().inbox("s").watch(wait=0)]
    assert [message["n"] for message in found[::2]] == list(range(6))
    assert found[1::2] == ["small"] * 6


@pytest.mark.usefixtures("small_parts")
def test_a_missing_segment_is_no_empty_inbox(memory: Place) -> None:
    inbox = memory.open().inbox("s")
    for number in range(4):
        inbox.send({"n": number, "text": "x" * 200})
    memory.remove(memory.listed(StreamKeys.of("s", INBOX).segments)[0])
    with pytest.raises(CorruptObject, match="which is missing"):
        memory.open().inbox("s").receive()


def test_an_inbox_needs_no_session_and_makes_none(place: Place, store: SessionStore) -> None:
    store.inbox("s").send("a")
    assert store.exists("s") is False
    assert list(store.list()) == []
    assert list(store.scan()) == []
    store.append("s", "hello")
    assert received(place.open().inbox("s")).message == "a"


def test_a_delete_takes_the_inbox_along(place: Place, store: SessionStore) -> None:
    store.create("s")
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"])
    message = received(inbox)
    store.delete("s")
    for call in (message.done, message.release, lambda: message.extend(5)):
        with pytest.raises(SessionDeleted):
            call()
    assert inbox.receive() is None
    assert inbox.status() == InboxStatus(0, 0, 0, None)
    assert list(place.open().inbox("s").watch(wait=0)) == []
    assert inbox.send("c") == 1
    again = received(inbox)
    assert (again.seq, again.message, again.attempt) == (0, "c", 1)
    with pytest.raises(SessionDeleted):
        message.done()


def test_a_delete_under_a_watcher_is_an_empty_inbox(store: SessionStore, caplog: pytest.LogCaptureFixture) -> None:
    store.create("s")
    inbox = store.inbox("s")
    inbox.send_all(["a", "b"])
    watch = inbox.watch(wait=0)
    assert next(watch).message == "a"
    store.delete("s")
    assert list(watch) == []
    assert "deleted" in caplog.text


def test_the_inbox_of_a_handle_belongs_to_the_session(place: Place, store: SessionStore) -> None:
    store.create("s")
    session = store.session("s")
    session.inbox().send("a")
    message = received(session.inbox())
    assert message.message == "a"
    session.info()
    store.delete("s")
    store.create("s")
    with pytest.raises(SessionDeleted):
        session.inbox().send("b")
    assert place.open().inbox("s").status().waiting == 0


@pytest.mark.parametrize("lease", [0, -1, float("nan"), 8 * 86400, True, "60"])
def test_a_wrong_lease_is_refused(memory: Place, lease: Any) -> None:
    inbox = memory.open().inbox("s")
    inbox.send("a")
    message = received(inbox)
    for call in (lambda: inbox.receive(lease=lease), lambda: inbox.watch(lease=lease), lambda: message.extend(lease)):
        with pytest.raises(InvalidOption, match="a lease is of more than 0"):
            call()


@pytest.mark.parametrize("options", [{"poll": 0}, {"poll": "1"}, {"poll": float("inf")}, {"wait": -1}, {"wait": True}])
def test_a_wrong_pause_is_refused(memory: Place, options: Any) -> None:
    with pytest.raises(InvalidOption, match=r"(poll|wait) is a number of seconds"):
        memory.open().inbox("s").watch(**options)


def test_what_is_no_json_is_refused_before_anything_is_sent(memory: Place) -> None:
    with pytest.raises(InvalidRecord):
        memory.open().inbox("s").send({"a": float("nan")})
    assert memory.listed() == []


def bells(place: Place) -> list[str]:
    return place.listed(MAIL)


def test_a_bell_is_rung_for_what_waits_and_once_while_it_does(place: Place, store: SessionStore) -> None:
    inbox = store.inbox("s")
    inbox.send("a", key="k")
    assert len(bells(place)) == 1
    inbox.send("b")
    inbox.send("a", key="k")
    assert len(bells(place)) == 1
    place.open().inbox("s").send("c")  # knows nothing of the other's bell
    assert len(bells(place)) == 2
    for _ in inbox.watch(wait=0):
        pass
    inbox.send("a", key="k")  # done by now
    assert len(bells(place)) == 2
    inbox.send("d")
    assert len(bells(place)) == 3


class LosesAnswers(MemoryStore):
    """A store that loses the answer to some writes, or refuses them, as the test says."""

    lost = ""
    refused = ""

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if self.refused and self.refused in key:
            raise StoreUnavailable("refused", may_have_landed=False)
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        if self.lost and self.lost in key:
            raise StoreUnavailable("lost")
        return etag


def test_lost_answers_make_nothing_happen_twice() -> None:
    objects = LosesAnswers()
    with SessionStore(objects, policy=QUICK) as store:
        inbox = store.inbox("s")
        objects.lost = INBOX
        assert inbox.send("a") == 1
        assert inbox.send("b") == 2
        message = received(inbox)
        assert (message.message, message.attempt) == ("a", 1)
        message.extend(30)
        message.done()
        message.done()
        assert [message.message for message in inbox.watch(wait=0)] == ["b"]
        assert inbox.status() == InboxStatus(2, 0, 0, None)
    run(objects.close())


class GoesAway(LosesAnswers):
    """A store whose inbox cannot be read any more either, once an answer was lost."""

    async def get(self, key: str, **options: Any) -> Any:
        if self.lost and self.lost in key:
            raise StoreUnavailable("gone")
        return await super().get(key, **options)


def test_what_became_of_a_done_without_an_answer_can_be_asked_and_said_again() -> None:
    objects = GoesAway()
    with SessionStore(objects, policy=QUICK) as store:
        inbox = store.inbox("s")
        inbox.send_all(["a", "b"])
        message = received(inbox)
        objects.lost = INBOX
        with pytest.raises(OutcomeUnknown) as unknown:
            message.done()
        objects.lost = ""
        assert inbox.resolve(unknown.value.commit_id) is True
        message.done()
        assert inbox.status() == InboxStatus(1, 1, 0, None)
    run(objects.close())


def test_a_message_whose_bell_could_not_be_rung_is_not_acknowledged() -> None:
    objects = LosesAnswers()
    with SessionStore(objects, policy=QUICK) as store:
        inbox = store.inbox("s")
        objects.refused = MAIL
        with pytest.raises(OutcomeUnknown, match="no bell could be rung") as unknown:
            inbox.send("a", key="k")
        objects.refused = ""
        assert run(objects.list_page(MAIL)).objects == ()
        assert inbox.resolve(unknown.value.commit_id) is True
        assert len(run(objects.list_page(MAIL)).objects) == 1
        assert inbox.send("a", key="k") == 1
        assert len(run(objects.list_page(MAIL)).objects) == 1
    run(objects.close())


@pytest.mark.parametrize(
    "taken",
    [
        [],
        {"done": 2},
        {"done": -1},
        {"done": "0"},
        {"attempts": True},
        {"lease": {}},
        {"lease": {"holder": "a", "seconds": 1e300, "until": "2026-01-01T00:00:00.000000Z"}},
        {"lease": {"holder": "a", "seconds": 1, "until": "yesterday"}},
    ],
)
def test_a_damaged_head_is_no_empty_inbox(memory: Place, taken: Any) -> None:
    from s3store.streams.frames import pack, unpack

    memory.open().inbox("s").send("a")
    key = StreamKeys.of("s", INBOX).head
    found = unpack(key, memory.read(key))
    memory.write(key, pack({**found.header, "taken": taken}, found.frame))
    with pytest.raises(CorruptObject):
        memory.open().inbox("s").receive()


def test_what_sending_and_taking_cost(memory: Place) -> None:
    memory.open().append("s", "x")
    counted = CountingStore(memory.objects)

    def cost() -> tuple[int, int, int]:
        counts = counted.reset()
        return counts.gets, counts.puts, counts.lists

    with SessionStore(counted, policy=QUICK) as store:
        store.append("s", "y")
        inbox = store.inbox("s")
        inbox.send("a")
        counted.reset()
        inbox.send("b")
        assert cost() == (0, 1, 0)
        watch = inbox.watch(wait=0)
        next(watch)
        assert cost() == (0, 1, 0)
        next(watch).extend(60)
        assert cost() == (0, 2, 0)
        assert list(watch) == []
        assert cost() == (0, 1, 0)
        assert inbox.receive() is None
        assert cost() == (1, 0, 0)  # answered 304
        Broker(store).send("s", "c")
        assert cost() == (0, 4, 0)
        assert len(list(Broker(store).watch(wait=0))) == 1
        assert cost() == (1, 2, 2)
