"""Running a plan, judging what came of it, and cutting it down to what goes wrong."""

from __future__ import annotations

import hashlib
import io
import random
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import orjson
import zstandard

from ...archive import Archive
from ...errors import S3StoreError
from ...keys import TRANSCRIPT, StreamKeys, pack_key
from ...locations import Opened
from ...objects.base import NoSuchKey
from ...streams.head import unpack_head
from .bucket import Bucket
from .client import Client
from .history import Failed, Operation, Outcome, Read, Unknown
from .judge import Undecided, judge
from .machine import UnreliableCache, local_of
from .network import WEATHERS, Network, SimulatedStore
from .packing import lines_in_pack
from .plan import Plan, Step, StepKind, plan_for
from .runtime import SimulatedRuntime
from .scheduler import Endless, Scheduler, Task

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from ...streams.segments import Segment
    from .history import Edit, Terms

_EXPECTED = frozenset({"Conflict", "StoreUnavailable", "SessionNotFound", "SessionExists", "SessionDeleted"})
_AUDIT: tuple[StepKind, ...] = ("load",)
_RELEASES = 0.1
_LONGEST_SKEW = 3600.0


@dataclass(slots=True)
class Report:
    """What came of a history."""

    plan: Plan
    operations: list[Operation] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What went wrong, in words; empty if nothing did."""
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    """What happened when, to whom: each request as it is sent and as it is applied, and each crash."""
    requests: int = 0
    faults: int = 0
    """Requests that met a fault, crashes and cancelled calls not counted."""

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
        return "\n".join(
            [
                f"seed {self.plan.seed}: {self.plan.steps} calls, {self.faults} faults",
                f"policy {self.plan.policy}, {self.plan.sizes}, pages of {self.plan.page}",
                *(f"VIOLATION: {violation}" for violation in self.violations),
                *(operation.line() for operation in self.operations),
                *(f"{moment:10.3f}  {who:<8}  {what}" for moment, who, what in self.trace),
            ]
        )


def simulate(seed: int, mode: str | None = None) -> Report:
    """Run the history of a seed, in one of `MODES`, or in the one that the seed chooses."""
    return run_plan(plan_for(seed, mode))


def run_plan(plan: Plan) -> Report:
    """Run a plan and judge what came of it. Never raises for what the product does: that is a violation."""
    return _World(plan).run()


def shrink(plan: Plan) -> Report:
    """Return the report of a shortest plan that still goes wrong: fewer calls, fewer faults, fewer crashes.

    Leaving out any one more would make it go right. A plan that does not go wrong is returned as it is.
    """
    best = run_plan(plan)
    while best.violations:
        for smaller in _smaller(best.plan):
            report = run_plan(smaller)
            if report.violations:
                best = report
                break
        else:
            break
    return best


def _smaller(plan: Plan) -> list[Plan]:
    places = [(number, place) for number, client in enumerate(plan.clients) for place in range(len(client.steps))]
    return [
        *(plan.without_crash(place) for place in range(len(plan.crashes))),
        *(plan.without_step(*place) for place in places),
        *(plan.with_calm_step(*at) for at in places if not plan.clients[at[0]].steps[at[1]].calm),
    ]


class _Life:
    """One life of a process."""

    def __init__(self, world: _World, name: str, chance: random.Random, *, skew: float) -> None:
        self.runtime = SimulatedRuntime(world.scheduler, chance, skew=skew)
        self.store = SimulatedStore(world.network, page=world.plan.page)
        self.store.on_request = self._on_request
        self.archive = Archive(
            Opened(self.store, built_in=True),
            self.runtime,
            world.plan.policy,
            None,
            world.plan.sizes,
            local=local_of(world.cache, self.runtime) if world.plan.mode.cached else None,
        )
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

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scheduler = Scheduler()
        self._chance = random.Random(plan.seed)  # noqa: S311 - a simulation must be repeatable
        clock = SimulatedRuntime(self.scheduler, self._chance)
        self.bucket = Bucket(clock.now)
        self.network = Network(self.scheduler, self.bucket, self.note)
        self.report = Report(plan)
        self.cache = UnreliableCache(self.scheduler)
        self._ticks = 0
        self._clients: dict[str, list[Client]] = {}
        self._deaths = {f"p{process}": requests for process, requests in plan.crashes}

    def run(self) -> Report:
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
        """Start the process of a crashed life anew, with nothing in its memory, and let its clients go on."""
        self._live(dead.name, self._clients[dead.name], delay=self._chance.uniform(0.0, 1.0))

    def note(self, who: str, what: str) -> None:
        self.report.trace.append((self.scheduler.time, who, what))

    def begin(self, who: str, step: Step, edits: Sequence[Edit] | None, terms: Terms) -> Operation:
        if self._chance.random() < _RELEASES:
            self.network.release_one(self._chance)
        number = len(self.report.operations)
        operation = Operation(
            number, who, step.session_id, step.kind, None if edits is None else tuple(edits), terms, self._tick()
        )
        self.report.operations.append(operation)
        self.note(who, f"calls {step.kind} ({operation.called})")
        return operation

    def end(self, operation: Operation, outcome: Outcome) -> None:
        operation.outcome = outcome
        operation.returned = self._tick()
        self.note(operation.who, f"returns from {operation.what} ({operation.called}-{operation.returned})")
        expected = _EXPECTED | {"CorruptObject"} if self.plan.mode.damages else _EXPECTED
        if isinstance(outcome, Failed) and outcome.error not in expected:
            self.report.violations.append(f"{operation.line()}: an error that nothing here can cause")

    def end_resolved(self, operation: Operation, *, landed: bool) -> None:
        operation.resolved = landed
        operation.returned = self._tick()
        self.note(operation.who, f"was told by resolve ({operation.called}-{operation.returned}): {landed}")

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    def _start(self) -> None:
        for number, client in enumerate(self.plan.clients):
            who = f"p{client.process}.{number}"
            self._clients.setdefault(f"p{client.process}", []).append(
                Client(who, client.steps, self.plan.mode, self, self.scheduler)
            )
        for name, clients in self._clients.items():
            life = self._live(name, clients)
            life.dies_after = self._deaths.get(name)

    def _live(self, name: str, clients: Sequence[Client], *, delay: float = 0.0) -> _Life:
        skew = self._chance.uniform(-_LONGEST_SKEW, _LONGEST_SKEW) if self.plan.mode.skewed else 0.0
        life = _Life(self, name, random.Random(self._chance.getrandbits(48)), skew=skew)  # noqa: S311 - repeatable
        for client in clients:
            task = Task(client.who, client.run(life), self._chance, WEATHERS["fair"], self._ended)
            life.tasks.append(task)
            self.scheduler.after(delay, partial(self.scheduler.start, task))
        return life

    def _ended(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            told = "".join(traceback.format_exception(error)).strip()
            self.report.violations.append(f"an error that no caller should see: {told}")

    def _finish(self) -> None:
        """Let a last process settle some of what is unknown and read everything, before and after the stragglers."""
        sessions = sorted({step.session_id for client in self.plan.clients for step in client.steps})
        reads = [_read(session_id, kind) for session_id in sessions for kind in _AUDIT]
        settler = self._auditor([])
        life = self._live("audit", [])
        for operation in list(self.report.operations):
            if self._chance.random() < 0.5:
                self._run(settler.who, settler.resolve(life, operation))
        self._run("audit", self._auditor(reads).run(life))
        self.network.release_all(self._chance)
        self.scheduler.run()
        self._run("audit", self._auditor(reads).run(life))

    def _auditor(self, steps: Sequence[Step]) -> Client:
        return Client("audit", steps, self.plan.mode, self, self.scheduler)

    def _run(self, who: str, coroutine: Coroutine[object, object, None]) -> None:
        self.scheduler.start(Task(who, coroutine, self._chance, WEATHERS["fair"], self._ended))
        self.scheduler.run()

    def _judge(self) -> None:
        by_session: dict[str, list[Operation]] = {}
        for operation in self.report.operations:
            by_session.setdefault(operation.session_id, []).append(operation)
        for session_id, operations in by_session.items():
            try:
                self.report.violations += judge(session_id, operations)
            except Undecided:
                self.report.violations.append(f"{session_id}: too many orders of the calls to try them all")
            self._compare_with_zstd(session_id, operations)
        if self.plan.mode.weather.faults == 0 and self.bucket.unnamed():
            self.report.violations.append(f"left behind though nothing failed: {self.bucket.unnamed()}")

    def _compare_with_zstd(self, session_id: str, operations: Sequence[Operation]) -> None:
        """Compare the last read with what zstd alone makes of the objects."""
        last = operations[-1].outcome
        found = self._zstd_alone(session_id)
        shown = [message for message, _ in last.entries or ()] if isinstance(last, Read) else []
        if found != shown:
            self.report.violations.append(f"{session_id}: zstd alone reads {found}, the session is {shown}")

    def _zstd_alone(self, session_id: str) -> list[object]:
        keys = StreamKeys.of(session_id, TRANSCRIPT)
        try:
            head = self.bucket.get(keys.head, None, None).body
            parts = [self._part_alone(keys, segment) for segment in unpack_head(keys, head).segments]
        except (NoSuchKey, S3StoreError):
            return []
        return [orjson.loads(line)["message"] for part in [*parts, _inflated(head)] for line in part.splitlines()]

    def _part_alone(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Read a segment with zstd alone, or out of its pack with pyarrow alone."""
        if segment.place is None:
            return _inflated(self.bucket.get(keys.segment(segment.name), None, None).body)
        pack = self.bucket.get(pack_key(segment.place.pack), None, None).body
        return lines_in_pack(pack, keys.session_id, segment.first, segment.count)


def _inflated(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read()


def _read(session_id: str, kind: StepKind) -> Step:
    return Step(
        seed=0,
        kind=kind,
        session_id=session_id,
        messages=(),
        keys=(),
        by_handle=False,
        must_exist=False,
        expects=False,
        resolves=False,
        calm=True,
    )
