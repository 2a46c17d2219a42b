"""Running a history of the index, and cutting it down to what goes wrong."""

from __future__ import annotations

import hashlib
import random
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ....archive import Archive
from ....errors import S3StoreError
from ....index.compact import Compactor
from ....index.log import Log
from ....index.view import Index
from ....locations import Opened
from ..network import Network, SimulatedStore
from ..runtime import SimulatedRuntime
from ..scheduler import Endless, Scheduler, Sleep, Task
from .bucket import IndexBucket
from .calls import Call
from .client import IndexClient
from .final import compare_all
from .plan import CALM, IndexPlan, index_plan_for
from .truth import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from ....runtime import Work

_LONGEST_SKEW = 3600.0
_DOZES = (60.0, 7200.0)
_RELEASES = 0.1


@dataclass(slots=True)
class IndexReport:
    """What came of a history."""

    plan: IndexPlan
    operations: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What went wrong, in words; empty if nothing did."""
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    """What happened when, to whom: each request as it is sent and as it is applied, and each crash."""
    requests: int = 0
    faults: int = 0
    """Requests that met a fault, crashes and long sleeps not counted."""

    @property
    def unknown(self) -> int:
        """How many writes ended without their outcome being known."""
        return sum(call.unknown for call in self.operations)

    def digest(self) -> str:
        """Return a hash of all that happened: the same for the same plan, on any machine."""
        sha256 = hashlib.sha256()
        for moment, who, what in self.trace:
            sha256.update(f"{moment!r} {who} {what}\n".encode())
        for call in self.operations:
            sha256.update(f"{call.line()}\n".encode())
        return sha256.hexdigest()

    def story(self) -> str:
        """Tell the history: what went wrong, what was called, and every request."""
        plan = self.plan
        return "\n".join(
            [
                f"seed {plan.seed}: {plan.steps} calls, {self.faults} faults",
                f"{plan.patience}, {plan.policy}, {plan.sizes}, listings of {plan.page} a page",
                *(f"VIOLATION: {violation}" for violation in self.violations),
                *(call.line() for call in self.operations),
                *(f"{moment:10.3f}  {who:<8}  {what}" for moment, who, what in self.trace),
            ]
        )


def simulate_index(seed: int, mode: str | None = None) -> IndexReport:
    """Run the history of a seed, in one of `INDEX_MODES`, or in the one that the seed chooses."""
    return run_index_plan(index_plan_for(seed, mode))


def run_index_plan(plan: IndexPlan) -> IndexReport:
    """Run a plan and judge what came of it. Never raises for what the product does: that is a violation."""
    return _World(plan).run()


def shrink_index(plan: IndexPlan) -> IndexReport:
    """Return the report of a shortest plan that still goes wrong: fewer calls, fewer faults, fewer crashes.

    Leaving out any one more would make it go right. A plan that does not go wrong is returned as it is.
    """
    best = run_index_plan(plan)
    while best.violations:
        worse = next((report for report in map(run_index_plan, best.plan.smaller()) if report.violations), None)
        if worse is None:
            break
        best = worse
    return best


class _DozingStore(SimulatedStore):
    """The store of a process that sometimes sleeps for an hour before it sends what it has made ready."""

    def __init__(self, network: Network, *, page: int, dozes: float) -> None:
        super().__init__(network, page=page)
        self._scheduler = network.scheduler
        self._dozes = dozes

    async def _send(self, verb: str, key: str, apply: Callable[[], Any]) -> Any:
        task = self._scheduler.current
        if self._dozes and task is not None and task.weather is not CALM and task.chance.random() < self._dozes:
            await Sleep(task.chance.uniform(*_DOZES))
        return await super()._send(verb, key, apply)


class _Life:
    """One life of a process."""

    def __init__(self, world: _World, name: str, chance: random.Random, *, skew: float) -> None:
        plan = world.plan
        self.runtime = SimulatedRuntime(world.scheduler, chance, skew=skew)
        self.runtime.start_background = self._begin_beside
        self.store = _DozingStore(world.network, page=plan.page, dozes=plan.mode.dozes)
        self.store.on_request = self._on_request
        self.archive = Archive(
            Opened(self.store, built_in=True), self.runtime, plan.patience, plan.policy, index_sizes=plan.sizes
        )
        index = Index(self.store, self.runtime, Log(self.store, self.runtime))
        self.compactor = Compactor(self.store, self.runtime, plan.patience, index, plan.sizes)
        self.owner = Owner()
        self.name = name
        self.tasks: list[Task] = []
        self.dies_after: int | None = None
        self._world = world
        self._dead = False

    def _on_request(self, task: Task) -> None:
        if task.chance.random() < task.weather.jumps:
            self.runtime.skew += task.chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW)
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after == 0:
                self._world.scheduler.after(task.chance.uniform(0.0, 0.15), self._die)

    def _begin_beside(self, parent: Task, work: Work) -> None:
        if self._dead:
            return
        task = Task(f"{parent.who}+", work(), parent.chance, parent.weather, self._world.ended_beside)
        self.tasks.append(task)
        self._world.scheduler.start(task)

    def _die(self) -> None:
        self._world.note(self.name, "crashes")
        for task in self.tasks:
            task.close()
        self._dead = True
        self._world.revive(self)


class _World:
    """One history under way."""

    def __init__(self, plan: IndexPlan) -> None:
        self.plan = plan
        self.scheduler = Scheduler()
        self._chance = random.Random(plan.seed)  # noqa: S311 - a simulation must be repeatable
        self.bucket = IndexBucket(SimulatedRuntime(self.scheduler, self._chance).now)
        self.network = Network(self.scheduler, self.bucket, self.note)
        self.report = IndexReport(plan)
        self._clients: dict[str, list[IndexClient]] = {}
        self._deaths = {f"p{process}": requests for process, requests in plan.crashes}

    def run(self) -> IndexReport:
        try:
            self._start()
            self.scheduler.run()
            self._finish()
        except Endless:
            self.report.violations.append("the history does not end: something waits or tries for ever")
        self.report.violations += [*self.bucket.violations, *self.bucket.truth.violations]
        self.report.requests, self.report.faults = self.network.requests, self.network.faults
        return self.report

    def revive(self, dead: _Life) -> None:
        """Start the process of a crashed life anew, with nothing in its memory, and let its clients go on."""
        self._live(dead.name, self._clients[dead.name], delay=self._chance.uniform(0.0, 1.0))

    def note(self, who: str, what: str) -> None:
        self.report.trace.append((self.scheduler.time, who, what))

    def call(self, who: str, what: str) -> Call:
        if self._chance.random() < _RELEASES:
            self.network.release_one(self._chance)
        call = Call(len(self.report.operations), who, what)
        self.report.operations.append(call)
        self.note(who, f"calls {what} [{call.number}]")
        return call

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        call.told, call.unknown = told, unknown
        self.note(call.who, f"returns from {call.what} [{call.number}]")
        self.report.violations += [f"[{call.number}] {call.who}: {call.what} {each}" for each in wrong]

    def ended(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            told = "".join(traceback.format_exception(error)).strip()
            self.report.violations.append(f"an error that no caller should see: {told}")

    def ended_beside(self, result: object, error: BaseException | None) -> None:
        # What fails in the background is logged and left to others.
        self.ended(result, None if isinstance(error, S3StoreError) else error)

    def _start(self) -> None:
        for number, client in enumerate(self.plan.clients):
            name = f"p{client.process}"
            self._clients.setdefault(name, []).append(self._client(f"{name}.{number}", client.steps))
        for name, clients in self._clients.items():
            life = self._live(name, clients)
            life.dies_after = self._deaths.get(name)

    def _live(self, name: str, clients: Sequence[IndexClient], *, delay: float = 0.0) -> _Life:
        skew = self._chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW) if self.plan.mode.skewed else 0.0
        life = _Life(self, name, random.Random(self._chance.getrandbits(48)), skew=skew)  # noqa: S311 - repeatable
        for client in clients:
            task = self._task(client.who, client.run(life))
            life.tasks.append(task)
            self.scheduler.after(delay, partial(self.scheduler.start, task))
        return life

    def _finish(self) -> None:
        """Compare what is listed with what there is: before the stragglers, after them, and once all is mended."""
        life = self._live("audit", [])
        auditor = self._client("audit", ())
        self._run("audit", auditor.reader.look(life))
        self.network.release_all(self._chance)
        self.scheduler.run()
        self._run("audit", auditor.reader.look(life))
        self._run("audit", compare_all(life, auditor, self.bucket, self))

    def _client(self, who: str, steps: Sequence[Any]) -> IndexClient:
        return IndexClient(who, steps, self.plan.mode, self.bucket, self, self.scheduler)

    def _task(self, who: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        return Task(who, coroutine, self._chance, CALM, self.ended)

    def _run(self, who: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self.scheduler.start(self._task(who, coroutine))
        self.scheduler.run()
