"""The asyncio face of an inbox: `AsyncInbox` and `AsyncInboxMessage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...runtime import each_of
from .model import InboxStatus, Received

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ...model import Record
    from .core import InboxCore, Taken


class AsyncInboxMessage(Received):
    """A message that was taken from an inbox: `AsyncInbox.receive`, `AsyncInbox.watch`, `AsyncBroker.watch`.

    It is held until its lease ends. A holder that has not said by then that it is done may be overtaken: the message
    is handed out again. Every method raises what the methods of `AsyncSessionStore` may raise.
    """

    async def done(self) -> None:
        """Say that it is done: the next one may be taken. Saying it twice does no harm.

        Raises `LeaseLost` if its lease ran out and somebody else has taken it since, `SessionDeleted` if the inbox has
        been deleted.
        """
        await self._taken.done()

    async def extend(self, lease: float) -> None:
        """Hold it for `lease` seconds from now on. Raises as `done`."""
        await self._taken.extend(lease)

    async def release(self) -> None:
        """Give it back undone: it is handed out again at once, before those behind it. Raises as `done`."""
        await self._taken.release()


class AsyncInbox:
    """The messages that were sent to a session: `AsyncSessionStore.inbox`.

    A message is any JSON value. They are handed out in the order in which they were stored, one at a time, each until
    it is done; what is done stays as history. Messages may be there without a session; `AsyncSessionStore.delete`
    removes them. Every method raises what the methods of `AsyncSessionStore` may raise; `resolve` settles an
    `OutcomeUnknown`.
    """

    def __init__(self, core: InboxCore) -> None:
        self._core = core

    async def send(self, message: object, *, key: str | None = None) -> int:
        """Add a message at the end, and return how many wait then.

        `key` is an idempotency key: a repeat is stored once. Raises `InvalidRecord` or `TooLarge` for a message that
        cannot be stored.
        """
        return await self._core.send([message], [key])

    async def send_all(self, messages: Iterable[object], *, keys: Iterable[str | None] | None = None) -> int:
        """Add messages at the end, all in one commit. As `send`; `keys` has one for each, or None."""
        return await self._core.send(messages, keys)

    async def receive(self, *, lease: float = 60.0) -> AsyncInboxMessage | None:
        """Take the next message for `lease` seconds (at most a week); None if none waits, or somebody is at it.

        Of those who ask at the same time one gets it. If it is not `done` when the lease is over, it is handed out
        again, after a tenth of the lease more by the clock of whoever asks.
        """
        taken = await self._core.receive(lease)
        return None if taken is None else AsyncInboxMessage(taken)

    def watch(
        self, *, lease: float = 60.0, wait: float | None = None, poll: float = 2.0
    ) -> AsyncIterator[AsyncInboxMessage]:
        """Iterate over the messages as they come, each taken as `receive` does.

        Going on to the next one says that the last one is done, in the same commit, unless that was said or it was
        given back; a `release` that raised gave nothing back. A lease that was lost meanwhile is logged, and the
        iteration goes on. A body that raises leaves its message to be handed out again when the lease is over.

        Where none waits it looks again, after pauses that grow up to `poll` seconds, each time by one request. It ends
        when none came for `wait` seconds: with 0 as soon as there is none, with None never.
        """
        return messages(self._core.watch(lease, wait, poll))

    async def status(self) -> InboxStatus:
        """Return how many messages are done and how many wait, and whether somebody is at the next one."""
        return await self._core.status()

    async def last(self, number: int) -> list[Record]:
        """Read the last `number` (0 or more) messages as records, done or not, oldest first. Nothing is taken."""
        return await self._core.last(number)

    def records(self, *, start: int = 0) -> AsyncIterator[Record]:
        """Iterate over the messages as records, done or not, from the one numbered `start` on. Nothing is taken."""
        return each_of(self._core.parts(start))

    async def resolve(self, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown` of this inbox: tell whether that commit has landed. If not, it never will."""
        return await self._core.resolve(commit_id)


async def messages(taken: AsyncIterator[Taken]) -> AsyncIterator[AsyncInboxMessage]:
    """Yield what was taken in the shape of this face."""
    async for each in taken:
        yield AsyncInboxMessage(each)
