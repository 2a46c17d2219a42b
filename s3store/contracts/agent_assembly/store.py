"""The contract on an archive: one core for both faces, which is the asyncio face but for its constructor.

A record is a session without messages: the agent is its `agent`, and the time stands in its attributes as decimal text,
for what reads JSON elsewhere often reads large integers as floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...changes import Update
from ...errors import CorruptObject, FixTheCall, InvalidOption
from ...store import AsyncSessionStore
from ..namespace import Namespace, archive_of
from .errors import translated
from .model import AgentId, SessionId, SessionRecord

if TYPE_CHECKING:
    from ...archive import Archive
    from ...model import SessionInfo

NAMESPACE = "agent-assembly"
"""What the ids of these sessions start with in the archive, before a slash; 32 hex digits follow."""
_STARTED = "started_at_ns"


class AgentAssemblyCore:
    """The sessions of agent-assembly in an archive."""

    def __init__(self, archive: Archive) -> None:
        self._sessions = Namespace(archive, NAMESPACE)

    async def save(self, record: SessionRecord) -> None:
        """See `SessionStore.save`."""
        if not isinstance(record, SessionRecord):
            raise InvalidOption(f"a SessionRecord is wanted, not {type(record).__name__}")
        with translated(record.session_id):
            whole = Update(agent=str(record.agent_id), attributes={_STARTED: str(record.started_at_ns)})
            await self._sessions.settle(str(record.session_id), whole)

    async def load(self, session_id: SessionId) -> SessionRecord:
        """See `SessionStore.load`."""
        with translated(session_id):
            return _read(session_id, await self._sessions.session(_key(session_id)).info())

    async def delete(self, session_id: SessionId) -> None:
        """See `SessionStore.delete`."""
        with translated(session_id):
            await self._sessions.delete(_key(session_id))


class AsyncAgentAssemblyStore(AgentAssemblyCore):
    """The contract `SessionStore` of agent-assembly, on an archive.

    Its sessions are those of `store` whose id starts with `agent-assembly/`. Close the store when done.
    """

    def __init__(self, store: AsyncSessionStore) -> None:
        super().__init__(archive_of(store, AsyncSessionStore))


def _key(session_id: SessionId) -> str:
    if not isinstance(session_id, SessionId):
        raise InvalidOption(f"a SessionId is wanted, not {type(session_id).__name__}")
    return str(session_id)


def _read(session_id: SessionId, info: SessionInfo) -> SessionRecord:
    try:
        agent = AgentId(bytes.fromhex(info.metadata.agent or ""))
        # With a base, `int` takes nothing but text: a number may have been rounded on its way.
        return SessionRecord(session_id, agent, int(info.metadata.attributes[_STARTED], 10))
    except (FixTheCall, ValueError, TypeError, LookupError):
        raise CorruptObject(f"session {info.id!r}: is no record of agent-assembly") from None
