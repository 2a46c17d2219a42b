"""The worker of the examples in several processes, and workers that are killed: each message is answered once."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore
from s3store.contracts.brainwires import SpawnRequest
from s3store.contracts.broker import Broker
from tests.archives import prepare, s3_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import MotoServer

pytest_plugins = ["tests.archive_fixtures"]

_ROOT = Path(__file__).parent.parent.parent
_EXAMPLE = _ROOT / "examples" / "worker.py"

# argv: location, endpoint or "-", seconds of a lease. It tells of each message before it answers it.
_WORKER = """
import sys
from s3store import SessionStore
from s3store.contracts.broker import Broker
from tests.archives import s3_options

location, endpoint, lease = sys.argv[1:]
with SessionStore(location, s3=None if endpoint == "-" else s3_options(endpoint)) as store:
    for mail in Broker(store).watch(lease=float(lease), wait=1.5, poll=0.05):
        print(mail.id, flush=True)
        answer = {"role": "assistant", "content": mail.message["content"]}
        store.extend(mail.session_id, [mail.message, answer], keys=[mail.id, f"{mail.id}-answer"])
"""
SESSIONS = [f"session-{number}" for number in range(4)]


class Worker:
    """A process that answers messages, and tells of each before it does."""

    def __init__(self, location: str, endpoint: str, lease: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _WORKER, location, endpoint, str(lease)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def handed_out(self, number: int) -> list[str]:
        """Wait until it was handed so many messages, or ended."""
        assert self.process.stdout is not None
        found: list[str] = []
        while len(found) < number and (line := self.process.stdout.readline()):
            found.append(line.strip())
        return found

    def end(self, *, kill: bool = False) -> list[str]:
        """Kill it, or wait for its end; return what it was handed meanwhile."""
        if kill:
            self.process.kill()
        rest = self.handed_out(1_000_000)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return rest


def send_all(store: SessionStore, number: int) -> None:
    for session in SESSIONS:
        store.create(session)
        store.inbox(session).send_all({"role": "user", "content": str(each)} for each in range(number))


def check_that_each_was_answered_once_and_in_order(store: SessionStore, number: int) -> None:
    for session in SESSIONS:
        wanted = [(role, str(each)) for each in range(number) for role in ("user", "assistant")]
        assert [(message["role"], message["content"]) for message in store.load(session).messages] == wanted
        status = store.inbox(session).status()
        assert (status.done, status.waiting) == (number, 0)
    assert Broker(store).waiting() == []


def work_together(location: str, endpoint: str, store: SessionStore, number: int) -> None:
    send_all(store, number)
    with ExitStack() as stack:
        workers = [Worker(location, endpoint, 60) for _ in range(3)]
        for worker in workers:
            stack.callback(worker.process.kill)
        handed_out = [each for worker in workers for each in worker.end()]
        assert [worker.process.returncode for worker in workers] == [0] * 3
    assert len(handed_out) == len(set(handed_out)) == number * len(SESSIONS)
    check_that_each_was_answered_once_and_in_order(store, number)


def test_three_processes_share_the_work_in_a_directory(tmp_path: Path) -> None:
    location = f"file://{tmp_path}/archive"
    with SessionStore(location) as store:
        work_together(location, "-", store, 20)


@pytest.mark.s3
@pytest.mark.long
def test_three_processes_share_the_work_in_s3(moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    from s3store.objects.s3_blocking import S3BlockingStore
    from s3store.runtime import run

    bucket = moto.make_bucket(bucket_name())
    objects = S3BlockingStore(bucket, "agents", s3_options(moto.url))
    prepare(objects)
    run(objects.close())
    location = f"s3://{bucket}/agents"
    with SessionStore(location, s3=s3_options(moto.url)) as store:
        work_together(location, moto.url, store, 5)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_workers_that_are_killed_lose_nothing_and_answer_nothing_twice(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    location = f"file://{tmp_path}/archive"
    with SessionStore(location) as store, ExitStack() as stack:
        send_all(store, 40)
        killed = 0
        for _ in range(3):
            workers = [Worker(location, "-", 0.2) for _ in range(2)]
            for worker in workers:
                stack.callback(worker.process.kill)
            for worker in workers:
                killed += len(worker.handed_out(chance.randrange(1, 8))) > 0
                worker.end(kill=True)
        assert killed
        last = Worker(location, "-", 60)
        stack.callback(last.process.kill)
        last.end()
        assert last.process.returncode == 0
        check_that_each_was_answered_once_and_in_order(store, 40)


def test_the_example_is_a_host_for_agents(tmp_path: Path) -> None:
    location = f"file://{tmp_path}/archive"
    command = [sys.executable, "-W", "error", str(_EXAMPLE), location, "2"]
    with SessionStore(location) as store, ExitStack() as stack:
        broker = Broker(store)
        store.create("s")
        workers = [subprocess.Popen(command, cwd=_ROOT) for _ in range(2)]
        for worker in workers:
            stack.callback(worker.kill)
        request = SpawnRequest("work", wait_for_first_reply=True)
        spawned = broker.spawn("s", request)
        assert spawned.first_reply is not None
        assert spawned.first_reply.content == "echo: work"
        broker.send("s", "hello")
        assert [worker.wait(60) for worker in workers] == [0, 0]
        assert [message.content for message in broker.history("s")] == ["hello", "echo: hello"]
        assert len([line for line in _EXAMPLE.read_text().splitlines() if line and not line.startswith('"')]) < 20
