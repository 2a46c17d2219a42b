"""One history under way, whatever it is about: processes that live, crash and live again over one bucket.

A scenario brings a `World` of its own, with what its clients call and what must hold; the rest is the same for all.
"""

from __future__ import annotations

import logging
import random
import traceback
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ...errors import S3StoreError
from . import history
from .judge import Undecided, judge
from .network import CALM, Network, SimulatedStore
from .report import Operation, Plan, Report
from .runtime import SimulatedRuntime
from .scheduler import Endless, Scheduler, Sleep, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from datetime import datetime

    from ...runtime import Work
    from .bucket import Bucket

P = TypeVar("P", bound=Plan)
O = TypeVar("O", bound=Operation)  # noqa: E741 - an operation
L = TypeVar("L", bound="Life")
C = TypeVar("C", bound="Client[Any]")
L_contra = TypeVar("L_contra", bound="Life", contravariant=True)

LEAKED = "an error that no caller should see"
"""How a violation begins that tells of an error that came through."""
_LONGEST_SKEW = 3600.0
# The product warns of what befalls it here: that is what a history is about, and for no console.
logging.getLogger("s3store").addHandler(logging.NullHandler())
_LAST_REQUEST = 0.15


class Client(Protocol[L_contra]):
    """Makes calls, one after the other; outlives its process."""

    who: str

    async def run(self, life: L_contra) -> None:
        """Make the calls that are left, in a process that has just started."""
        ...


class Life:
    """One life of a process: what dies with it. A scenario's own has what its clients call besides."""

    def __init__(self, world: World[Any, Any, Any, Any], name: str, chance: random.Random, *, skew: float) -> None:
        self.name = name
        self.runtime = SimulatedRuntime(world.scheduler, chance, skew=skew)
        self.runtime.start_background = self._begin_beside
        self.store = self.open_store(world.network, world.plan)
        self.store.on_request = self._on_request
        self.tasks: list[Task] = []
        self.dies_after: int | None = None
        """The number of requests that it lives to send; None if it does not crash."""
        self._world = world
        self._dead = False

    def open_store(self, network: Network, plan: Any) -> SimulatedStore:
        """Return the store that this process sends its requests by."""
        return SimulatedStore(network, page=plan.page)

    def _on_request(self, task: Task) -> None:
        if task.chance.random() < task.weather.jumps:
            self.runtime.skew += task.chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW)
            self._world.network.meet("a clock jumped")
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after == 0:
                self._world.scheduler.after(task.chance.uniform(0.0, _LAST_REQUEST), self._die)

    def _begin_beside(self, parent: Task, work: Work) -> None:
        if self._dead:
            return
        task = Task(f"{parent.who}+", work(), parent.chance, parent.weather, self._world.ended_beside)
        self.tasks.append(task)
        self._world.scheduler.start(task)

    def _die(self) -> None:
        self._world.note(self.name, "crashes")
        self._world.network.meet("a process crashed")
        for task in self.tasks:
            task.close()
        self._dead = True
        self._world.revive(self)


class DozingStore(SimulatedStore):
    """The store of a process that sometimes falls asleep before it sends what it has made ready.

    `dozes` is the share of requests, 0 to 1, and `draw` draws for how many seconds; `before` names the verbs, None all.
    """

    def __init__(
        self,
        network: Network,
        *,
        page: int,
        dozes: float,
        draw: Callable[[random.Random], float],
        before: frozenset[str] | None = None,
    ) -> None:
        super().__init__(network, page=page)
        self._scheduler = network.scheduler
        self._dozes = dozes
        self._draw = draw
        self._before = before

    async def _send(self, verb: str, key: str, apply: Callable[[], Any]) -> Any:
        task = self._scheduler.current
        if task is not None and self._may_doze(verb, task) and task.chance.random() < self._dozes:
            self._network.meet("a process slept")
            await Sleep(self._draw(task.chance))
        return await super()._send(verb, key, apply)

    def _may_doze(self, verb: str, task: Task) -> bool:
        return task.weather is not CALM and (self._before is None or verb in self._before)


class World(ABC, Generic[P, O, L, C]):
    """One history under way. A scenario says what a process and a client are, and how the history ends."""

    releases = 0.1
    """The share of calls, 0 to 1, at which a request that was held back arrives."""

    def __init__(self, plan: P, bucket: Callable[[Callable[[], datetime]], Bucket]) -> None:
        self.plan = plan
        self.scheduler = Scheduler()
        self.chance = random.Random(plan.seed)  # noqa: S311 - a simulation must be repeatable
        self.bucket = bucket(SimulatedRuntime(self.scheduler, self.chance).now)
        self.network = Network(self.scheduler, self.bucket, self.note)
        self.report: Report[P, O] = Report(plan)
        self._clients: dict[str, list[C]] = {}
        self._deaths = {f"p{process}": requests for process, requests in plan.crashes}

    @abstractmethod
    def live_once(self, name: str, chance: random.Random, *, skew: float) -> L:
        """Return a new life of a process."""

    @abstractmethod
    def clients(self) -> Iterable[tuple[str, C]]:
        """Return the clients of the plan, each with the name of its process: p0, p1 and so on."""

    @abstractmethod
    def finish(self) -> None:
        """Once all calls have returned: let the stragglers arrive, look at everything, and judge."""

    def run(self) -> Report[P, O]:
        """Run the plan and judge what came of it. Never raises for what the product does: that is a violation."""
        try:
            self._start()
            self.scheduler.run()
            self.finish()
        except Endless:
            self.violates("the history does not end: something waits or tries for ever")
        self.report.violations += self.bucket.violations
        self.report.requests, self.report.met = self.network.requests, self.network.met
        return self.report

    def note(self, who: str, what: str) -> None:
        """Write down what happened now."""
        self.report.trace.append((self.scheduler.time, who, what))

    def violates(self, what: str) -> None:
        """Write down what went wrong."""
        self.report.violations.append(what)

    def begins_call(self) -> None:
        """Let one of the requests that are held back arrive, now and then: called where a client begins a call."""
        if self.chance.random() < self.releases:
            self.network.release_one(self.chance)

    def revive(self, dead: Life) -> None:
        """Start the process of a crashed life anew, with nothing in its memory, and let its clients go on."""
        self.live(dead.name, self._clients[dead.name], delay=self.chance.uniform(0.0, 1.0))

    def live(self, name: str, clients: Sequence[C] = (), *, delay: float = 0.0) -> L:
        """Start a process, and after so many virtual seconds its clients."""
        skew = self.chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW) if self.plan.mode.skewed else 0.0
        life = self.live_once(name, random.Random(self.chance.getrandbits(48)), skew=skew)  # noqa: S311 - repeatable
        for client in clients:
            task = self._task(client.who, client.run(life))
            life.tasks.append(task)
            self.scheduler.after(delay, partial(self.scheduler.start, task))
        return life

    def run_alone(self, who: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run this, and all that it starts, to its end, with no faults."""
        self.scheduler.start(self._task(who, coroutine))
        self.scheduler.run()

    def let_all_arrive(self) -> None:
        """Let what is held back arrive, most of it, and what that sets off come to its end."""
        self.network.release_all(self.chance)
        self.scheduler.run()

    def ended(self, _: object, error: BaseException | None) -> None:
        """Take note of how a client ended: an error that it let through is one that no caller should see."""
        if error is not None:
            told = "".join(traceback.format_exception(error)).strip()
            self.violates(f"{LEAKED}: {told}")

    def ended_beside(self, result: object, error: BaseException | None) -> None:
        """Take note of how work in the background ended: what fails there is logged, and left to others."""
        self.ended(result, None if isinstance(error, S3StoreError) else error)

    def _start(self) -> None:
        for name, client in self.clients():
            self._clients.setdefault(name, []).append(client)
        for name, clients in self._clients.items():
            self.live(name, clients).dies_after = self._deaths.get(name)

    def _task(self, who: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        return Task(who, coroutine, self.chance, CALM, self.ended)


class LinearWorld(World[P, history.Operation, L, C]):
    """A world in which calls take effect at some moment between call and return, in one order for each session."""

    expected: frozenset[str]
    """The errors, by name, that a caller may be told."""

    def __init__(self, plan: P, bucket: Callable[[Callable[[], datetime]], Bucket]) -> None:
        super().__init__(plan, bucket)
        self._ticks = 0

    def begins(self, operation: Callable[[int, int], history.Operation]) -> history.Operation:
        """Write down a call, made of its number and the moment of the call."""
        self.begins_call()
        made = operation(len(self.report.operations), self._tick())
        self.report.operations.append(made)
        self.note(made.who, f"calls {made.what} ({made.called})")
        return made

    def end(self, operation: history.Operation, outcome: history.Outcome) -> None:
        """Write down that a call returned, and what the caller was told."""
        operation.outcome = outcome
        operation.returned = self._tick()
        self.note(operation.who, f"returns from {operation.what} ({operation.called}-{operation.returned})")
        if isinstance(outcome, history.Failed) and outcome.error not in self.expected:
            self.violates(f"{operation.line()}: an error that nothing here can cause")

    def end_resolved(self, operation: history.Operation, *, landed: bool) -> None:
        """Write down what `resolve` said of a call."""
        operation.resolved = landed
        operation.returned = self._tick()
        self.note(operation.who, f"was told by resolve ({operation.called}-{operation.returned}): {landed}")

    def judged(self) -> dict[str, list[history.Operation]]:
        """Judge the calls of each session, and return them."""
        by_session: dict[str, list[history.Operation]] = {}
        for operation in self.report.operations:
            by_session.setdefault(operation.session_id, []).append(operation)
        for session_id, operations in by_session.items():
            try:
                self.report.violations += judge(session_id, operations)
            except Undecided:
                self.violates(f"{session_id}: too many orders of the calls to try them all")
        return by_session

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks
