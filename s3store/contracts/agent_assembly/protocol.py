"""The contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .model import SessionId, SessionRecord


class SessionStore(Protocol):
    """Keeps one small record a session. Each method may raise `Backend` and `Serialization`."""

    async def save(self, record: SessionRecord) -> None:
        """Store a record, whatever was there. Raises `Conflict` where other writers were faster every time."""
        ...

    async def load(self, session_id: SessionId) -> SessionRecord:
        """Return the record of a session. Raises `NotFound` for an unknown id."""
        ...

    async def delete(self, session_id: SessionId) -> None:
        """Delete the record of a session; an unknown id is no error. Raises `Conflict` as `save`."""
        ...
