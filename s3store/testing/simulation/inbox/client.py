"""A client: makes the calls of its steps on the real code, one after the other, and writes down what it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from ....changes import Extend
from ....contracts.broker.core import BrokerCore
from ....errors import OutcomeUnknown, S3StoreError
from ....session import SessionCore
from ..processes import SteppingClient
from .bucket import text_of
from .ledger import answer_to
from .plan import InboxStep

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from typing import Any

    from ....archive import Archive
    from ....longterm.cleanup import CleanUp
    from ....siblings.inbox.core import InboxCore, Taken
    from ..calls import Call
    from ..network import Weather
    from ..runtime import SimulatedRuntime
    from ..scheduler import Scheduler
    from .ledger import Ledger
    from .plan import InboxMode

T = TypeVar("T")

_EXPECTED = frozenset({"Conflict", "StoreUnavailable", "OutcomeUnknown", "LeaseLost"})
_FATES = {"done": 5, "go on": 3, "extend": 1, "release": 1, "leave": 1}
"""What becomes of a message that was taken, and how often."""
_POLL = 1.0


class Life(Protocol):
    """One life of a process."""

    runtime: SimulatedRuntime
    archive: Archive
    cleaner: CleanUp


class Recorder(Protocol):
    """Where a client writes down what happens."""

    ledger: Ledger

    def call(self, who: str, what: str) -> Call:
        """Write down that a call is made."""
        ...

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        """Write down what it was told, and what is wrong with that."""
        ...


class InboxClient(SteppingClient[InboxStep, Life]):
    """Sends, works, looks and cleans up."""

    def __init__(
        self, who: str, steps: Sequence[InboxStep], mode: InboxMode, recorder: Recorder, scheduler: Scheduler
    ) -> None:
        super().__init__(who, steps, scheduler)
        self._mode = mode
        self._recorder = recorder
        self._ledger = recorder.ledger

    def weather_of(self, step: InboxStep) -> Weather:
        """See `SteppingClient.weather_of`."""
        return self._mode.weather_of(step)

    def pause_before(self, _: InboxStep, chance: random.Random) -> float:
        """See `SteppingClient.pause_before`."""
        return chance.expovariate(1 / chance.choice((0.05, 1.0)))

    async def take(self, life: Life, step: InboxStep, chance: random.Random) -> None:
        """See `SteppingClient.take`."""
        match step.kind:
            case "post" | "send":
                await self._send(life, step, chance)
            case "look":
                await self._told(f"look at {step.session_id[:1]}", self._look(life, step))
            case "clean up":
                await self._told("clean up", life.cleaner.run(older_than=chance.choice((0.0, 60.0)), dry_run=False))
            case _:
                await self._work(life, step, chance)

    async def work_off(self, life: Life, lease: float) -> None:
        """Take and answer all for which a bell hangs."""
        broker = BrokerCore(life.archive, None)
        async for taken in broker.watch(lease, 0.0, _POLL):
            self._hand_out(taken, {})
            await _answer(life, taken)

    async def _send(self, life: Life, step: InboxStep, chance: random.Random) -> None:
        """Send until it is acknowledged, or for some time. Without a key, again only if it surely did not land."""
        sent = self._ledger.sends(step.session_id, step.texts)
        for _ in range(chance.randrange(1, 9)):
            told = await self._told(f"{step.kind} {' '.join(step.texts)}", _sending(life, step))
            if isinstance(told, OutcomeUnknown) and not step.keyed:
                landed = await self._settle(life, step, told.commit_id)
                if landed is None:
                    return
                if not landed:
                    continue
            elif isinstance(told, S3StoreError):
                continue
            self._ledger.acknowledge(sent)
            return

    async def _settle(self, life: Life, step: InboxStep, commit_id: str) -> bool | None:
        """Return what `resolve` says of a commit; None if it cannot tell."""
        for _ in range(3):
            told = await self._told(f"resolve {step.texts[0]}", _inbox(life, step.session_id).resolve(commit_id))
            if not isinstance(told, S3StoreError):
                return told
        return None

    async def _look(self, life: Life, step: InboxStep) -> str:
        inbox = _inbox(life, step.session_id)
        floors, acknowledged = self._ledger.floors(), self._ledger.acknowledged(step.session_id)
        status = await inbox.status()
        self._ledger.told_status(step.session_id, status.done, floors)
        texts = [text_of(record.message) async for part in inbox.parts(0) for record in part]
        self._ledger.read(step.session_id, texts, acknowledged)
        return f"{status.done} done of {len(texts)}"

    async def _work(self, life: Life, step: InboxStep, chance: random.Random) -> None:
        for _ in range(3):
            where = "" if step.kind == "serve" else f" {step.session_id[:1]}"
            if not isinstance(await self._told(step.kind + where, self._take(life, step, chance)), S3StoreError):
                return

    async def _take(self, life: Life, step: InboxStep, chance: random.Random) -> str:
        """Take some messages and see to them; return which."""
        most, handed = chance.randrange(1, 7), []
        floors = self._ledger.floors()
        async for taken in _messages(life, step, chance.choice((0.0, 8.0, 30.0))):
            self._hand_out(taken, floors)
            handed.append(text_of(taken.record.message))
            if not await self._see_to(life, step, taken, chance) or len(handed) == most:
                break
            floors = self._ledger.floors()
        return f"handed {handed}"

    def _hand_out(self, taken: Taken, floors: Any) -> None:
        self._ledger.hand_out(taken.session_id, taken.record.seq, text_of(taken.record.message), floors)

    async def _see_to(self, life: Life, step: InboxStep, taken: Taken, chance: random.Random) -> bool:
        """Do what a worker may do with a message; tell whether it goes on to the next one."""
        await life.runtime.sleep(chance.choice((0.0, 0.1, step.lease * 1.5)))
        fate = chance.choices(list(_FATES), weights=list(_FATES.values()))[0]
        if fate == "leave":
            return False
        if fate == "release":
            return await self._tell("release", taken, taken.release())
        if fate == "extend" and not await self._tell("extend", taken, taken.extend(step.lease)):
            return False
        await _answer(life, taken)
        if fate == "done" and await self._tell("done", taken, taken.done()):
            self._ledger.told_done(taken.session_id, taken.record.seq)
        return True

    async def _tell(self, what: str, taken: Taken, work: Coroutine[Any, Any, None]) -> bool:
        """Tell whether a call on a message ended well."""
        told = await self._told(f"{what} {text_of(taken.record.message)}", work)
        return not isinstance(told, S3StoreError)

    async def _told(self, what: str, work: Coroutine[Any, Any, T]) -> T | S3StoreError:
        """Make a call, and return what it was told."""
        call = self._recorder.call(self.who, what)
        try:
            told = await work
        except S3StoreError as error:
            name = type(error).__name__
            wrong = [] if name in _EXPECTED else [f"told {error}, which nothing here can cause"]
            self._recorder.end(call, name, wrong, unknown=isinstance(error, OutcomeUnknown))
            return error
        self._recorder.end(call, str(told))
        return told


def _inbox(life: Life, session_id: str) -> InboxCore:
    return SessionCore(life.archive, session_id, bound=False).inbox()


async def _sending(life: Life, step: InboxStep) -> None:
    if step.kind == "post":
        await BrokerCore(life.archive, None).send(step.session_id, step.texts[0], None, step.texts[0])
    else:
        await _inbox(life, step.session_id).send(step.texts, step.texts if step.keyed else None)


async def _messages(life: Life, step: InboxStep, wait: float) -> AsyncIterator[Taken]:
    """Yield messages as they are taken in the way of a step."""
    inbox = _inbox(life, step.session_id)
    if step.kind == "receive":
        taken = await inbox.receive(step.lease)
        if taken is not None:
            yield taken
        return
    watcher = BrokerCore(life.archive, None) if step.kind == "serve" else inbox
    async for taken in watcher.watch(step.lease, wait, _POLL):
        yield taken


async def _answer(life: Life, taken: Taken) -> None:
    """Add the answer to a message to the transcript, once however often it is handed out."""
    name = f"{taken.record.commit}-{taken.record.seq}"
    changes = [Extend(answer_to(text_of(taken.record.message)), keys=[name, f"{name}-answer"])]
    await SessionCore(life.archive, taken.session_id, bound=False).commit(changes, must_exist=True)
