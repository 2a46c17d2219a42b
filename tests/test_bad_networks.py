"""The real SDKs where the network is silent, resets, cuts and trickles: calls end in time, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from s3store import AsyncSessionStore, CommitPolicy, IndexPolicy, OutcomeUnknown, SessionStore, StoreUnavailable
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import async_s3_options, in_step, prepare, s3_options
from tests.objects.s3_cases import BOTH
from tests.servers import Fault, FaultProxy, Hold, cut_body, hold, lose_request, reset, trickle

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from s3store.objects import ObjectStore
    from tests.objects.s3_cases import Case
    from tests.servers import MotoServer, Request

SECONDS = 1.0
POLICY = CommitPolicy(seconds=SECONDS, attempts=1000, pause=0.001, longest_pause=0.02)
MUCH_LATER = 15.0
"""What no call comes near, however busy the machine; it would take the SDK's own time-outs a minute."""
CONNECTIONS = 2
TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 0.2,
    "request_timeout": 0.8,
    "max_connections": CONNECTIONS,
}
QUIET: dict[str, Any] = {"policy": POLICY, "cache": False, "index": IndexPolicy(compact_after=None)}

CALLS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("a"),
    "list": lambda store: list(store.list()),
    "append": lambda store: store.append("a", "more"),
    "save": lambda store: store.save("a", ["all"]),
    "create": lambda store: store.create("new"),
    "delete": lambda store: store.delete("b"),
    "put": lambda store: store.artifacts("a").put("n", bytes(20_000)),
    "get": lambda store: store.artifacts("a").get("kept"),
}
FAULTS: dict[str, Callable[[Hold], Fault]] = {
    "silence": lambda gate: Fault(forward=False, drop=True, hold_request=gate),
    "silence after it was done": lambda gate: hold(gate, done=True, drop=True),
    "reset": lambda gate: reset(),
    "reset after it was done": lambda gate: reset(done=True),
    "closed": lambda gate: lose_request(),
    "cut": lambda gate: cut_body(1),
    "trickle": trickle,
}
LONG = {"silence after it was done", "reset after it was done", "trickle"}


@pytest.fixture
def bucket(moto: MotoServer, bucket_name: Callable[[], str]) -> str:
    """A bucket with an archive of two sessions."""
    bucket = moto.make_bucket(bucket_name())
    objects = S3BlockingStore(bucket, "", s3_options(moto.url))
    prepare(objects)
    run(objects.close())
    with SessionStore(f"s3://{bucket}", s3=s3_options(moto.url), **QUIET) as store:
        for name in "ab":
            store.create(name, ["first"])
        store.artifacts("a").put("kept", bytes(20_000))
    return bucket


@pytest.fixture
def proxy(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    # How often the SDK itself tries a read again multiplies its time-out, and nothing else.
    monkeypatch.setattr("s3store.objects.s3_sender._SDK_ATTEMPTS", 1)
    with FaultProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture(
    params=[pytest.param("blocking", marks=pytest.mark.s3), pytest.param("async", marks=pytest.mark.aioboto3)]
)
def connect(request: pytest.FixtureRequest, proxy: FaultProxy, bucket: str) -> Iterator[Callable[[], SessionStore]]:
    """Make clients of the face."""
    with ExitStack() as closing:
        if request.param == "blocking":
            yield lambda: SessionStore(f"s3://{bucket}", s3=s3_options(proxy.url, **TIMEOUTS), **QUIET)
            return
        pytest.importorskip("aioboto3", reason="needs the async extra")
        runner = closing.enter_context(asyncio.Runner())
        yield lambda: in_step(
            AsyncSessionStore(f"s3://{bucket}", s3=async_s3_options(proxy.url, **TIMEOUTS), **QUIET), runner
        )


def of_the_archive(request: Request) -> bool:
    return "/sessions/" in request.target or "index" in request.target


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in FAULTS]
)
def test_every_call_ends_in_time_and_gives_its_connections_back(
    proxy: FaultProxy, connect: Callable[[], SessionStore], fault: str
) -> None:
    store = connect()
    assert store.load("a").messages == ["first"]
    for name, call in CALLS.items():
        gate = Hold()
        meets = FAULTS[fault](gate)
        # A body is cut only where there is one.
        proxy.script = lambda request, meets=meets: (  # type: ignore[misc]
            meets if of_the_archive(request) and (fault != "cut" or request.method == "GET") else None
        )
        began = time.monotonic()
        try:
            call(store)
        except (StoreUnavailable, OutcomeUnknown):
            pass
        else:
            assert fault == "cut", f"{name} cannot have come to an end"
        assert time.monotonic() - began < MUCH_LATER, name
        gate.released.set()
    proxy.script = lambda request: None
    # More calls than there are connections to be had: none of those above still holds one.
    for _ in range(CONNECTIONS + 1):
        assert store.exists("a")
        store.append("a", "after it")
    assert store.load("a").messages[-CONNECTIONS - 1 :] == ["after it"] * (CONNECTIONS + 1)
    store.close()
    gc.collect()  # an SDK's error may hold itself, and with it an answer and its socket
    assert proxy.wait_until_left()


TRICKLED: dict[str, Callable[[ObjectStore], Coroutine[Any, Any, object]]] = {
    "get": lambda objects: objects.get("sessions/none"),
    "list": lambda objects: objects.list_page("sessions/"),
    "put": lambda objects: objects.put("k", b"body"),
    "create": lambda objects: objects.put("new", b"body", if_absent=True),
}


@pytest.mark.parametrize("case", BOTH)
@pytest.mark.parametrize("call", TRICKLED)
def test_an_answer_that_trickles_in_is_given_up_as_a_whole(
    moto: MotoServer, bucket: str, case: Case, call: str
) -> None:
    gate = Hold()
    with (
        FaultProxy(moto.port) as proxy,
        case.opened(bucket, endpoint_url=proxy.url, read_timeout=60, request_timeout=0.3) as (driver, objects),
    ):
        proxy.script = lambda request: trickle(gate)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="request_timeout") as failed:
            driver.run(TRICKLED[call](objects))
        assert time.monotonic() - began < MUCH_LATER
        assert failed.value.may_have_landed == (call in {"put", "create"})
        assert proxy.traffic.counts().total() == 1, "the time is for all tries of the SDK"
        del failed
        gate.released.set()
        driver.run(objects.close())
        assert proxy.wait_until_left()


@pytest.mark.parametrize("case", BOTH)
def test_the_body_of_an_answer_has_a_time_as_well(moto: MotoServer, bucket: str, case: Case) -> None:
    gate = Hold()
    with (
        FaultProxy(moto.port) as proxy,
        case.opened(bucket, endpoint_url=proxy.url, read_timeout=60, request_timeout=2) as (driver, objects),
    ):
        driver.run(objects.put("k", bytes(20_000)))
        proxy.script = lambda request: trickle(gate, whole_head=True)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="request_timeout"):
            driver.run(objects.get("k"))
        assert 2 <= time.monotonic() - began < MUCH_LATER
        gate.released.set()


class Waiting:
    """A script that lets no request through; it tells how many have come."""

    def __init__(self) -> None:
        self.gate = Hold()
        self._arrived = threading.Semaphore(0)

    def __call__(self, request: Request) -> Fault:
        self._arrived.release()
        return Fault(forward=False, drop=True, hold_request=self.gate)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self._arrived.acquire(timeout=30)


ROUNDS, EACH = 25, 40
CANCELLED: list[Callable[[AsyncSessionStore, Path, int], Coroutine[Any, Any, object]]] = [
    lambda store, _, number: store.load("a"),
    lambda store, _, number: store.append(f"s{number}", "x"),
    lambda store, _, number: store.save(f"s{number}", ["x"]),
    lambda store, _, number: store.delete(f"s{number}"),
    lambda store, _, number: store.count(),
    lambda store, _, number: store.artifacts("a").get("kept"),
    lambda store, _, number: store.artifacts(f"s{number}").put("n", bytes(20_000)),
    lambda store, folder, number: store.artifacts("a").get_to("kept", folder / "out"),
]


@pytest.mark.aioboto3
def test_a_thousand_cancelled_calls_leave_nothing_behind(
    proxy: FaultProxy, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aioboto3", reason="needs the async extra")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def scenario() -> None:
        options = async_s3_options(proxy.url, max_connections=EACH)
        store = AsyncSessionStore(f"s3://{bucket}", s3=options, **QUIET)
        await store.append("warm", "up")
        before = asyncio.all_tasks()
        for turn in range(ROUNDS):
            waiting = Waiting()
            proxy.script = waiting
            calls = [
                asyncio.create_task(CANCELLED[number % len(CANCELLED)](store, tmp_path, turn * EACH + number))
                for number in range(EACH)
            ]
            await asyncio.to_thread(waiting.wait_for, EACH)
            for call in calls:
                call.cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended)
            waiting.gate.released.set()
        assert asyncio.all_tasks() == before
        proxy.script = lambda request: None
        assert (await store.load("a")).messages == ["first"]
        await store.append("a", "second")
        await store.close()
        assert asyncio.all_tasks() == before

    threads = threading.active_count()
    files = descriptors()
    asyncio.run(scenario())
    assert proxy.wait_until_left()
    assert threading.active_count() <= threads + 1  # the last connection's own, which is about to end
    assert descriptors() <= files + 1
    assert list(tmp_path.iterdir()) == []


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
