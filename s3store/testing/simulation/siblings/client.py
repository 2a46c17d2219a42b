"""A client: makes the calls of its steps on the real code, one after the other, and writes down what it was told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ....changes import Append, Replace
from ....errors import OutcomeUnknown, S3StoreError
from ....keys import ARTIFACTS, StreamKeys
from ....streams.change import FixedPlan
from ....streams.terms import Terms
from ..history import Deleted, Edit, Failed, Outcome, Read, Seen, Unknown, Wrote
from ..network import CALM
from ..processes import SteppingClient
from .plan import SiblingsStep
from .writer import name_of, putting_artifact

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from ....archive import Archive
    from ....jsontext import JsonValue
    from ....longterm.cleanup import CleanUp
    from ....model import Record
    from ....streams.change import Plan
    from ..history import Entry, Operation
    from ..network import Weather
    from ..runtime import SimulatedRuntime
    from ..scheduler import Scheduler
    from .plan import SiblingsMode

STREAMS = ("transcript", "traces", "artifacts")


class Life(Protocol):
    """One life of a process."""

    runtime: SimulatedRuntime
    archive: Archive
    cleaner: CleanUp


class Recorder(Protocol):
    """Where a client writes down what happens."""

    def begin(self, who: str, step: SiblingsStep, stream: str, edits: Sequence[Edit] | None) -> Operation:
        """Write down that a call is made, as far as it goes to one stream."""
        ...

    def end(self, operation: Operation, outcome: Outcome) -> None:
        """Write down that it returned."""
        ...

    def cleaned(self, who: str, told: str) -> None:
        """Write down what a clean-up said."""
        ...


class SiblingsClient(SteppingClient[SiblingsStep, Life]):
    """Writes, reads, deletes and cleans up."""

    def __init__(
        self, who: str, steps: Sequence[SiblingsStep], mode: SiblingsMode, recorder: Recorder, scheduler: Scheduler
    ) -> None:
        super().__init__(who, steps, scheduler)
        self._mode = mode
        self._recorder = recorder

    def weather_of(self, step: SiblingsStep) -> Weather:
        """See `SteppingClient.weather_of`."""
        return CALM if step.calm else self._mode.weather

    def pause_before(self, _: SiblingsStep, chance: random.Random) -> float:
        """See `SteppingClient.pause_before`."""
        return chance.expovariate(1 / chance.choice(self._mode.pauses))

    async def take(self, life: Life, step: SiblingsStep, _: random.Random) -> None:
        """See `SteppingClient.take`."""
        if step.kind == "clean up":
            await self.clean_up(life, step)
        elif step.kind == "delete":
            await self._delete(life, step)
        else:
            await self._on_one_stream(life, step)

    async def clean_up(self, life: Life, step: SiblingsStep) -> None:
        """Let the real clean-up run over the sessions."""
        try:
            report = await life.cleaner.run(older_than=step.older_than, dry_run=step.dry_run)
        except S3StoreError as error:
            self._recorder.cleaned(self.who, type(error).__name__)
        else:
            self._recorder.cleaned(self.who, f"{dict(report.removed)}, left {dict(report.left)}")

    async def _delete(self, life: Life, step: SiblingsStep) -> None:
        """Delete a session: a call to each of its streams, as the judge sees it."""
        operations = [self._recorder.begin(self.who, step, stream, None) for stream in STREAMS]
        outcomes: list[Outcome] = [Unknown() for _ in STREAMS]
        try:
            existed = await life.archive.removal.delete(step.session_id, Terms())
            outcomes = [Deleted(existed if stream == "transcript" else None) for stream in STREAMS]
        except OutcomeUnknown:
            pass
        except S3StoreError as error:
            outcomes = [Failed(type(error).__name__) for _ in STREAMS]
        for operation, outcome in zip(operations, outcomes, strict=True):
            self._recorder.end(operation, outcome)

    async def _on_one_stream(self, life: Life, step: SiblingsStep) -> None:
        operation = self._recorder.begin(self.who, step, step.stream, _edits(step))
        outcome: Outcome = Unknown()
        try:
            outcome = await (_load(life, step) if step.kind == "load" else self._commit(life, step))
        except OutcomeUnknown:
            pass
        except S3StoreError as error:
            outcome = Failed(type(error).__name__)
        self._recorder.end(operation, outcome)

    async def _commit(self, life: Life, step: SiblingsStep) -> Outcome:
        streams = life.archive.streams
        change = streams.change(step.session_id, _plan(life, step), Terms(), stream=step.stream)
        landed = await streams.land(change)
        if landed.proposal is None:
            raise AssertionError("every change of these histories writes")
        done = change.outcome(landed)
        seen = Seen.of(landed.proposal.state.info(step.session_id))
        return Wrote(seen, done.appended, (), done.cleared)


async def _load(life: Life, step: SiblingsStep) -> Read:
    transcript = await life.archive.streams.load(step.session_id, Terms(), stream=step.stream)
    return Read(Seen.of(transcript.info), _entries(step.stream, transcript.records))


def _edits(step: SiblingsStep) -> list[Edit] | None:
    if step.kind == "load":
        return None
    return [Edit("replace" if step.kind == "replace" else "extend", ((step.name, None),))]


def _plan(life: Life, step: SiblingsStep) -> Plan:
    match step.kind:
        case "put":
            return putting_artifact(life.archive, StreamKeys.of(step.session_id, step.stream), step)
        case "remove":
            return FixedPlan([Append({"remove": [step.artifact], "step": step.name})])
        case "replace":
            return FixedPlan([Replace([step.name])])
        case _:
            return FixedPlan([Append(step.name)])


def _entries(stream: str, records: Iterable[Record]) -> tuple[Entry, ...]:
    messages: list[JsonValue] = [record.message for record in records]
    return tuple((name_of(message) if stream == ARTIFACTS else message, None) for message in messages)


def audit_step(session_id: str, stream: str) -> SiblingsStep:
    """Return a read for the end of a history."""
    return SiblingsStep(
        0, "load", session_id, stream, "", "", "", in_parts=False, older_than=0, dry_run=False, calm=True
    )


def last_delete(session_id: str) -> SiblingsStep:
    """Return a delete for the end of a history."""
    return replace(audit_step(session_id, ""), kind="delete")


def last_clean_up() -> SiblingsStep:
    """Return a clean-up for the end of a history."""
    return replace(audit_step("", ""), kind="clean up")
