"""Running a history of siblings, deletes and clean-ups, and cutting it down to what goes wrong."""

from __future__ import annotations

import hashlib
import random
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ....archive import Archive
from ....keys import SESSIONS, session_part
from ....locations import Opened
from ....longterm.cleanup import CleanUp
from ..history import Failed, Operation, Outcome, Terms, Unknown
from ..judge import Undecided, judge
from ..network import WEATHERS, Network, SimulatedStore
from ..runtime import SimulatedRuntime
from ..scheduler import Endless, Scheduler, Sleep, Task
from .bucket import SiblingsBucket
from .client import STREAMS, SiblingsClient, audit_step, last_clean_up, last_delete
from .plan import SiblingsPlan, siblings_plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from ..history import Edit
    from .plan import SiblingsStep

_EXPECTED = frozenset({"Conflict", "StoreUnavailable", "SessionNotFound"})
_SESSIONS = ("s0", "s1")
_LONGEST_SKEW = 3600.0
_DOZES = (1.0, 5.0, 90.0, 7200.0)
_DOZED_BEFORE = frozenset({"put", "swap", "delete"})
_RELEASES = 0.15


@dataclass(slots=True)
class SiblingsReport:
    """What came of a history."""

    plan: SiblingsPlan
    operations: list[Operation] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What went wrong, in words; empty if nothing did."""
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    """What happened when, to whom: each request as it is sent and as it is applied, and each crash."""
    requests: int = 0
    faults: int = 0
    """Requests that met a fault, crashes and long sleeps not counted."""

    @property
    def unknown(self) -> int:
        """How many calls ended without their outcome being known."""
        return sum(isinstance(operation.outcome, Unknown) for operation in self.operations)

    def digest(self) -> str:
        """Return a hash of all that happened: the same for the same plan, on any machine."""
        sha256 = hashlib.sha256()
        for moment, who, what in self.trace:
            sha256.update(f"{moment!r} {who} {what}\n".encode())
        for operation in self.operations:
            sha256.update(f"{operation.line()}\n".encode())
        return sha256.hexdigest()

    def story(self) -> str:
        """Tell the history: what went wrong, what was called, and every request."""
        plan = self.plan
        return "\n".join(
            [
                f"seed {plan.seed}: {plan.steps} calls, {self.faults} faults",
                f"{plan.policy}, {plan.sizes}, listings of {plan.page} a page",
                *(f"VIOLATION: {violation}" for violation in self.violations),
                *(operation.line() for operation in self.operations),
                *(f"{moment:10.3f}  {who:<8}  {what}" for moment, who, what in self.trace),
            ]
        )


def simulate_siblings(seed: int, mode: str | None = None) -> SiblingsReport:
    """Run the history of a seed, in one of `SIBLINGS_MODES`, or in the one that the seed chooses."""
    return run_siblings_plan(siblings_plan_for(seed, mode))


def run_siblings_plan(plan: SiblingsPlan) -> SiblingsReport:
    """Run a plan and judge what came of it. Never raises for what the product does: that is a violation."""
    return _World(plan).run()


def shrink_siblings(plan: SiblingsPlan) -> SiblingsReport:
    """Return the report of a shortest plan that still goes wrong: fewer calls, fewer faults, fewer crashes.

    Leaving out any one more would make it go right. A plan that does not go wrong is returned as it is.
    """
    best = run_siblings_plan(plan)
    while best.violations:
        worse = next((report for report in map(run_siblings_plan, best.plan.smaller()) if report.violations), None)
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
        if verb in _DOZED_BEFORE and task is not None and task.weather.faults and task.chance.random() < self._dozes:
            await Sleep(task.chance.choice(_DOZES))
        return await super()._send(verb, key, apply)


class _Life:
    """One life of a process."""

    def __init__(self, world: _World, name: str, chance: random.Random, *, skew: float) -> None:
        plan = world.plan
        self.runtime = SimulatedRuntime(world.scheduler, chance, skew=skew)
        # Only one of the processes does: others have to get something done meanwhile.
        self.store = _DozingStore(world.network, page=plan.page, dozes=plan.mode.dozes if name == "p0" else 0.0)
        self.store.on_request = self._on_request
        self.archive = Archive(Opened(self.store, built_in=True), self.runtime, plan.policy, None, plan.sizes)
        prefixes = sorted({f"{SESSIONS}{session_part(session_id)[:3]}" for session_id in _SESSIONS})
        self.cleaner = CleanUp(self.store, self.runtime, self.archive.removal, prefixes)
        self.name = name
        self.tasks: list[Task] = []
        self.dies_after: int | None = None
        self._world = world

    def _on_request(self, task: Task) -> None:
        if task.chance.random() < task.weather.jumps:
            self.runtime.skew += task.chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW)
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after == 0:
                self._world.scheduler.after(task.chance.uniform(0.0, 0.15), self._die)

    def _die(self) -> None:
        self._world.note(self.name, "crashes")
        for task in self.tasks:
            task.close()
        self._world.revive(self)


class _World:
    """One history under way."""

    def __init__(self, plan: SiblingsPlan) -> None:
        self.plan = plan
        self.scheduler = Scheduler()
        self._chance = random.Random(plan.seed)  # noqa: S311 - a simulation must be repeatable
        self.bucket = SiblingsBucket(SimulatedRuntime(self.scheduler, self._chance).now)
        self.network = Network(self.scheduler, self.bucket, self.note)
        self.report = SiblingsReport(plan)
        self._ticks = 0
        self._clients: dict[str, SiblingsClient] = {}
        self._deaths = {f"p{process}": requests for process, requests in plan.crashes}

    def run(self) -> SiblingsReport:
        try:
            self._start()
            self.scheduler.run()
            self._finish()
            self._judge()
        except Endless:
            self.report.violations.append("the history does not end: something waits or tries for ever")
        self.report.violations += self.bucket.violations
        self.report.requests, self.report.faults = self.network.requests, self.network.faults
        return self.report

    def revive(self, dead: _Life) -> None:
        """Start the process of a crashed life anew, with nothing in its memory, and let its client go on."""
        self._live(dead.name, self._clients[dead.name], delay=self._chance.uniform(0.0, 1.0))

    def note(self, who: str, what: str) -> None:
        self.report.trace.append((self.scheduler.time, who, what))

    def begin(self, who: str, step: SiblingsStep, stream: str, edits: Sequence[Edit] | None) -> Operation:
        if self._chance.random() < _RELEASES:
            self.network.release_one(self._chance)
        number = len(self.report.operations)
        session = f"{step.session_id}/{stream}"
        what = None if edits is None else tuple(edits)
        operation = Operation(number, who, session, step.kind, what, Terms(), self._tick())
        self.report.operations.append(operation)
        self.note(who, f"calls {step.kind} ({operation.called})")
        return operation

    def end(self, operation: Operation, outcome: Outcome) -> None:
        operation.outcome = outcome
        operation.returned = self._tick()
        self.note(operation.who, f"returns from {operation.what} ({operation.called}-{operation.returned})")
        if isinstance(outcome, Failed) and outcome.error not in _EXPECTED:
            self.report.violations.append(f"{operation.line()}: an error that nothing here can cause")

    def cleaned(self, who: str, told: str) -> None:
        self.note(who, f"has cleaned up: {told}")
        if "unreadable" in told or "Corrupt" in told:
            self.report.violations.append(f"a clean-up found what nothing here can cause: {told}")

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    def _start(self) -> None:
        for number, steps in enumerate(self.plan.processes):
            name = f"p{number}"
            self._clients[name] = SiblingsClient(name, steps, self.plan.mode, self, self.scheduler)
            life = self._live(name, self._clients[name])
            life.dies_after = self._deaths.get(name)

    def _live(self, name: str, client: SiblingsClient, *, delay: float = 0.0) -> _Life:
        life = self._life(name)
        task = self._task(client.who, client.run(life))
        life.tasks.append(task)
        self.scheduler.after(delay, partial(self.scheduler.start, task))
        return life

    def _life(self, name: str) -> _Life:
        skew = self._chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW) if self.plan.mode.skewed else 0.0
        return _Life(self, name, random.Random(self._chance.getrandbits(48)), skew=skew)  # noqa: S311 - repeatable

    def _finish(self) -> None:
        """Let the stragglers arrive, clean up, look at everything, and delete it all."""
        sessions = sorted({step.session_id for steps in self.plan.processes for step in steps})
        reads = [audit_step(session_id, stream) for session_id in sessions for stream in STREAMS]
        self.network.release_all(self._chance)
        self.scheduler.run()
        self._audit([last_clean_up(), *reads])
        if left := [*self.bucket.unnamed(), *self.bucket.half_deleted()]:
            self.report.violations.append(f"left behind by a clean-up in peace: {left}")
        self._audit([last_delete(session_id) for session_id in sessions])
        if left := self.bucket.content():
            self.report.violations.append(f"left behind by a delete in peace: {left}")

    def _audit(self, steps: Sequence[SiblingsStep]) -> None:
        client = SiblingsClient("audit", steps, self.plan.mode, self, self.scheduler)
        self.scheduler.start(self._task("audit", client.run(self._life("audit"))))
        self.scheduler.run()

    def _task(self, who: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        return Task(who, coroutine, self._chance, WEATHERS["fair"], self._ended)

    def _ended(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            told = "".join(traceback.format_exception(error)).strip()
            self.report.violations.append(f"an error that no caller should see: {told}")

    def _judge(self) -> None:
        by_stream: dict[str, list[Operation]] = {}
        for operation in self.report.operations:
            by_stream.setdefault(operation.session_id, []).append(operation)
        for stream, operations in by_stream.items():
            try:
                self.report.violations += judge(stream, operations)
            except Undecided:
                self.report.violations.append(f"{stream}: too many orders of the calls to try them all")
