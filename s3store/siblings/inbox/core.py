"""The core of an inbox: sending, taking, finishing, watching."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ...changes import Consume, Extend
from ...errors import (
    CallAPerson,
    CorruptObject,
    InvalidOption,
    LeaseLost,
    OutcomeUnknown,
    SessionDeleted,
    SessionNotFound,
    StoreUnavailable,
)
from ...keys import INBOX
from ...objects.base import NoSuchKey
from ...streams.change import FixedPlan, Planned
from ...streams.consumption import MAX_LEASE, UNTOUCHED
from ...streams.terms import Terms
from ..events import EventsCore
from .model import InboxStatus
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from datetime import datetime

    from ...archive import Archive
    from ...model import Record
    from ...session import SessionCore
    from ...streams.commit import Landed
    from ...streams.consumption import Consumption
    from ...streams.head import Head

    Step: TypeAlias = Callable[[Head, datetime], Consumption]
    """What becomes of a head's consumption at a time."""

_log = logging.getLogger("s3store")


@dataclass
class Taken:
    """A message that is held, or was."""

    inbox: InboxCore
    record: Record
    holder: str
    incarnation: str
    attempt: int
    until: datetime
    is_over: bool = False
    """Whether it was finished or given back."""

    @property
    def session_id(self) -> str:
        """The session that it was sent to."""
        return self.inbox.keys.session_id

    async def done(self) -> None:
        """See `InboxMessage.done`."""
        if not self.is_over:
            await self._change(lambda head, _: head.consumption.finish(self.holder))
            self.is_over = True

    async def release(self) -> None:
        """See `InboxMessage.release`."""
        await self._change(lambda head, _: head.consumption.release(self.holder))
        self.is_over = True

    async def extend(self, seconds: float) -> None:
        """See `InboxMessage.extend`."""
        check_lease(seconds)
        head = await self._change(lambda head, now: head.consumption.extend(self.holder, now, seconds))
        if head.consumption.lease is not None:
            self.until = head.consumption.lease.until

    async def _change(self, step: Step) -> Head:
        return await self.inbox.consume(step, Terms(incarnation=self.incarnation))


class Offer(NamedTuple):
    """What an inbox had to give: a message, or nothing for now."""

    taken: Taken | None
    empty: bool
    """Whether nothing waits; if not, and nothing was taken, somebody else is at it."""


class InboxCore(EventsCore):
    """The inbox of a session."""

    def __init__(self, archive: Archive, session: SessionCore) -> None:
        super().__init__(archive, session, INBOX)
        self._runtime = archive.runtime
        self._bells = archive.bells

    async def send(self, messages: Iterable[object], keys: Iterable[str | None] | None) -> int:
        """See `Inbox.send_all`."""
        change = await self.change(FixedPlan([Extend(messages, keys=keys)]))
        head = _after(await self.land(change))
        await self._ring(head, change.commit_id)
        return head.count - head.consumption.done

    async def resolve(self, commit_id: str) -> bool:
        """See `Inbox.resolve`."""
        landed = await super().resolve(commit_id)
        head = await self.head()
        if head is not None:
            await self._ring(head, commit_id)
        return landed

    async def status(self) -> InboxStatus:
        """See `Inbox.status`."""
        head = await self.head()
        found = UNTOUCHED if head is None else head.consumption
        waiting = 0 if head is None else head.count - found.done
        return InboxStatus(found.done, waiting, found.attempts, None if found.lease is None else found.lease.until)

    async def receive(self, lease: float) -> Taken | None:
        """See `Inbox.receive`."""
        check_lease(lease)
        return (await self.move(None, lease)).taken

    def watch(self, lease: float, wait: float | None, poll: float) -> AsyncIterator[Taken]:
        """See `Inbox.watch`."""
        check_lease(lease)
        return self._watch(lease, Pace(self._runtime, wait, poll))

    async def _watch(self, lease: float, pace: Pace) -> AsyncIterator[Taken]:
        taken: Taken | None = None
        while True:
            taken = (await self.move(taken, lease)).taken
            if taken is not None:
                yield taken
                pace.begin()
            elif not await pace.pause():
                return

    async def move(self, before: Taken | None, lease: float) -> Offer:
        """Take the next message, and finish the one before in the same commit, if it was not finished yet."""
        if before is not None and not before.is_over:
            try:
                offer = await self._take(lease, before)
            except (LeaseLost, SessionDeleted) as error:
                self._lost(before, error)
            else:
                before.is_over = True
                return offer
        try:
            return await self._take(lease, None)
        except SessionNotFound:
            return Offer(None, empty=True)

    async def leave(self, before: Taken) -> None:
        """Finish a message, if it was not finished yet, and take no other."""
        try:
            await before.done()
        except (LeaseLost, SessionDeleted) as error:
            self._lost(before, error)

    async def consume(self, step: Step, terms: Terms) -> Head:
        """Change what the head says of consumption, and return the head. Raises what the step and the terms raise."""
        await self._archive.ready_to_write()
        plan = _Consuming(self.keys.head, self._runtime.now, step)
        change = self._streams.change(self.keys.session_id, plan, terms, stream=self.keys.stream)
        return _after(await self.land(change))

    async def _take(self, lease: float, before: Taken | None) -> Offer:
        holder = self._runtime.ulid()

        def take(head: Head, now: datetime) -> Consumption:
            found = head.consumption if before is None else head.consumption.finish(before.holder)
            return found.take(holder, now, lease) if found.done < head.count and found.is_free(now) else found

        terms = await self._terms() if before is None else Terms(incarnation=before.incarnation)
        head = await self.consume(take, replace(terms, must_exist=True))
        found = head.consumption
        if found.lease is None or found.lease.holder != holder:
            return Offer(None, empty=found.done == head.count)
        try:
            record = await self._streams.record(self.keys, head, found.done)
        except NoSuchKey as gone:
            if await self._is_still(head):
                raise CorruptObject(f"{self.keys.head}: names {gone.key}, which is missing") from None
            return Offer(None, empty=True)
        return Offer(Taken(self, record, holder, head.incarnation, found.attempts, found.lease.until), empty=False)

    def _lost(self, before: Taken, error: Exception) -> None:
        # What was done with it stands; that it is done is for whoever holds it now to say.
        _log.warning("message %d from the inbox was not told to be done: %s", before.record.seq, error)
        before.is_over = True

    async def _is_still(self, head: Head) -> bool:
        now = await self.head()
        return now is not None and now.incarnation == head.incarnation

    async def _ring(self, head: Head, commit_id: str) -> None:
        try:
            await self._bells.ring(self.keys.session_id, head)
        except (StoreUnavailable, CallAPerson) as error:
            raise OutcomeUnknown(
                f"{self.keys.head}: commit {commit_id} has landed, but no bell could be rung for it ({error}); "
                "it waits for the next one, or for resolve() to ring it",
                session_id=self.keys.session_id,
                commit_id=commit_id,
            ) from error


class _Consuming:
    """A plan that changes a head's consumption, and no record."""

    def __init__(self, key: str, now: Callable[[], datetime], step: Step) -> None:
        self._key = key
        self._now = now
        self._step = step

    async def changes(self, head: Head | None) -> Planned:
        if head is None:
            raise AssertionError("the terms of a consumption ask for a stream that is there")
        try:
            return Planned([Consume(self._step(head, self._now()))])
        except LeaseLost as error:
            raise LeaseLost(f"{self._key}: {error}") from None

    async def clean_up(self, _landed: Landed[Head] | None) -> None:
        """Nothing was uploaded."""


def check_lease(seconds: float) -> None:
    """Raise `InvalidOption` unless this is the length of a lease."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MAX_LEASE:
        raise InvalidOption(f"a lease is of more than 0 and at most {MAX_LEASE:,.0f} seconds, not {seconds!r}")


def _after(landed: Landed[Head]) -> Head:
    """Return the head that a commit made, or the one that it found where there was nothing to write."""
    head = landed.known.state if landed.proposal is None else landed.proposal.state
    if head is None:
        raise AssertionError("a commit to an inbox leaves a head")
    return head
