"""The broker: messages a second, requests a message, and workers that are killed.

Throughput: one process sends messages to several sessions, then workers in processes of their own answer them (an
echo): each message is taken under a lease and finished, and goes into the transcript with its answer. Beside it stands
what people build by hand, with one worker: an object a message, LIST, GET, an object for the answer, DELETE; it has no
order, no lease, and no transcript.

Killed: workers are killed at random while they drain a directory, and started anew. What came of it is checked message
by message.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import s3store
from s3store.contracts.broker import Broker

from .common import Table, arguments, report
from .places import BUCKET, Moto, moto_with_bucket, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store import SessionStore

_ROOT = Path(__file__).resolve().parents[1]
_TEXT = "Where is my order? It was to be here on Monday, and I have heard nothing since. " * 3


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--messages", type=int, default=400, help="messages for the throughput (default: 400)")
    parser.add_argument("--sessions", type=int, default=20, help="sessions that they go to (default: 20)")
    parser.add_argument("--workers", type=int, default=4, help="worker processes (default: 4)")
    parser.add_argument(
        "--killed", type=int, default=10_000, help="messages while workers are killed (default: 10,000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is killed when (default: 1)")
    options = parser.parse_args()
    rates = Table(
        f"{options.messages} messages to {options.sessions} sessions",
        ("place", "who", "workers", "send /s", "answer /s", "requests a send", "requests an answer"),
    )
    _measure_directory(rates, options.messages, options.sessions, options.workers)
    with moto_with_bucket() as moto:
        _measure_moto(rates, moto, options.messages, options.sessions, options.workers)
    killed = Table(
        f"{options.killed} messages in a directory, workers killed at random",
        ("sessions", "workers", "killed", "seconds", "lost", "answered twice", "out of order"),
    )
    if options.killed:
        _measure_killed(killed, options.killed, options.workers, random.Random(options.seed))
    report("broker", [rates, killed], as_json=options.json)


def _measure_directory(table: Table, messages: int, sessions: int, workers: int) -> None:
    for number in (1, workers):
        with tempfile.TemporaryDirectory() as folder:
            location = f"file://{folder}/archive"
            with s3store.SessionStore(location) as store:
                sent = _send(store, messages, sessions)
                answered = _drain(location, "-", number)
                _check(store, messages, sessions)
            table.add("directory", "s3store", number, messages / sent, messages / answered, None, None)


def _measure_moto(table: Table, moto: Any, messages: int, sessions: int, workers: int) -> None:
    for number in (1, workers):
        place = Moto(moto, f"archive-{number}")
        with opened(place) as store:
            store.create("warm")
            place.asked()
            sent = _send(store, messages, sessions)
            asked_to_send = place.asked().requests - 2 * sessions
            answered = _drain(f"s3://{BUCKET}/archive-{number}", moto.url, number)
            asked_to_answer = place.asked().requests
            _check(store, messages, sessions)
        asked = (asked_to_send / messages, asked_to_answer / messages)
        table.add("moto", "s3store", number, messages / sent, messages / answered, *asked)
    place = Moto(moto, "by-hand")
    place.asked()
    sent = _timed(lambda: _send_by_hand(messages))
    asked_to_send = place.asked().requests
    answered = _timed(_drain_by_hand)
    asked = (asked_to_send / messages, place.asked().requests / messages)
    table.add("moto", "an object a message", 1, messages / sent, messages / answered, *asked)


def _send(store: SessionStore, messages: int, sessions: int) -> float:
    broker = Broker(store)
    for session in range(sessions):
        store.create(f"session-{session}")

    def send() -> None:
        for number in range(messages):
            broker.send(f"session-{number % sessions}", f"{number} {_TEXT}")

    return _timed(send)


class _Worker:
    """A process of `benchmarks.broker_worker`."""

    def __init__(self, location: str, endpoint: str, lease: float, wait: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.broker_worker", location, endpoint, str(lease), str(wait)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )

    def start(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def _workers(number: int, location: str, endpoint: str, lease: float, wait: float) -> Iterator[list[_Worker]]:
    with ExitStack() as stack:
        workers = [_Worker(location, endpoint, lease, wait) for _ in range(number)]
        for worker in workers:
            stack.callback(worker.end)
        for worker in workers:
            if worker.line() != "ready\n":
                raise RuntimeError("a worker did not start")
        yield workers


def _drain(location: str, endpoint: str, number: int) -> float:
    """Return the seconds until everything was answered."""
    with _workers(number, location, endpoint, lease=60.0, wait=1.0) as workers:
        began = time.time()
        for worker in workers:
            worker.start()
        return max(float(worker.line().split()[1]) for worker in workers) - began


def _check(store: SessionStore, messages: int, sessions: int) -> None:
    lost, twice, disorder = _verdict(store, messages, sessions)
    if lost or twice or disorder:
        raise AssertionError(f"{lost} lost, {twice} answered twice, {disorder} sessions out of order")


def _verdict(store: SessionStore, messages: int, sessions: int) -> tuple[int, int, int]:
    """Return how many messages were lost, how many were answered twice, and how many sessions are out of order."""
    lost = twice = disorder = 0
    for session in range(sessions):
        wanted = [str(number) for number in range(session, messages, sessions)]
        found = store.load(f"session-{session}").messages
        answered = [message["content"].split()[0] for message in found if message["role"] == "assistant"]
        lost += len(set(wanted) - set(answered))
        twice += len(answered) - len(set(answered))
        disorder += answered != wanted and set(answered) == set(wanted)
    return lost, twice, disorder


def _measure_killed(table: Table, messages: int, workers: int, chance: random.Random) -> None:
    sessions = min(100, messages)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        location = f"file://{folder}/archive"
        store = stack.enter_context(s3store.SessionStore(location))
        for session in range(sessions):
            store.create(f"session-{session}")
            texts = [f"{number} {_TEXT}" for number in range(session, messages, sessions)]
            store.inbox(f"session-{session}").send_all({"role": "user", "content": text} for text in texts)
        broker = Broker(store)
        running: list[_Worker] = []
        killed = 0
        began = time.monotonic()
        while broker.waiting():
            while len(running) < workers:
                running.append(_Worker(location, "-", 1.0, 3600.0))
                running[-1].start()
            time.sleep(chance.uniform(0.3, 1.5))
            running.pop(chance.randrange(len(running))).end()
            killed += 1
        seconds = time.monotonic() - began
        for worker in running:
            worker.end()
        table.add(sessions, workers, killed, seconds, *_verdict(store, messages, sessions))


def _send_by_hand(messages: int) -> None:
    client = _client()
    for number in range(messages):
        body = orjson.dumps({"role": "user", "content": f"{number} {_TEXT}"})
        client.put_object(Bucket=BUCKET, Key=f"by-hand/inbox/{number:06d}", Body=body)


def _drain_by_hand() -> None:
    client = _client()
    while found := client.list_objects_v2(Bucket=BUCKET, Prefix="by-hand/inbox/").get("Contents"):
        for listed in found:
            body = client.get_object(Bucket=BUCKET, Key=listed["Key"])["Body"].read()
            client.put_object(Bucket=BUCKET, Key=listed["Key"].replace("inbox", "answers"), Body=body)
            client.delete_object(Bucket=BUCKET, Key=listed["Key"])


def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
