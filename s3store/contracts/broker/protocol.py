"""The contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import builtins

    from ..brainwires.sessions import SessionMessage, SessionSummary, SpawnedSession, SpawnRequest


class SessionBroker(Protocol):
    """Lets sessions see each other, write to each other, and start others."""

    async def list(self) -> builtins.list[SessionSummary]:
        """Return all sessions."""
        ...

    async def history(self, session_id: str, limit: int | None = None) -> builtins.list[SessionMessage]:
        """Return the last `limit` messages, or all, the oldest first. An unknown id is an error."""
        ...

    async def send(self, session_id: str, text: str) -> None:
        """Hand a message to a session, without waiting for what it does with it. An unknown id is an error."""
        ...

    async def spawn(self, parent: str, request: SpawnRequest) -> SpawnedSession:
        """Start a session that works for another, which need not be known; a reply that is late is no error."""
        ...
