"""zeroclaw's `update_last` many times a minute: what is written when, who sees it, and what a crash costs."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from s3store import AsyncSessionStore, SessionStore
from s3store.contracts.zeroclaw import AsyncZeroclawBackend, ChatMessage, ZeroclawBackend
from s3store.errors import StoreUnavailable
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from tests.archives import QUICK

from .faults import Faulty, is_head, outage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from s3store.runtime import Work
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

INTERVAL = 5.0


class Timers:
    """What the blocking runtime is to do later, done when the test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, Work]] = []
        patch.setattr(BlockingRuntime, "background", lambda _, work, after=0.0: self.waiting.append((after, work)))

    def advance(self, seconds: float) -> None:
        self.waiting = [(left - seconds, work) for left, work in self.waiting]
        due = [work for left, work in self.waiting if left <= 0]
        self.waiting = [(left, work) for left, work in self.waiting if left > 0]
        for work in due:
            run(work())


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    return Timers(monkeypatch)


@pytest.fixture
def faulty(memory: Place) -> Faulty:
    return Faulty(memory.objects)


@pytest.fixture
def store(faulty: Faulty) -> SessionStore:
    return SessionStore(faulty, policy=QUICK)


@pytest.fixture
def backend(timers: Timers, store: SessionStore) -> ZeroclawBackend:
    """A backend that has begun an answer."""
    backend = ZeroclawBackend(store, coalesce=INTERVAL)
    backend.append("a", ChatMessage("user", "question"))
    backend.append("a", answer(""))
    return backend


def answer(text: str) -> ChatMessage:
    return ChatMessage("assistant", text)


def seen(memory: Place, key: str = "a") -> list[str]:
    """What another process finds."""
    return [message.content for message in ZeroclawBackend(memory.open()).load(key)]


def test_the_first_text_is_written_at_once_and_the_next_once_in_an_interval(
    memory: Place, timers: Timers, backend: ZeroclawBackend
) -> None:
    versions = [memory.open().info("zeroclaw/a").version]
    for number in range(120):
        assert backend.update_last("a", answer(f"text {number}"))
        versions.append(memory.open().info("zeroclaw/a").version)
        timers.advance(0.5)
    assert versions[1] == versions[0] + 1
    assert versions[-1] - versions[0] <= 1 + 60 / INTERVAL
    timers.advance(INTERVAL)
    assert seen(memory) == ["question", "text 119"]
    timers.advance(INTERVAL)
    assert timers.waiting == []


def test_this_process_sees_what_it_wrote(memory: Place, backend: ZeroclawBackend) -> None:
    for text in ("one", "two", "three"):
        backend.update_last("a", answer(text))
    assert seen(memory) == ["question", "one"]
    assert backend.load("a")[1] == answer("three")
    assert seen(memory) == ["question", "three"]


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: backend.load_with_timestamps("a"),
        lambda backend: backend.append("a", answer("more")),
        lambda backend: backend.append_if_exists("a", answer("more")),
        lambda backend: backend.set_session_state("a", "idle", None),
        lambda backend: backend.set_session_agent_alias("a", "x"),
        lambda backend: backend.get_session_metadata("a"),
        lambda backend: backend.list_sessions(),
        lambda backend: backend.list_running_sessions(),
        lambda backend: backend.cleanup_stale(1),
        lambda backend: backend.flush(),
    ],
)
def test_anything_else_that_is_asked_writes_it_first(
    memory: Place, backend: ZeroclawBackend, call: Callable[[ZeroclawBackend], object]
) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("two"))
    call(backend)
    assert seen(memory)[:2] == ["question", "two"]


def test_the_next_answer_is_another_message(memory: Place, timers: Timers, backend: ZeroclawBackend) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("one."))
    backend.append("a", answer(""))
    backend.update_last("a", answer("two"))
    backend.update_last("a", answer("two."))
    timers.advance(INTERVAL)
    assert seen(memory) == ["question", "one.", "two."]
    assert backend.remove_last("a")
    assert backend.update_last("a", answer("one!"))
    assert seen(memory) == ["question", "one!"]


def test_nothing_is_held_for_a_session_without_a_message(memory: Place, backend: ZeroclawBackend) -> None:
    assert backend.update_last("never", answer("x")) is False
    backend.clear_messages("a")
    assert backend.update_last("a", answer("x")) is False
    assert seen(memory) == []
    assert backend.list_sessions() == ["a"]


def test_closing_the_store_writes_it(memory: Place, store: SessionStore, backend: ZeroclawBackend) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("two"))
    store.close()
    assert seen(memory) == ["question", "two"]


def test_a_crash_costs_at_most_the_last_interval(memory: Place, timers: Timers, backend: ZeroclawBackend) -> None:
    for number in range(25):
        backend.update_last("a", answer(f"{number}"))
        timers.advance(0.5)
    # Here the process is gone: nothing more is written.
    assert 24 - int(seen(memory)[1]) <= INTERVAL / 0.5


def test_what_cannot_be_written_now_waits(
    memory: Place, faulty: Faulty, timers: Timers, backend: ZeroclawBackend, store: SessionStore
) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("two"))
    faulty.before = outage
    with pytest.raises(StoreUnavailable):
        timers.advance(INTERVAL)
    for call in (lambda: backend.load("a"), backend.list_sessions, backend.flush):
        with pytest.raises(StoreUnavailable):
            call()
    assert backend.update_last("a", answer("three"))
    faulty.before = lambda verb, key: None
    timers.advance(INTERVAL)
    assert seen(memory) == ["question", "three"]


def test_closing_says_when_it_could_not_write_it(faulty: Faulty, backend: ZeroclawBackend, store: SessionStore) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("two"))
    faulty.before = outage
    with pytest.raises(StoreUnavailable):
        store.close()


def test_of_several_backends_that_are_closed_one_that_fails_keeps_no_other_from_writing(
    memory: Place, faulty: Faulty, store: SessionStore, timers: Timers
) -> None:
    backends = [ZeroclawBackend(store, coalesce=INTERVAL) for _ in range(3)]
    for number, backend in enumerate(backends):
        backend.append(f"{number}", answer(""))
        backend.update_last(f"{number}", answer("one"))
        backend.update_last(f"{number}", answer("two"))

    def broken(verb: str, key: str) -> None:
        if is_head(verb, key) and key.endswith("zeroclaw%2f1/transcript.jsonl.zst"):
            outage(verb, key)

    faulty.before = broken
    with pytest.raises(StoreUnavailable):
        store.close()
    assert [seen(memory, f"{number}") for number in range(3)] == [["two"], ["one"], ["two"]]


def test_another_writers_message_is_never_overwritten(
    memory: Place, timers: Timers, backend: ZeroclawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    other = ZeroclawBackend(memory.open())
    interruptions: list[Callable[[], object]] = [
        lambda: other.append("a", ChatMessage("user", "stop")),
        lambda: (other.clear_messages("a"), other.append("a", ChatMessage("user", "stop"))),  # type: ignore[func-returns-value]
        lambda: other.delete_session("a"),
    ]
    for interrupt in interruptions:
        backend.append("a", answer("begin"))
        backend.update_last("a", answer("written"))
        backend.update_last("a", answer("secret, held"))
        interrupt()
        before = seen(memory)
        with caplog.at_level(logging.WARNING, "s3store"):
            timers.advance(INTERVAL)
        assert seen(memory) == before
        assert "'zeroclaw/a'" in caplog.text
        assert "secret" not in caplog.text
        caplog.clear()
    assert not other.session_exists("a")


def test_a_new_name_by_another_writer_is_no_reason_to_drop_it(
    memory: Place, timers: Timers, backend: ZeroclawBackend
) -> None:
    backend.update_last("a", answer("one"))
    backend.update_last("a", answer("two"))
    ZeroclawBackend(memory.open()).set_session_name("a", "Name")
    timers.advance(INTERVAL)
    assert seen(memory) == ["question", "two"]


def test_it_is_written_by_itself_on_an_event_loop() -> None:
    objects = Faulty(MemoryStore())
    other = ZeroclawBackend(SessionStore(objects))

    async def stream() -> list[str]:
        written = asyncio.Event()
        async with AsyncSessionStore(objects, policy=QUICK) as store:
            backend = AsyncZeroclawBackend(store, coalesce=0.001)
            await backend.append("a", answer(""))
            for number in range(50):
                await backend.update_last("a", answer(f"{number}"))
            objects.after = lambda verb, key: written.set() if is_head(verb, key) else None
            while other.load("a") != [answer("49")]:
                await written.wait()
                written.clear()
            await backend.update_last("a", answer("last"))
            return [message.content for message in await backend.load("a")]

    assert asyncio.run(asyncio.wait_for(stream(), 30)) == ["last"]


STREAMING = """
import sys, threading
from s3store import SessionStore
from s3store.contracts.zeroclaw import ChatMessage, ZeroclawBackend

backend = ZeroclawBackend(SessionStore(sys.argv[1]), coalesce=3600)
backend.append("a", ChatMessage("assistant", ""))
backend.update_last("a", ChatMessage("assistant", "begun"))
backend.update_last("a", ChatMessage("assistant", "finished"))
print("ready", flush=True)
threading.Event().wait(60)
"""


@pytest.mark.parametrize(("how", "found"), [(signal.SIGTERM, "finished"), (signal.SIGKILL, "begun")])
def test_a_process_that_is_told_to_end_writes_it_first(tmp_path: Path, how: signal.Signals, found: str) -> None:
    url = f"file://{tmp_path / 'archive'}"
    with subprocess.Popen([sys.executable, "-c", STREAMING, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(how)
        assert process.wait(30) == -how
    with SessionStore(url) as store:
        assert ZeroclawBackend(store).load("a") == [answer(found)]
