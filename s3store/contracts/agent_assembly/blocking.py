"""The blocking face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import run
from ..namespace import archive_of
from .store import AgentAssemblyCore

if TYPE_CHECKING:
    from .model import SessionId, SessionRecord


class AgentAssemblyStore:
    """The contract `SessionStore` of agent-assembly, on an archive, for callers that block.

    Its sessions are those of `store` whose id starts with `agent-assembly/`. Close the store when done.
    """

    def __init__(self, store: SessionStore) -> None:
        self._core = AgentAssemblyCore(archive_of(store, SessionStore))

    def save(self, record: SessionRecord) -> None:
        """See `SessionStore.save`."""
        run(self._core.save(record))

    def load(self, session_id: SessionId) -> SessionRecord:
        """See `SessionStore.load`."""
        return run(self._core.load(session_id))

    def delete(self, session_id: SessionId) -> None:
        """See `SessionStore.delete`."""
        run(self._core.delete(session_id))
