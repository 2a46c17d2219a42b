"""The blocking face of the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import iterate, run
from ...siblings.inbox.blocking import Inbox, InboxMessage
from ..namespace import archive_of
from .core import BrokerCore

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator

    from ..brainwires.sessions import SessionMessage, SessionSummary, SpawnedSession, SpawnRequest


class Broker:
    """The contract `SessionBroker` of Brainwires, on an archive.

    It speaks of all sessions of `store`, or, with a `namespace` such as `brainwires`, of those of one contract by the
    ids that they have there. Any number of processes may have one. Every method may raise what the methods of
    `SessionStore` may raise. Close the store when done.
    """

    def __init__(self, store: SessionStore, *, namespace: str | None = None) -> None:
        self._core = BrokerCore(archive_of(store, SessionStore), namespace)

    def list(self) -> builtins.list[SessionSummary]:
        """Return all sessions, the one that was active last first.

        Active is one whose transcript changed, or to which something was sent. `peer` is the session's `sender`.
        """
        return run(self._core.list())

    def history(self, session_id: str, limit: int | None = None) -> builtins.list[SessionMessage]:
        """Return the last `limit` (0 or more; None: all) messages of the transcript as text, the oldest first.

        Blocks become lines: `[tool_use: name]`, `[tool_result: …]`, `[tool_error: …]`, `[image]`. Raises
        `SessionNotFound` for an unknown id.
        """
        return run(self._core.history(session_id, limit))

    def send(self, session_id: str, text: str, *, sender: str | None = None, key: str | None = None) -> None:
        """Leave a message in a session's inbox, for whoever runs it; it is durable when this returns.

        It is there as `{"role": "user", "content": text, "name": sender}`. `key` is an idempotency key: a repeat is
        stored once. Raises `SessionNotFound` for an unknown id, and `InvalidOption` where the `sender` is that session.
        """
        run(self._core.send(session_id, text, sender, key))

    def spawn(self, parent: str, request: SpawnRequest) -> SpawnedSession:
        """Create a session that works for another, `spawn-` and a UUID, and leave the prompt in its inbox.

        Recorded are its parent, which need not exist, and as attribute `spawn` the model, the system prompt and the
        tools; it is for whoever runs it to heed them. Waiting for the first reply, the first message of an assistant,
        ends after `wait_timeout_secs` without one, which is no error. Raises `InvalidOption` or `TooLarge` for what
        cannot be recorded.
        """
        return run(self._core.spawn(parent, request))

    def inbox(self, session_id: str) -> Inbox:
        """Return the inbox of a session. Nothing is sent."""
        return Inbox(self._core.inbox(session_id))

    def waiting(self) -> builtins.list[str]:
        """Return the ids of the sessions for which something may wait, in order; one listing tells."""
        return run(self._core.waiting())

    def watch(self, *, lease: float = 60.0, wait: float | None = None, poll: float = 2.0) -> Iterator[InboxMessage]:
        """Iterate over the messages of all sessions as they come: the loop of a worker.

        Those of one session come in order, one at a time, whichever worker gets them. Each is taken for `lease`
        seconds, and done when the loop goes on; `Inbox.watch` tells more of that, and of `wait` and `poll`. A look
        is one listing, and some requests for each session that it shows. What was sent to a session that is not there
        is left alone.
        """
        return map(InboxMessage, iterate(self._core.watch(lease, wait, poll)))
