"""A client: makes the calls of its plan, one after the other, and writes down what it was told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from ....changes import Append, Change, Clear, Extend, RemoveLast, Replace, ReplaceLast, Update
from ....errors import OutcomeUnknown, S3StoreError, SessionDeleted
from ....keys import SESSIONS, session_part
from ....longterm.cleanup import CleanUp
from ....session import SessionCore
from ..history import Deleted, Edit, Entry, Failed, Operation, Outcome, Read, Seen, Terms, Unknown, Wrote, entries_of
from ..network import CALM
from ..processes import SteppingClient
from ..scheduler import Cancelled

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ....archive import Archive
    from ....model import Committed
    from ..network import SimulatedStore, Weather
    from ..runtime import SimulatedRuntime
    from ..scheduler import Scheduler, Task
    from .plan import Mode, Step

_NAMES = ("one", "two", None)
_READS = frozenset({"load", "last", "records", "info"})
_TRIES_TO_RESOLVE = 3


class Life(Protocol):
    """One life of a process: what dies with it."""

    store: SimulatedStore
    runtime: SimulatedRuntime
    archive: Archive


class Recorder(Protocol):
    """Where a client writes down what happens."""

    def begin(self, who: str, step: Step, edits: Sequence[Edit] | None, terms: Terms) -> Operation:
        """Write down that a call is made."""
        ...

    def end(self, operation: Operation, outcome: Outcome) -> None:
        """Write down that it returned."""
        ...

    def end_resolved(self, operation: Operation, *, landed: bool) -> None:
        """Write down what `resolve` said of it."""
        ...


class Client(SteppingClient["Step", Life]):
    """Writes, reads, deletes and cleans up, and settles what ended unknown."""

    def __init__(
        self,
        who: str,
        steps: Sequence[Step],
        mode: Mode,
        recorder: Recorder,
        scheduler: Scheduler,
    ) -> None:
        super().__init__(who, steps, scheduler)
        self.mode = mode
        self._recorder = recorder
        self._messages: dict[str, tuple[Entry, ...]] = {}
        self._versions: dict[str, int] = {}
        self._handles: dict[str, SessionCore] = {}

    async def run(self, life: Life) -> None:
        """Make the calls that are left, in a process that has just started."""
        self._handles = {}
        await super().run(life)

    def weather_of(self, step: Step) -> Weather:
        """See `SteppingClient.weather_of`."""
        return CALM if step.calm else self.mode.weather

    def pause_before(self, _: Step, chance: random.Random) -> float:
        """See `SteppingClient.pause_before`."""
        return chance.expovariate(20.0)

    async def take(self, life: Life, step: Step, chance: random.Random) -> None:
        """See `SteppingClient.take`."""
        cancelled_after = chance.uniform(0.0, 0.2) if chance.random() < self.mode.cancels else None
        task = self._scheduler.current
        if task is not None and cancelled_after is not None and not step.calm:
            self._scheduler.after(cancelled_after, partial(self._cancel, task, self._next))
        try:
            if not await self.maintain(life, step):
                await self._call(life, step, chance)
        except (Cancelled, S3StoreError):
            pass

    async def maintain(self, life: Life, step: Step) -> bool:
        """Take a step that changes nothing of what callers are told; tell whether it is one."""
        if step.kind != "sweep":
            return False
        prefix = f"{SESSIONS}{session_part(step.session_id)}/"
        await CleanUp(life.store, life.runtime, life.archive.removal, [prefix]).run(older_than=0, dry_run=False)
        return True

    async def _call(self, life: Life, step: Step, chance: random.Random) -> None:
        core = self._core(life, step)
        edits = self._edits(step, chance)
        operation = self._recorder.begin(self.who, step, edits, self._terms(step, core, edits))
        outcome: Outcome = Unknown()
        try:
            outcome = await _made(core, operation, step, chance)
        except OutcomeUnknown as error:
            outcome = Unknown(error.commit_id)
        except S3StoreError as error:
            outcome = Failed(type(error).__name__)
            if isinstance(error, SessionDeleted) and chance.random() < 0.5:
                self._handles.pop(step.session_id, None)
        except Cancelled:
            pass
        if edits is None:
            # A bound handle meets its session within its first call, if not before.
            operation.terms = Terms(incarnation=core.incarnation)
        self._recorder.end(operation, outcome)
        self._learn(step.session_id, outcome)
        if step.resolves and isinstance(outcome, Unknown):
            await self.resolve(life, operation)

    async def resolve(self, life: Life, operation: Operation) -> None:
        """Settle a call of unknown outcome, if anybody can."""
        outcome = operation.outcome
        if not isinstance(outcome, Unknown) or outcome.commit_id is None or operation.resolved is not None:
            return
        core = SessionCore(life.archive, operation.session_id, bound=False)
        for _ in range(_TRIES_TO_RESOLVE):
            try:
                landed = await core.resolve(outcome.commit_id)
            except S3StoreError:
                continue
            self._recorder.end_resolved(operation, landed=landed)
            return

    def _core(self, life: Life, step: Step) -> SessionCore:
        if not step.by_handle:
            return SessionCore(life.archive, step.session_id, bound=False)
        return self._handles.setdefault(step.session_id, SessionCore(life.archive, step.session_id, bound=True))

    def _terms(self, step: Step, core: SessionCore, edits: Sequence[Edit] | None) -> Terms:
        if edits is None:
            return Terms(incarnation=core.incarnation)
        expected = self._versions.get(step.session_id, 0) if step.expects and step.kind != "create" else None
        return Terms(step.must_exist and step.kind != "create", step.kind == "create", expected, core.incarnation)

    def _edits(self, step: Step, chance: random.Random) -> list[Edit] | None:
        """Return the changes of a step that commits some; None for any other."""
        entries = tuple(zip(step.messages, step.keys, strict=True))
        rename = Edit("rename", name=chance.choice(_NAMES))
        seen = self._messages.get(step.session_id, ())
        kept = tuple((message, None) for message, _ in seen[: chance.randrange(len(seen) + 1)])
        match step.kind:
            case "append" | "extend":
                return [Edit("extend", entries)]
            case "create" | "append_and_update":
                return [Edit("extend", entries), rename]
            case "save":
                return [Edit("replace", kept + _each_key_once(entries))]
            case "replace_last":
                return [Edit("replace last", entries)]
            case "remove_last":
                return [Edit("remove last")]
            case "clear":
                return [Edit("clear")]
            case "update":
                return [rename]
        return None

    def _learn(self, session_id: str, outcome: Outcome) -> None:
        if isinstance(outcome, Read) and outcome.entries is not None and outcome.start == 0:
            self._messages[session_id] = outcome.entries
        if isinstance(outcome, Wrote | Read) and outcome.seen is not None:
            self._versions[session_id] = outcome.seen.version
        if isinstance(outcome, Deleted):
            self._versions[session_id] = 0

    def _cancel(self, task: Task, place: int) -> None:
        """Cancel one call, if it is still under way."""
        if self._next == place:
            self._scheduler.cancel(task)


async def _made(core: SessionCore, operation: Operation, step: Step, chance: random.Random) -> Outcome:
    """Make the call, and return what it returned."""
    if operation.edits is not None:
        return await _committed(core, operation, step)
    match step.kind:
        case "delete":
            return Deleted(await core.delete())
        case "info":
            return Read(Seen.of(await core.info()), None)
        case "load":
            transcript = await core.load()
            return Read(Seen.of(transcript.info), entries_of(transcript.records))
        case "last":
            number = chance.randrange(1, 5)
            return Read(None, entries_of(await core.last(number)), -number)
        case _:
            start = chance.randrange(4)
            records = [record async for part in core.parts(start) for record in part]
            return Read(None, entries_of(records), start)


async def _committed(core: SessionCore, operation: Operation, step: Step) -> Wrote:
    changes = [_change(edit, step) for edit in operation.edits or ()]
    terms = operation.terms
    committed: Committed = await core.commit(
        changes,
        must_exist=terms.must_exist,
        must_be_new=terms.must_be_new,
        expected_version=terms.expected_version,
    )
    return Wrote(Seen.of(committed.info), committed.appended, entries_of(committed.removed), committed.cleared)


def _each_key_once(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the entries with every repeat of a key left out: a save refuses those."""
    keys = [key for _, key in entries]
    return tuple((message, None if key in keys[:place] else key) for place, (message, key) in enumerate(entries))


def _change(edit: Edit, step: Step) -> Change:
    """Return an edit as the product's change."""
    messages = [message for message, _ in edit.entries]
    keys = [key for _, key in edit.entries]
    match edit.kind:
        case "extend" if step.kind == "append":
            return Append(messages[0], key=keys[0])
        case "extend":
            return Extend(messages, keys=keys)
        case "replace":
            return Replace(messages, keys=keys)
        case "replace last":
            return ReplaceLast(messages[0])
        case "remove last":
            return RemoveLast()
        case "clear":
            return Clear()
        case "rename":
            return Update(name=edit.name)
