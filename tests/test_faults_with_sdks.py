"""The real SDKs against a server that loses requests and answers: what is acknowledged is there, and there once."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    Append,
    AsyncSessionStore,
    Clear,
    CommitPolicy,
    Conflict,
    OutcomeUnknown,
    S3StoreError,
    SessionStore,
    StoreUnavailable,
)
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import QUICK, Place, async_s3_options, in_step, prepare, s3_options
from tests.servers import Fault, FaultProxy, Hold, answer, cut_body, hold, in_order, lose_answer, lose_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import MotoServer, Request

pytest_plugins = ["tests.archive_fixtures"]
pytestmark = pytest.mark.usefixtures("small_parts")

BRIEF = CommitPolicy(seconds=5, attempts=4, pause=0.0001, longest_pause=0.001)


class FaultyPlace(Place):
    """An archive on moto, whose clients go through a proxy; `objects` goes straight to moto.

    They keep nothing on this machine, so that every read goes through the proxy as well.
    """

    _connect: Callable[..., SessionStore]

    def __init__(self, proxy: FaultProxy, bucket: str, moto: MotoServer, closing: ExitStack, face: str) -> None:
        self.proxy = proxy
        url = f"s3://{bucket}/agents"
        timeouts: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 2}
        objects = S3BlockingStore(bucket, "agents", s3_options(moto.url))
        closing.callback(lambda: run(objects.close()))
        prepare(objects)
        if face == "blocking":
            options = s3_options(proxy.url, **timeouts)
            self._connect = partial(SessionStore, url, s3=options, cache=False)
        else:
            runner = closing.enter_context(asyncio.Runner())
            options = async_s3_options(proxy.url, **timeouts)
            self._connect = lambda policy: in_step(
                AsyncSessionStore(url, s3=options, policy=policy, cache=False), runner
            )
        super().__init__(objects, lambda: self._connect(policy=QUICK), closing)
        self._clients = closing

    def script(self, *faults: Fault | None, where: Callable[[Request], bool]) -> None:
        """Let the n-th request for which `where` holds meet the n-th fault."""
        self.proxy.script = in_order(*faults, where=where)

    def calm(self) -> None:
        """Let everything pass."""
        self.proxy.script = in_order()

    def impatient(self) -> SessionStore:
        """Return a client that soon gives up."""
        store = self._connect(policy=BRIEF)
        self._clients.callback(store.close)
        return store


@pytest.fixture(
    params=[pytest.param("blocking", marks=pytest.mark.s3), pytest.param("async", marks=pytest.mark.aioboto3)]
)
def place(
    request: pytest.FixtureRequest,
    moto: MotoServer,
    bucket_name: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[FaultyPlace]:
    if request.param == "async":
        pytest.importorskip("aioboto3", reason="needs the async extra")
    # The SDK's own retries of reads would only make a dead server take longer.
    monkeypatch.setattr("s3store.objects.s3_sender._SDK_ATTEMPTS", 1)
    bucket = moto.make_bucket(bucket_name())
    with FaultProxy(moto.port) as proxy, ExitStack() as clients:
        yield FaultyPlace(proxy, bucket, moto, clients, request.param)


def put_of_a_head(request: Request) -> bool:
    return request.method == "PUT" and request.target.partition("?")[0].endswith("transcript.jsonl.zst")


def put_of_a_segment(request: Request) -> bool:
    return request.method == "PUT" and "/transcript/" in request.target


def get(request: Request) -> bool:
    return request.method == "GET" and "/sessions/" in request.target


FAULTS: dict[str, Callable[[], Fault]] = {
    "answer-lost": lose_answer,
    "request-lost": lose_request,
    "409": lambda: answer(409, "ConditionalRequestConflict"),
    "412-that-is-wrong": lambda: answer(412, "PreconditionFailed", done=True),
    "500-before": lambda: answer(500, "InternalError"),
    "500-after": lambda: answer(500, "InternalError", done=True),
    "503-before": lambda: answer(503, "SlowDown"),
    "503-after": lambda: answer(503, "SlowDown", done=True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_that_meets_a_fault_is_made_once(place: FaultyPlace, fault: str) -> None:
    store = place.open()
    meet = FAULTS[fault]
    place.script(meet(), meet(), where=put_of_a_head)
    assert store.create("a", ["created"]).count == 1
    place.script(meet(), meet(), where=put_of_a_head)
    assert store.append("a", "appended").count == 2
    if not fault.startswith("412"):  # which no server answers to a write without a condition
        place.script(meet(), where=put_of_a_segment)
    assert store.append("a", "sealing").count == 3
    place.script(meet(), meet(), where=put_of_a_head)
    done = store.commit("a", Append("several"), Append("at once"))
    assert (done.appended, done.info.count) == (2, 5)
    place.calm()
    assert place.open().load("a").messages == ["created", "appended", "sealing", "several", "at once"]
    place.script(meet(), meet(), where=put_of_a_head)
    assert store.remove_last("a") is not None
    assert store.info("a").count == 4
    place.script(meet(), where=put_of_a_head)
    done = store.commit("a", Clear(), Append("cleared"))
    assert done.cleared == 4
    place.script(meet(), where=put_of_a_head)
    store.save("a", ["saved"])
    place.calm()
    assert place.open().load("a").messages == ["saved"]
    place.script(meet(), where=put_of_a_head)
    assert store.delete("a") is True
    place.calm()
    assert not place.open().exists("a")
    assert len(place.listed("sessions/")) == 1


def test_a_body_that_is_cut_short_is_read_again(place: FaultyPlace) -> None:
    store = place.open()
    for number in range(4):
        store.append("a", number)
    for keep in (0, 1, 100):
        place.script(cut_body(keep), where=get)
        assert place.open().load("a").messages == [0, 1, 2, 3]
    place.proxy.script = lambda request: cut_body(50) if get(request) else None
    with pytest.raises(StoreUnavailable):
        place.open().load("a")
    with pytest.raises(StoreUnavailable):
        place.open().exists("a")


def test_an_outage_is_never_taken_for_absence(place: FaultyPlace) -> None:
    place.open().append("a", "x")
    place.proxy.script = lambda request: answer(503, "SlowDown") if get(request) else None
    store = place.impatient()
    calls: list[Callable[[], object]] = [
        lambda: store.exists("a"),
        lambda: store.load("a"),
        lambda: store.append("a", "y"),
        lambda: store.delete("a"),
        lambda: list(store.scan()),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    place.calm()
    assert store.load("a").messages == ["x"]


def test_a_write_that_never_arrived_is_told_as_that(place: FaultyPlace) -> None:
    place.open().append("a", "x")
    place.proxy.script = lambda request: answer(409, "ConditionalRequestConflict") if put_of_a_head(request) else None
    store = place.impatient()
    with pytest.raises(Conflict):
        store.append("a", "y")
    place.calm()
    assert place.open().load("a").messages == ["x"]
    assert store.append("a", "z").count == 2


@pytest.mark.parametrize("arrives", [True, False], ids=["stored", "lost"])
def test_when_no_answer_comes_at_all_resolve_settles_it(place: FaultyPlace, arrives: bool) -> None:  # noqa: FBT001
    place.open().append("a", "x")
    store = place.impatient()
    store.load("a")

    def dark(request: Request) -> Fault | None:
        if put_of_a_head(request):
            return lose_answer() if arrives else lose_request()
        return answer(503, "SlowDown") if get(request) else None

    place.proxy.script = dark
    with pytest.raises(OutcomeUnknown) as caught:
        store.append("a", "y")
    assert caught.value.session_id == "a"
    place.calm()
    for client in (place.open(), store):
        assert client.resolve("a", caught.value.commit_id) is arrives
    assert store.load("a").messages == (["x", "y"] if arrives else ["x"])
    assert store.append("a", "z").count == (3 if arrives else 2)


def test_a_write_that_arrives_after_it_was_settled_changes_nothing(place: FaultyPlace) -> None:
    place.open().append("a", "x")
    store = place.impatient()
    store.load("a")
    gate = Hold()
    place.proxy.script = in_order(hold(gate, drop=True), where=put_of_a_head)
    # The client's connection waits at the gate until its own time is up; then it looks, and settles the question.
    assert store.append("a", "y").count == 2
    gate.released.set()
    place.calm()
    assert place.open().load("a").messages == ["x", "y"]
    assert place.open().append("a", "z").count == 3


SCENARIO: list[tuple[str, Callable[[SessionStore], object]]] = [
    ("create", lambda store: store.create("a", ["a0"], name="n")),
    ("append", lambda store: store.append("a", "a1", key="k1")),
    ("seal", lambda store: store.append("a", "a2", key="k2")),
    ("other", lambda store: store.append("b", "b0")),
    ("save", lambda store: store.save("a", ["a0", "a1", "new"])),
    ("append-again", lambda store: store.append("a", "a4", key="k4")),
    ("delete", lambda store: store.delete("b")),
    ("save-short", lambda store: store.save("a", ["last"])),
    ("delete-all", lambda store: store.delete("a")),
]
STATES: list[dict[str, list[str] | None]] = [
    {"a": None, "b": None},
    {"a": ["a0"], "b": None},
    {"a": ["a0", "a1"], "b": None},
    {"a": ["a0", "a1", "a2"], "b": None},
    {"a": ["a0", "a1", "a2"], "b": ["b0"]},
    {"a": ["a0", "a1", "new"], "b": ["b0"]},
    {"a": ["a0", "a1", "new", "a4"], "b": ["b0"]},
    {"a": ["a0", "a1", "new", "a4"], "b": None},
    {"a": ["last"], "b": None},
    {"a": None, "b": None},
]
"""What is there before the scenario, and after each step of it."""


def state_of(store: SessionStore) -> dict[str, list[str] | None]:
    return {name: store.load(name).messages if store.exists(name) else None for name in "ab"}


class Death:
    """A script: from the request with a certain number on, none gets through any more."""

    def __init__(self, after: int, *, answered: bool) -> None:
        self._left = after
        self._answered = answered
        self.struck = False

    def __call__(self, request: Request) -> Fault | None:
        self._left -= 1
        if self._left >= 0:
            return None
        first, self.struck = not self.struck, True
        return lose_answer() if first and not self._answered else lose_request()


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("answered", [True, False], ids=["before-a-request", "before-its-answer"])
def test_a_client_may_die_between_any_two_requests(place: FaultyPlace, every: int, answered: bool) -> None:  # noqa: FBT001
    after = 0
    while True:
        for key in place.listed("sessions/"):
            place.remove(key)
        script = Death(after, answered=answered)
        place.proxy.script = script
        done = 0
        store = place.impatient()
        for _, step in SCENARIO:
            try:
                step(store)
            except S3StoreError:
                break
            done += 1
        place.calm()
        survivor = place.open()
        # The step that was under way has happened, or has not; those before it have.
        assert state_of(survivor) in STATES[done : done + 2], f"dead after {after} requests"
        assert survivor.append("a", "on", key=f"on{after}").count >= 1
        assert survivor.load("a").messages[-1] == "on"
        if not script.struck:
            assert done == len(SCENARIO)
            return
        after += every
