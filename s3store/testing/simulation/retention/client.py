"""A client: makes the calls of its steps on the real code, one after the other, and writes down what it was told."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from ....changes import Append
from ....errors import OutcomeUnknown, S3StoreError
from ....longterm.clock import stores_time
from ....session import SessionCore
from .bucket import WAIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....archive import Archive
    from ..index.calls import Call
    from ..runtime import SimulatedRuntime
    from ..scheduler import Scheduler
    from .plan import RetentionMode, RetentionStep

EXPECTED = frozenset({"Conflict", "StoreUnavailable", "SessionNotFound", "SessionHeld"})
"""The errors, by name, that a caller may be told."""


class Life(Protocol):
    """One life of a process."""

    runtime: SimulatedRuntime
    archive: Archive


class Recorder(Protocol):
    """Where a client writes down what happens."""

    def call(self, who: str, what: str) -> Call:
        """Write down that a call is made."""
        ...

    def end(self, call: Call, told: str, *, unknown: bool = False) -> None:
        """Write down what it was told."""
        ...

    def held(self, session_id: str, hold_id: str) -> None:
        """Write down that a hold was acknowledged."""
        ...

    def letting_go(self, session_id: str) -> None:
        """Write down that somebody begins to take the holds off a session."""
        ...


class RetentionClient:
    """Goes through its steps, also when its process dies under it: then the next life goes on."""

    def __init__(
        self, who: str, steps: Sequence[RetentionStep], mode: RetentionMode, recorder: Recorder, scheduler: Scheduler
    ) -> None:
        self.who = who
        self._steps = steps
        self._mode = mode
        self._recorder = recorder
        self._scheduler = scheduler
        self._next = 0

    async def run(self, life: Life) -> None:
        """Make the calls that are left, in a process that has just started."""
        task = self._scheduler.current
        if task is None:
            raise RuntimeError("a client runs as a task of its scheduler")
        while self._next < len(self._steps):
            step = self._steps[self._next]
            self._next += 1
            task.chance = random.Random(step.seed)  # noqa: S311 - a simulation must be repeatable
            task.weather = self._mode.weather_of(step)
            await life.runtime.sleep(task.chance.expovariate(1 / step.pause))
            await self._take(life, step)

    async def _take(self, life: Life, step: RetentionStep) -> None:
        call = self._recorder.call(self.who, f"{step.kind} {step.session_id!r}")
        try:
            told = await (maintain(life) if step.kind == "maintain" else self._on_one(life, step))
        except OutcomeUnknown as error:
            self._recorder.end(call, type(error).__name__, unknown=True)
        except S3StoreError as error:
            self._recorder.end(call, type(error).__name__)
        else:
            self._recorder.end(call, told)

    async def _on_one(self, life: Life, step: RetentionStep) -> str:
        session = SessionCore(life.archive, step.session_id, bound=False)
        match step.kind:
            case "append":
                return f"version {(await session.commit([Append(step.seed)])).info.version}"
            case "hold":
                hold = await session.hold(f"case {step.seed % 2}", self.who)
                self._recorder.held(step.session_id, hold.id)
                return f"hold {hold.id}"
            case "release":
                self._recorder.letting_go(step.session_id)
                return f"{await session.release(None)} taken off"
            case "delete":
                return f"existed: {await session.delete()}"
            case _:
                return f"{(await session.load()).info.count} records"


async def maintain(life: Life) -> str:
    """Let the rules be carried out, as a pass of maintenance does."""
    archive, retention = life.archive, life.archive.retention
    await archive.ready_to_write()
    ruling = await retention.ruling(await stores_time(archive.store, life.runtime))
    failures: list[str] = []
    deleted, _ = await retention.carry_out(ruling, WAIT, "", _never, failures, dry_run=False)
    planned, _ = await retention.plan(ruling, "", _never, dry_run=False)
    return f"{dict(deleted + planned)}"


def _never() -> bool:
    return False
