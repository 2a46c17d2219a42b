"""The agent's handler: each message answered once, whatever comes twice, fails, or runs out of time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store import InvalidOption, SessionStore
from s3store.index.policy import IndexPolicy
from s3store.keys import MAIL
from s3store.objects.memory import MemoryStore
from s3store.serverless import Answer, Turn, TurnsLeft, agent_handler
from tests.archives import keys_of

from .events import FakeContext, bridged, created, failed, letter, queued

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "examples" / "serverless_agent.py"


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> Iterator[SessionStore]:
    with SessionStore(objects) as store:
        yield store


def echo(turn: Turn) -> list[object]:
    return [f"{len(turn.history)}: {turn.message}"]


def bells(objects: MemoryStore) -> list[str]:
    return keys_of(objects, MAIL)


def test_a_message_of_a_queue_is_answered_once_though_its_event_comes_twice(
    store: SessionStore, objects: MemoryStore
) -> None:
    handler = agent_handler(echo, store=store)
    event = queued(letter("a", "one"), letter("b", "two"), letter("a", "three"))
    assert handler(event, FakeContext()) == failed()
    assert handler(event, FakeContext()) == failed()
    assert store.load("a").messages == ["one", "0: one", "three", "2: three"]
    assert store.load("b").messages == ["two", "0: two"]
    assert bells(objects) == []


@pytest.mark.parametrize("session_id", ["s 1/ü+%", "x" * 400], ids=["odd", "too long for a key"])
@pytest.mark.parametrize("wrap", ["s3", "queue", "bridge"])
def test_a_message_that_was_sent_to_the_inbox_wakes_the_agent_by_its_bell(
    store: SessionStore, objects: MemoryStore, session_id: str, wrap: str
) -> None:
    store.inbox(session_id).send("hello")
    (bell,) = bells(objects)
    event = {
        "s3": created(f"agents/{bell}"),
        "queue": queued(created(f"agents/{bell}")),
        "bridge": bridged(f"agents/{bell}"),
    }[wrap]
    handler = agent_handler(echo, store=store)
    assert handler(event, None) == failed()
    assert handler(event, None) == failed()
    assert store.load(session_id).messages == ["hello", "0: hello"]
    assert bells(objects) == []


def test_a_direct_call_goes_by_the_key_that_it_names(store: SessionStore) -> None:
    handler = agent_handler(echo, store=store)
    for _ in range(2):
        handler(letter("a", "one", key="k"), None)
    handler(letter("a", "one"), None)
    assert store.load("a").messages == ["one", "0: one", "one", "2: one"]


def test_the_event_by_which_s3_tries_a_notification_is_no_message(store: SessionStore) -> None:
    assert agent_handler(echo, store=store)(queued({"Event": "s3:TestEvent", "Bucket": "b"}), None) == failed()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("no json with secret", "not JSON"),
        ({"message": "secret"}, "wants session_id and message"),
        (letter("a", "secret", key=3), "key of a message is text"),
        (created("agents/sessions/secret"), "no bell"),
        (created("agents/mail/zz/a/01kah0000000000000000000aa"), "no bell"),
        ({"Records": [{"eventSource": "aws:s3", "secret": {}}]}, "names no object"),
    ],
)
def test_an_item_that_cannot_be_read_fails_alone_and_is_not_told(
    store: SessionStore, caplog: pytest.LogCaptureFixture, body: object, said: str
) -> None:
    assert agent_handler(echo, store=store)(queued(body, letter("a", "x")), None) == failed(0)
    assert store.load("a").messages == ["x", "0: x"]
    assert said in caplog.text
    assert "m-0" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("event", [None, [], {}, {"Records": []}, {"Records": [{"eventSource": "aws:sns"}]}])
def test_an_event_of_no_known_kind_is_refused(store: SessionStore, event: object) -> None:
    with pytest.raises(InvalidOption, match="none that wakes an agent"):
        agent_handler(echo, store=store)(event, None)


def test_a_turn_that_raises_fails_its_sessions_items_alone_and_is_run_again(
    store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [True]

    def run_turn(turn: Turn) -> list[object]:
        if turn.session_id == "a" and broken:
            raise RuntimeError(f"secret {turn.message}")
        return echo(turn)

    handler = agent_handler(run_turn, store=store)
    event = queued(letter("a", "one"), letter("b", "x"), letter("a", "two"))
    assert handler(event, None) == failed(0, 2)
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
    broken.clear()
    assert handler(event, None) == failed()
    assert store.load("a").messages == ["one", "0: one", "two", "2: two"]
    assert store.load("b").messages == ["x", "0: x"]


def test_a_direct_call_raises_what_the_turn_raised(store: SessionStore) -> None:
    def run_turn(turn: Turn) -> list[object]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        agent_handler(run_turn, store=store)(letter("a", "one"), None)


def test_a_message_that_fails_too_often_is_stored_unanswered_and_the_next_is_come_to(
    store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    def run_turn(turn: Turn) -> list[object]:
        if turn.message == "poison":
            raise RuntimeError
        return echo(turn)

    handler = agent_handler(run_turn, store=store, attempts=2)
    event = queued(letter("a", "poison"), letter("a", "good"))
    assert [handler(event, None) for _ in range(3)] == [failed(0, 1), failed(0, 1), failed()]
    assert store.load("a").messages == ["poison", "good", "1: good"]
    assert "message 0 is stored without an answer" in caplog.text


def test_no_turn_begins_where_the_time_is_short_and_what_is_left_comes_again(
    store: SessionStore, objects: MemoryStore
) -> None:
    handler = agent_handler(echo, store=store, reserve=10)
    event = queued(letter("a", "one"), letter("a", "two"))
    assert handler(event, FakeContext(seconds=9)) == failed(0, 1)
    assert not store.exists("a")
    assert handler(event, FakeContext(seconds=12, step=1)) == failed(0, 1)
    assert store.load("a").messages == ["one", "0: one"]
    assert bells(objects) != []
    assert handler(event, FakeContext()) == failed()
    assert store.load("a").messages == ["one", "0: one", "two", "2: two"]
    assert bells(objects) == []


def test_a_message_that_somebody_is_at_comes_again(store: SessionStore) -> None:
    store.inbox("a").send("one")
    mail = store.inbox("a").receive()
    handler = agent_handler(echo, store=store)
    with pytest.raises(TurnsLeft, match="2 messages wait"):
        handler(letter("a", "two"), None)
    assert mail is not None
    mail.release()
    handler(letter("a", "three"), None)
    assert store.load("a").messages == ["one", "0: one", "two", "2: two", "three", "4: three"]


def test_others_may_write_meanwhile_and_the_agent_runs_once_all_the_same(store: SessionStore) -> None:
    ran = []

    def run_turn(turn: Turn) -> list[object]:
        ran.append(turn.id)
        store.append(turn.session_id, "from a tool")
        return ["answer"]

    agent_handler(run_turn, store=store)(letter("a", "one"), None)
    assert store.load("a").messages == ["from a tool", "one", "answer"]
    assert len(ran) == 1


def test_of_two_functions_at_one_message_one_is_stored_whole(store: SessionStore, objects: MemoryStore) -> None:
    # The first one sleeps so long in its turn that its lease ends, and the second takes the message.
    with SessionStore(objects) as other:

        def sleeper(turn: Turn) -> list[object]:
            mail = other.inbox("a").receive()
            while mail is None:
                mail = other.inbox("a").receive()
            other.extend("a", [mail.message, "short"], keys=[mail.id, f"{mail.id}-1"])
            mail.done()
            return ["a", "much", "longer", "answer"]

        seen: list[Answer] = []
        handler = agent_handler(sleeper, store=store, publish=seen.append, reserve=0)
        assert handler(queued(letter("a", "one")), FakeContext(seconds=0.001)) == failed()
    assert store.load("a").messages == ["one", "short"]
    assert [answer.messages for answer in seen] == [["short"]]


def test_a_session_that_is_deleted_under_its_turn_is_not_revived(store: SessionStore) -> None:
    store.create("a")

    def run_turn(turn: Turn) -> list[object]:
        store.delete("a")
        return ["too late"]

    agent_handler(run_turn, store=store)(letter("a", "one"), None)
    assert not store.exists("a")


def test_an_answer_is_published_once_it_is_stored_and_again_where_that_failed(store: SessionStore) -> None:
    ran: list[str] = []
    seen: list[Answer] = []

    def run_turn(turn: Turn) -> list[object]:
        ran.append(turn.id)
        return ["x", {"y": len(ran)}]

    def publish(answer: Answer) -> None:
        assert store.load("a").messages == ["one", *answer.messages]
        seen.append(answer)
        if len(seen) == 1:
            raise ConnectionError

    handler = agent_handler(run_turn, store=store, publish=publish)
    event = queued(letter("a", "one"))
    assert [handler(event, None), handler(event, None)] == [failed(0), failed()]
    assert seen == [Answer("a", ran[0], ["x", {"y": 1}])] * 2
    assert len(ran) == 1


def test_what_is_published_now_and_then_is_flushed_before_the_function_freezes(objects: MemoryStore) -> None:
    with SessionStore(objects, index=IndexPolicy(publish_every=3600)) as store, SessionStore(objects) as reader:
        agent_handler(echo, store=store)(queued(letter("a", "one"), letter("a", "two")), None)
        (listed,) = reader.list()
        assert listed.version == reader.info("a").version == 2


def test_the_archive_is_that_of_the_environment_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = agent_handler(echo)
    monkeypatch.delenv("S3STORE_URL", raising=False)
    with pytest.raises(InvalidOption, match="S3STORE_URL"):
        handler(letter("a", "one"), None)
    monkeypatch.setenv("S3STORE_URL", f"file://{tmp_path}/archive")
    handler(letter("a", "one"), None)
    monkeypatch.setenv("S3STORE_URL", "memory://")
    handler(letter("a", "two"), None)
    with SessionStore(f"file://{tmp_path}/archive") as store:
        assert len(store.load("a").messages) == 4


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"reserve": -1}])
def test_wrong_numbers_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        agent_handler(echo, **wrong)  # type: ignore[arg-type]


def test_the_example_grows_a_session(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE), f"file://{tmp_path}/archive"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    with SessionStore(f"file://{tmp_path}/archive") as store:
        contents = [message["content"] for message in store.load("support/42").messages]
    assert contents == ["Where is my order?", "echo 1: Where is my order?", "It has come.", "echo 2: It has come."]
