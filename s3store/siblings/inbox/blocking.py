"""The blocking face of an inbox: `Inbox` and `InboxMessage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...runtime import iterate, iterate_parts, run
from .model import InboxStatus, Received

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...model import Record
    from .core import InboxCore


class InboxMessage(Received):
    """A message that was taken from an inbox: `Inbox.receive`, `Inbox.watch`, `Broker.watch`.

    It is held until its lease ends. A holder that has not said by then that it is done may be overtaken: the message
    is handed out again. Every method raises what the methods of `SessionStore` may raise.
    """

    def done(self) -> None:
        """Say that it is done: the next one may be taken. Saying it twice does no harm.

        Raises `LeaseLost` if its lease ran out and somebody else has taken it since, `SessionDeleted` if the inbox has
        been deleted.
        """
        run(self._taken.done())

    def extend(self, lease: float) -> None:
        """Hold it for `lease` seconds from now on. Raises as `done`."""
        run(self._taken.extend(lease))

    def release(self) -> None:
        """Give it back undone: it is handed out again at once, before those behind it. Raises as `done`."""
        run(self._taken.release())


class Inbox:
    """The messages that were sent to a session: `SessionStore.inbox`.

    A message is any JSON value. They are handed out in the order in which they were stored, one at a time, each until
    it is done; what is done stays as history. Messages may be there without a session; `SessionStore.delete`
    removes them. Every method raises what the methods of `SessionStore` may raise; `resolve` settles an
    `OutcomeUnknown`.
    """

    def __init__(self, core: InboxCore) -> None:
        self._core = core

    def send(self, message: object, *, key: str | None = None) -> int:
        """Add a message at the end, and return how many wait then.

        `key` is an idempotency key: a repeat is stored once. Raises `InvalidRecord` or `TooLarge` for a message that
        cannot be stored.
        """
        return run(self._core.send([message], [key]))

    def send_all(self, messages: Iterable[object], *, keys: Iterable[str | None] | None = None) -> int:
        """Add messages at the end, all in one commit. As `send`; `keys` has one for each, or None."""
        return run(self._core.send(messages, keys))

    def receive(self, *, lease: float = 60.0) -> InboxMessage | None:
        """Take the next message for `lease` seconds (at most a week); None if none waits, or somebody is at it.

        Of those who ask at the same time one gets it. If it is not `done` when the lease is over, it is handed out
        again, after a tenth of the lease more by the clock of whoever asks.
        """
        taken = run(self._core.receive(lease))
        return None if taken is None else InboxMessage(taken)

    def watch(self, *, lease: float = 60.0, wait: float | None = None, poll: float = 2.0) -> Iterator[InboxMessage]:
        """Iterate over the messages as they come, each taken as `receive` does.

        Going on to the next one says that the last one is done, in the same commit, unless that was said or it was
        given back; a `release` that raised gave nothing back. A lease that was lost meanwhile is logged, and the
        iteration goes on. A body that raises leaves its message to be handed out again when the lease is over.

        Where none waits it looks again, after pauses that grow up to `poll` seconds, each time by one request. It ends
        when none came for `wait` seconds: with 0 as soon as there is none, with None never.
        """
        return map(InboxMessage, iterate(self._core.watch(lease, wait, poll)))

    def status(self) -> InboxStatus:
        """Return how many messages are done and how many wait, and whether somebody is at the next one."""
        return run(self._core.status())

    def last(self, number: int) -> list[Record]:
        """Read the last `number` (0 or more) messages as records, done or not, oldest first. Nothing is taken."""
        return run(self._core.last(number))

    def records(self, *, start: int = 0) -> Iterator[Record]:
        """Iterate over the messages as records, done or not, from the one numbered `start` on. Nothing is taken."""
        return iterate_parts(self._core.parts(start))

    def resolve(self, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown` of this inbox: tell whether that commit has landed. If not, it never will."""
        return run(self._core.resolve(commit_id))
