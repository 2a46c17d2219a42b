"""When writers tell the index: at each commit, or less often; before they close; before the process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from s3store import (
    CommitPolicy,
    IndexPolicy,
    OutcomeUnknown,
    SessionStore,
    StoreUnavailable,
)
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run

if TYPE_CHECKING:
    from pathlib import Path

    from s3store.runtime import Work
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

RELAXED = IndexPolicy(publish_every=10.0)


class Clock:
    """The monotonic clock of the blocking runtime, moved by hand; and the work that waits for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waiting: list[tuple[float, Work]] = []
        patch.setattr(BlockingRuntime, "monotonic", lambda _: self.now)
        patch.setattr(BlockingRuntime, "background", lambda _, work, after=0.0: self._keep(work, after))

    def _keep(self, work: Work, after: float) -> None:
        self.waiting.append((self.now + after, work))

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [work for at, work in self.waiting if at <= self.now]
        self.waiting = [(at, work) for at, work in self.waiting if at > self.now]
        for work in due:
            run(work())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def version(place: Place, session_id: str) -> int | None:
    """The version at which somebody else lists a session."""
    found = {session.id: session.version for session in place.open().list()}
    return found.get(session_id)


def log_of(place: Place) -> list[str]:
    return place.listed("index/log/")


def test_a_busy_session_leaves_one_entry_in_the_log(memory: Place) -> None:
    with SessionStore(memory.objects) as store:
        for number in range(100):
            store.append("busy", number)
            assert version(memory, "busy") == number + 1
    assert len(log_of(memory)) == 1


def test_with_a_pause_a_busy_session_is_published_once_in_a_while(memory: Place, clock: Clock) -> None:
    store = SessionStore(memory.objects, index=RELAXED)
    store.append("busy", 0)
    assert version(memory, "busy") == 1
    for number in range(1, 100):
        clock.advance(1.0)
        store.append("busy", number)
        listed = version(memory, "busy")
        assert listed is not None
        assert number + 1 - listed <= 10
        # It sees its own writes.
        assert next(store.list()).version == number + 1
        assert store.count() == 1
    clock.advance(10.0)
    assert version(memory, "busy") == 100
    store.close()


def test_what_comes_last_is_published_without_another_write(memory: Place, clock: Clock) -> None:
    store = SessionStore(memory.objects, index=RELAXED)
    for name in ("a", "b"):
        store.append(name, 1)
        store.append(name, 2)
    assert (version(memory, "a"), version(memory, "b")) == (1, 1)
    clock.advance(10.0)
    assert (version(memory, "a"), version(memory, "b")) == (2, 2)
    store.close()


def test_a_new_session_is_listed_at_once_all_the_same(memory: Place, clock: Clock) -> None:
    store = SessionStore(memory.objects, index=RELAXED)
    for number in range(5):
        store.append(f"s{number}", "m")
        assert version(memory, f"s{number}") == 1
    store.delete("s0")
    assert "s0" not in [session.id for session in store.list()]
    clock.advance(10.0)
    assert version(memory, "s0") is None
    store.close()


def test_closing_publishes_what_waits(memory: Place, clock: Clock) -> None:
    with SessionStore(memory.objects, index=RELAXED) as store:
        store.append("a", 1)
        store.append("a", 2)
        assert version(memory, "a") == 1
    assert version(memory, "a") == 2


class Unlogged(MemoryStore):
    """A store whose index cannot be written."""

    broken = False

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if self.broken and key.startswith("index/log/"):
            raise StoreUnavailable(f"{key}: 503")
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


QUICK = CommitPolicy(seconds=1, attempts=3, pause=0.0001, longest_pause=0.0001)


def test_a_commit_that_the_index_could_not_be_told_of_is_of_unknown_outcome_and_can_be_settled() -> None:
    objects = Unlogged()
    store = SessionStore(objects, policy=QUICK)
    store.append("a", 1)
    objects.broken = True
    with pytest.raises(OutcomeUnknown, match="has landed") as raised:
        store.append("a", 2)
    assert store.load("a").messages == [1, 2]
    assert next(store.list()).version == 1
    objects.broken = False
    assert store.resolve("a", raised.value.commit_id)
    assert next(store.list()).version == 2
    store.close()


def test_a_repeat_by_another_process_tells_the_index_what_the_first_could_not() -> None:
    objects = Unlogged()
    store = SessionStore(objects, policy=QUICK)
    store.append("a", 1)
    objects.broken = True
    with pytest.raises(OutcomeUnknown):
        store.append("a", 2, key="k")
    objects.broken = False
    other = SessionStore(objects, policy=QUICK)
    other.append("a", 2, key="k")
    assert next(other.list()).version == 2
    assert store.load("a").messages == [1, 2]


def test_a_session_is_not_created_where_the_index_cannot_be_told() -> None:
    objects = Unlogged()
    store = SessionStore(objects, policy=QUICK)
    store.append("before", 1)
    objects.broken = True
    with pytest.raises(StoreUnavailable, match="nothing was written"):
        store.append("a", 1)
    assert not store.exists("a")


def test_closing_says_when_it_could_not_publish(clock: Clock) -> None:
    objects = Unlogged()
    store = SessionStore(objects, policy=QUICK, index=RELAXED)
    store.append("a", 1)
    store.append("a", 2)
    objects.broken = True
    with pytest.raises(StoreUnavailable):
        store.close()


# --- The end of the process -------------------------------------------------------------------------------------------

BLOCKING = """
import signal, sys, threading
from s3store import IndexPolicy, SessionStore

if "chained" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
store = SessionStore(sys.argv[1], index=IndexPolicy(publish_every=3600))
store.append("a", 1)
store.append("a", 2)
print("ready", flush=True)
threading.Event().wait(60)
"""

ASYNCIO = """
import asyncio, sys
from s3store import AsyncSessionStore, IndexPolicy

async def main():
    store = AsyncSessionStore(sys.argv[1], index=IndexPolicy(publish_every=3600))
    await store.append("a", 1)
    await store.append("a", 2)
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("script", "arguments", "code"),
    [(BLOCKING, [], -signal.SIGTERM), (BLOCKING, ["chained"], 7), (ASYNCIO, [], -signal.SIGTERM)],
    ids=["blocking", "with a handler of its own", "asyncio"],
)
def test_a_process_that_is_told_to_end_publishes_first(
    tmp_path: Path, script: str, arguments: list[str], code: int
) -> None:
    url = f"file://{tmp_path / 'archive'}"
    with subprocess.Popen([sys.executable, "-c", script, url, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with SessionStore(url) as store:
            assert next(store.list()).version == 1
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == code
            assert next(store.list()).version == 2


FORKED = """
import os, sys
from s3store import SessionStore

store = SessionStore(sys.argv[1])
for number in range(20):
    store.append(f"s{number}", "m")
store.index.compact()
assert len(list(store.list())) == 20
child = os.fork()
name = "parent" if child else "child"
for number in range(20):
    store.append(f"{name} {number}", "m")
    store.append("shared", name)
store.index.verify()  # fans out to threads, which a child has to start anew
store.close()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_store_goes_on_in_a_process_that_was_forked_off(tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'archive'}"
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, url], check=True, timeout=60)
    with SessionStore(url) as store:
        assert store.count() == 61
        assert sorted(store.load("shared").messages) == ["child"] * 20 + ["parent"] * 20
        assert store.index.verify().right
