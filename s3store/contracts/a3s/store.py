"""The contract on an archive: one core for both faces, which is the asyncio face but for its constructor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Conflict, SessionNotFound
from ...jsontext import encode_messages
from ...keys import CHECKS
from ...store import AsyncSessionStore
from ..namespace import Namespace, archive_of, reading
from .document import check_size, from_transcript, storing

if TYPE_CHECKING:
    import builtins

    from ...archive import Archive
    from .session import SessionData

NAMESPACE = "a3s"
"""What the ids of these sessions start with in the archive, before a slash."""
BACKEND = "s3store"


class A3sCore:
    """The sessions of A3S in an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sessions = Namespace(archive, NAMESPACE)

    async def save(self, session: SessionData) -> None:
        """See `SessionStore.save`."""
        change = storing(session)
        await self._sessions.settle(session.id, change)

    async def load(self, session_id: str) -> SessionData | None:
        """See `SessionStore.load`."""
        session = self._sessions.session(session_id)
        try:
            transcript = await session.load()
        except SessionNotFound:
            return None
        records = transcript.messages
        check_size(session_id, encode_messages(records))
        with reading(session.id):
            return from_transcript(session_id, records)

    async def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        await self._sessions.delete(session_id)

    async def list(self) -> builtins.list[str]:
        """See `SessionStore.list`."""
        return sorted([self._sessions.key_of(found.id) async for found in self._sessions.summaries()])

    async def exists(self, session_id: str) -> bool:
        """See `SessionStore.exists`."""
        return await self._sessions.session(session_id).exists()

    async def health_check(self) -> None:
        """See `SessionStore.health_check`."""
        probe = f"{CHECKS}{self._archive.runtime.ulid()}"
        await self._archive.store.put(probe, b"")
        await self._archive.store.delete(probe)

    def backend_name(self) -> str:
        """See `SessionStore.backend_name`."""
        return BACKEND

    async def version(self, session_id: str) -> int:
        """Return the version of a document, which grows with each save; 0 where there is none."""
        try:
            return (await self._sessions.session(session_id).info()).version
        except SessionNotFound:
            return 0

    async def save_if(self, session: SessionData, version: int) -> bool:
        """Store a document if it is still at this version (0: if there is none); else nothing. Tell which.

        Raises as `save`.
        """
        change = storing(session)
        try:
            await self._sessions.session(session.id).commit([change], expected_version=version)
        except Conflict:
            return False
        return True


class AsyncA3sStore(A3sCore):
    """The contract `SessionStore` of A3S, on an archive.

    Its sessions are those of `store` whose id starts with `a3s/`. Close the store when done.
    """

    def __init__(self, store: AsyncSessionStore) -> None:
        super().__init__(archive_of(store, AsyncSessionStore))
