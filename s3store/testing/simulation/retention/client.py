"""A client: makes the calls of its steps on the real code, one after the other, and writes down what it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ....changes import Append
from ....errors import OutcomeUnknown, S3StoreError
from ....longterm.clock import stores_time
from ....session import SessionCore
from ..processes import SteppingClient
from .bucket import WAIT

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ....archive import Archive
    from ..calls import Call
    from ..network import Weather
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


class RetentionClient(SteppingClient["RetentionStep", Life]):
    """Writes, holds, releases, deletes, reads and maintains."""

    def __init__(
        self, who: str, steps: Sequence[RetentionStep], mode: RetentionMode, recorder: Recorder, scheduler: Scheduler
    ) -> None:
        super().__init__(who, steps, scheduler)
        self._mode = mode
        self._recorder = recorder

    def weather_of(self, step: RetentionStep) -> Weather:
        """See `SteppingClient.weather_of`."""
        return self._mode.weather_of(step)

    def pause_before(self, step: RetentionStep, chance: random.Random) -> float:
        """See `SteppingClient.pause_before`."""
        return chance.expovariate(1 / step.pause)

    async def take(self, life: Life, step: RetentionStep, _: random.Random) -> None:
        """See `SteppingClient.take`."""
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
