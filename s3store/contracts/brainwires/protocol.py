"""The contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from .messages import Message
    from .sessions import ListOptions, SessionRecord


class SessionStore(Protocol):
    """Keeps transcripts, each under an id that is any text at all.

    Every method may raise what `s3store.AsyncSessionStore` raises of the store's state; an outage is never an empty
    answer.
    """

    async def load(self, session_id: str) -> builtins.list[Message] | None:
        """Return the transcript in the order it was saved in; None if the id is unknown.

        Raises `CorruptObject` if the session cannot be read, or holds what is no message.
        """
        ...

    async def save(self, session_id: str, messages: Sequence[Message]) -> None:
        """Make `messages` the whole transcript, whatever was there; the last writer wins.

        Creates the session if there is none, and keeps its `created_at` if there is one.
        """
        ...

    async def list(self) -> builtins.list[SessionRecord]:
        """Return all sessions, the one saved last at the end; at equal times by id."""
        ...

    async def list_paginated(self, options: ListOptions) -> builtins.list[SessionRecord]:
        """Return a part of what `list` returns."""
        ...

    async def delete(self, session_id: str) -> None:
        """Delete a session; an unknown id is no error. Saved again, it is a new one."""
        ...
