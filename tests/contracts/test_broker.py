"""The broker, on every store and with every face that it has."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    AsyncSessionStore,
    InvalidOption,
    InvalidRecord,
    SessionNotFound,
    SessionStore,
    StoreUnavailable,
    TooLarge,
)
from s3store.contracts.brainwires import (
    AsyncBrainwiresStore,
    BrainwiresStore,
    Message,
    SessionMessage,
    SessionSummary,
    SpawnedSession,
    SpawnRequest,
)
from s3store.contracts.broker import AsyncBroker, AsyncSessionsTool, Broker, SessionBroker, SessionsTool
from s3store.contracts.broker.tool import SCHEMAS
from s3store.keys import MAIL
from s3store.objects.memory import MemoryStore
from tests.archives import InStep, local_place

from .faces import on

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

UNKNOWN = "unknown session: nobody"


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


def broker_on(store: SessionStore, **options: Any) -> Broker:
    broker: Broker = on(store, Broker, AsyncBroker, **options)
    return broker


def tool_on(store: SessionStore, session_id: str | None = None) -> SessionsTool:
    broker: Any = broker_on(store)
    if isinstance(broker, InStep):
        found: Any = InStep(AsyncSessionsTool(broker.inner, session_id), broker.runner)  # type: ignore[arg-type]
        return found  # type: ignore[no-any-return]
    return SessionsTool(broker, session_id)


@pytest.fixture
def broker(store: SessionStore) -> Broker:
    return broker_on(store)


def test_case_23_history_of_an_unknown_session_is_an_error(broker: Broker) -> None:
    for limit in (None, 0, 5):
        with pytest.raises(SessionNotFound, match=f"^{UNKNOWN}$"):
            broker.history("nobody", limit)


def test_case_24_history_of_an_empty_session_is_empty(store: SessionStore, broker: Broker) -> None:
    store.create("s")
    assert broker.history("s") == []
    assert broker.history("s", 5) == []


def test_case_25_a_limit_gives_the_last_messages_the_oldest_first(store: SessionStore, broker: Broker) -> None:
    store.extend("s", [{"role": "user", "content": str(number)} for number in range(5)])
    assert [message.content for message in broker.history("s", 2)] == ["3", "4"]
    assert [message.content for message in broker.history("s", 9)] == list("01234")
    assert broker.history("s", 0) == []
    with pytest.raises(InvalidOption):
        broker.history("s", -1)


def test_case_26_without_a_limit_history_is_all(place: Place, store: SessionStore) -> None:
    store.extend("s", [{"role": "user", "content": str(number)} for number in range(600)])
    assert [message.content for message in broker_on(place.open()).history("s")] == list(map(str, range(600)))


def test_case_27_the_tool_shows_50_and_at_most_500(store: SessionStore) -> None:
    store.extend("s", [{"role": "user", "content": str(number)} for number in range(501)])
    tool = tool_on(store)
    shown = tool.call("sessions_history", {"session_id": "s"})
    assert [message["content"] for message in shown] == list(map(str, range(451, 501)))
    assert len(tool.call("sessions_history", {"session_id": "s", "limit": 7})) == 7
    assert len(tool.call("sessions_history", {"session_id": "s", "limit": 501})) == 500
    assert len(tool.call("sessions_history", {"session_id": "s", "limit": 10**30})) == 500
    for wrong in (-1, True, "5", None, 1.5):
        with pytest.raises(InvalidOption, match="limit"):
            tool.call("sessions_history", {"session_id": "s", "limit": wrong})


def test_case_28_a_summary_without_a_parent_says_nothing_of_one(store: SessionStore, broker: Broker) -> None:
    info = store.create("s", ["a"], channel="web", sender="ann")
    (summary,) = broker.list()
    assert summary == SessionSummary("s", "web", "ann", info.created_at, info.updated_at, 1)
    assert set(summary.to_json()) == {"id", "channel", "peer", "created_at", "last_active", "message_count"}
    store.update("s", parent="p")
    assert broker.list()[0].to_json()["parent"] == "p"


def test_blocks_are_flattened_to_lines(store: SessionStore, broker: Broker) -> None:
    blocks = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "1", "name": "search", "input": {"q": 1}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "tool_result", "tool_use_id": "1", "content": "found"},
        {"type": "tool_result", "tool_use_id": "1", "content": "broken", "is_error": True},
    ]
    store.extend("s", [{"role": "assistant", "content": blocks}, {"role": "assistant", "content": []}, "plain"])
    records = store.load("s").records
    text = "Let me see.\n[tool_use: search]\n[image]\n[tool_result: found]\n[tool_error: broken]"
    assert broker.history("s") == [
        SessionMessage("assistant", text, records[0].at),
        SessionMessage("assistant", "", records[1].at),
        SessionMessage("unknown", '"plain"', records[2].at),
    ]


def test_send_leaves_a_message_in_the_inbox_and_moves_the_session_to_the_front(
    place: Place, store: SessionStore, broker: Broker
) -> None:
    store.create("a")
    store.create("b")
    assert [session.id for session in broker.list()] == ["b", "a"]
    before = broker.list()[1].last_active
    broker.send("a", "hello", sender="b", key="k")
    broker.send("a", "hello", sender="b", key="k")
    broker.send("a", "again")
    found = broker_on(place.open())
    assert [session.id for session in found.list()] == ["a", "b"]
    assert found.list()[0].last_active > before
    assert found.list()[0].message_count == 0
    assert [record.message for record in found.inbox("a").records()] == [
        {"role": "user", "content": "hello", "name": "b"},
        {"role": "user", "content": "again"},
    ]
    assert found.waiting() == ["a"]


def test_send_to_an_unknown_session_or_to_oneself_is_refused_and_writes_nothing(
    place: Place, store: SessionStore, broker: Broker
) -> None:
    store.create("a")
    store.create("gone")
    store.delete("gone")
    before = place.listed()
    with pytest.raises(SessionNotFound, match=f"^{UNKNOWN}$"):
        broker.send("nobody", "hello")
    with pytest.raises(SessionNotFound, match="unknown session: gone"):
        broker.send("gone", "hello")
    with pytest.raises(InvalidOption, match="does not send to itself"):
        broker.send("a", "hello", sender="a")
    wrong: Any = 5
    with pytest.raises(InvalidRecord):
        broker.send("a", wrong)
    assert place.listed() == before


def test_spawn_records_the_child_and_leaves_the_prompt_in_its_inbox(store: SessionStore, broker: Broker) -> None:
    request = SpawnRequest("Look it up", model="m-1", system="Be brief.", tools=("search", "read"))
    spawned = broker.spawn("parent", request)
    assert re.fullmatch(r"spawn-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", spawned.id)
    assert spawned == SpawnedSession(spawned.id)
    found = store.info(spawned.id).metadata
    assert (found.channel, found.sender, found.parent) == ("spawned", "spawned-by-parent", "parent")
    assert found.attributes == {"spawn": {"model": "m-1", "system": "Be brief.", "tools": ["search", "read"]}}
    (message,) = broker.watch(wait=0)
    assert (message.session_id, message.message) == (
        spawned.id,
        {"role": "user", "content": "Look it up", "name": "parent"},
    )
    (summary,) = broker.list()
    assert (summary.channel, summary.peer, summary.parent) == ("spawned", "spawned-by-parent", "parent")
    assert [session.id for session in store.list(parent="parent")] == [spawned.id]
    assert store.info(broker.spawn("p", SpawnRequest("x")).id).metadata.attributes == {"spawn": {}}


def test_what_cannot_be_recorded_spawns_nothing(place: Place, broker: Broker) -> None:
    with pytest.raises(TooLarge):
        broker.spawn("parent", SpawnRequest("x", system="y" * 300_000))
    with pytest.raises(InvalidOption):
        broker.spawn("parent", SpawnRequest("x", system="\ud800"))
    assert broker.list() == []
    assert place.listed("sessions/") == []


def test_spawn_waits_for_the_first_reply(place: Place, store: SessionStore) -> None:
    if isinstance(store, InStep):
        pytest.skip("one event loop, stepped by hand, does one thing at a time")
    with ThreadPoolExecutor(1) as pool:
        request = SpawnRequest("Look it up", wait_for_first_reply=True, wait_timeout_secs=60)
        spawning = pool.submit(broker_on(store).spawn, "parent", request)
        worker = place.open()
        message = next(broker_on(worker).watch(poll=0.01))
        worker.extend(message.session_id, [message.message, {"role": "assistant", "content": "found"}])
        message.done()
        spawned = spawning.result(60)
        reply = worker.last(message.session_id, 1)[0]
    assert spawned == SpawnedSession(message.session_id, SessionMessage("assistant", "found", reply.at))


def test_a_reply_that_does_not_come_in_time_is_none(store: SessionStore, broker: Broker) -> None:
    spawned = broker.spawn("parent", SpawnRequest("x", wait_for_first_reply=True, wait_timeout_secs=0))
    assert spawned.first_reply is None
    assert store.exists(spawned.id)
    assert broker.waiting() == [spawned.id]


def test_watching_hands_out_the_messages_of_all_sessions(place: Place, store: SessionStore, broker: Broker) -> None:
    sessions = ["a", "b/c", "x" * 600, ""]
    for session in sessions:
        store.create(session)
        for number in range(20):  # more than a visit takes
            broker.inbox(session).send(number)
    worker = broker_on(place.open())
    assert worker.waiting() == sorted(sessions)
    seen: dict[str, list[Any]] = {}
    for message in worker.watch(wait=0):
        seen.setdefault(message.session_id, []).append(message.message)
    assert seen == {session: list(range(20)) for session in sessions}
    assert {broker.inbox(session).status().done for session in sessions} == {20}
    assert worker.waiting() == []
    assert place.listed(MAIL) == []


def test_a_session_that_somebody_is_at_is_passed_over(place: Place, store: SessionStore, broker: Broker) -> None:
    for session in ("a", "b"):
        store.create(session)
        broker.send(session, session)
    at_it = place.open().inbox("a").receive()
    assert at_it is not None
    worker = broker_on(place.open())
    assert [message.session_id for message in worker.watch(wait=0)] == ["b"]
    assert worker.waiting() == ["a"]
    at_it.release()
    assert [message.session_id for message in worker.watch(wait=0)] == ["a"]
    assert worker.waiting() == []


def test_what_was_sent_to_a_session_that_is_not_there_waits_for_it(store: SessionStore, broker: Broker) -> None:
    store.inbox("later").send("hello")
    assert list(broker.watch(wait=0)) == []
    assert broker.waiting() == ["later"]
    store.create("later")
    assert [message.message for message in broker.watch(wait=0)] == ["hello"]


def test_bells_of_a_deleted_session_lead_nowhere(place: Place, store: SessionStore, broker: Broker) -> None:
    store.create("s")
    broker.send("s", "hello")
    store.delete("s")
    assert list(broker.watch(wait=0)) == []
    store.create("s")
    assert list(broker.watch(wait=0)) == []
    assert place.listed(MAIL) == []


def test_a_namespace_shows_the_sessions_of_one_contract(store: SessionStore) -> None:
    contract = on(store, BrainwiresStore, AsyncBrainwiresStore)
    contract.save("chat", [Message("user", "hello")])
    store.append("other", "x")
    broker = broker_on(store, namespace="brainwires")
    assert [session.id for session in broker.list()] == ["chat"]
    assert [message.content for message in broker.history("chat")] == ["hello"]
    broker.send("chat", "news")
    broker_on(store).send("other", "elsewhere")
    child = broker.spawn("chat", SpawnRequest("x"))
    assert broker.waiting() == sorted(["chat", child.id])
    assert [session.parent for session in broker.list() if session.id == child.id] == ["chat"]
    assert store.info(f"brainwires/{child.id}").metadata.parent == "brainwires/chat"
    assert {message.session_id for message in broker.watch(wait=0)} == {"brainwires/chat", f"brainwires/{child.id}"}
    assert broker_on(store).waiting() == ["other"]
    assert contract.load("chat") == [Message("user", "hello")]


def test_the_tools_do_what_the_broker_does(store: SessionStore, broker: Broker) -> None:
    store.create("a")
    store.create("b")
    tool = tool_on(store, "a")
    assert [found["id"] for found in tool.call("sessions_list", {})] == ["b", "a"]
    assert tool.call("sessions_send", {"session_id": "b", "text": "hi"}) == {"sent": True, "session_id": "b"}
    spawned = tool.call("sessions_spawn", {"prompt": "work", "tools": ["x"]})
    assert set(spawned) == {"id"}
    assert store.info(spawned["id"]).metadata.parent == "a"
    assert {message.message["content"]: message.message["name"] for message in broker.watch(wait=0)} == {
        "hi": "a",
        "work": "a",
    }
    assert [schema["name"] for schema in SCHEMAS] == [
        "sessions_list",
        "sessions_history",
        "sessions_send",
        "sessions_spawn",
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("sessions_history", {}, InvalidOption),
        ("sessions_history", {"session_id": ""}, InvalidOption),
        ("sessions_history", {"session_id": "nobody"}, SessionNotFound),
        ("sessions_send", {"session_id": "b"}, InvalidOption),
        ("sessions_send", {"session_id": "b", "text": " "}, InvalidOption),
        ("sessions_send", {"session_id": "a", "text": "to myself"}, InvalidOption),
        ("sessions_send", {"session_id": "nobody", "text": "x"}, SessionNotFound),
        ("sessions_spawn", {"prompt": ""}, InvalidOption),
        ("sessions_spawn", {"prompt": "x", "tools": "all"}, InvalidRecord),
        ("sessions_delete", {}, InvalidOption),
    ],
)
def test_wrong_arguments_of_a_tool_are_refused(memory: Place, name: str, arguments: Any, error: type) -> None:
    store = memory.open()
    store.create("a")
    with pytest.raises(error):
        tool_on(store, "a").call(name, arguments)
    assert broker_on(store).waiting() == []


def test_the_broker_is_the_contract_for_a_type_checker() -> None:
    known: SessionBroker = AsyncBroker(AsyncSessionStore("memory://"))
    assert isinstance(known, AsyncBroker)


@pytest.mark.parametrize(("face", "wrong"), [(Broker, AsyncSessionStore), (AsyncBroker, SessionStore)])
def test_a_face_wants_a_store_of_its_own_kind(face: type, wrong: type) -> None:
    for given in (wrong("memory://"), "memory://", None):
        with pytest.raises(InvalidOption, match="SessionStore is wanted"):
            face(given)


def test_nobody_spawns_without_a_session_of_its_own(memory: Place) -> None:
    with pytest.raises(InvalidOption, match="needs a session of its own"):
        tool_on(memory.open()).call("sessions_spawn", {"prompt": "x"})


class Out(MemoryStore):
    """A store that does not answer."""

    out = False

    async def get(self, key: str, **options: Any) -> Any:
        self._answer()
        return await super().get(key, **options)

    async def list_page(self, prefix: str, **options: Any) -> Any:
        self._answer()
        return await super().list_page(prefix, **options)

    def _answer(self) -> None:
        if self.out:
            raise StoreUnavailable("out")


def test_an_outage_is_never_an_empty_answer() -> None:
    with ExitStack() as closing:
        objects = Out()
        store = local_place(objects, objects, closing, asynchronous=False).open()
        store.create("s")
        broker = broker_on(store)
        broker.send("s", "hello")
        objects.out = True
        calls: list[Any] = [broker.list, broker.waiting, store.inbox("s").status]
        calls += [lambda: broker.history("s"), lambda: list(broker.watch(wait=0))]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call()
        objects.out = False
