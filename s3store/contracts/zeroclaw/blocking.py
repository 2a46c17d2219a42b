"""The blocking face, which is the one that zeroclaw asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import run
from ..namespace import archive_of
from .backend import ZeroclawCore

if TYPE_CHECKING:
    from .model import ChatMessage, SessionContext, SessionMetadata, SessionQuery, SessionState, TimestampedMessage


class ZeroclawBackend:
    """The contract `SessionBackend` of zeroclaw, on an archive.

    Its sessions are those of `store` whose id starts with `zeroclaw/`. With `coalesce`, in seconds, `update_last`
    writes a session at most so often: of more, the newest message is held in memory, which only this process sees, and
    a crash loses it; for sessions that no other process writes to meanwhile. Close the store when done: that writes it.
    """

    def __init__(self, store: SessionStore, *, coalesce: float = 0.0) -> None:
        self._core = ZeroclawCore(archive_of(store, SessionStore), coalesce)

    def flush(self) -> None:
        """Write what `coalesce` still holds in memory. Nothing else needs this, not even closing the store."""
        run(self._core.flush())

    def load(self, session_key: str) -> list[ChatMessage]:
        """See `SessionBackend.load`."""
        return run(self._core.load(session_key))

    def load_with_timestamps(self, session_key: str) -> list[TimestampedMessage]:
        """See `SessionBackend.load_with_timestamps`."""
        return run(self._core.load_with_timestamps(session_key))

    def append(self, session_key: str, message: ChatMessage) -> None:
        """See `SessionBackend.append`."""
        run(self._core.append(session_key, message))

    def append_if_exists(self, session_key: str, message: ChatMessage) -> bool:
        """See `SessionBackend.append_if_exists`."""
        return run(self._core.append_if_exists(session_key, message))

    def remove_last(self, session_key: str) -> bool:
        """See `SessionBackend.remove_last`."""
        return run(self._core.remove_last(session_key))

    def update_last(self, session_key: str, message: ChatMessage) -> bool:
        """See `SessionBackend.update_last`."""
        return run(self._core.update_last(session_key, message))

    def clear_messages(self, session_key: str) -> int:
        """See `SessionBackend.clear_messages`."""
        return run(self._core.clear_messages(session_key))

    def compact(self, session_key: str) -> None:
        """See `SessionBackend.compact`."""
        run(self._core.compact(session_key))

    def list_sessions(self) -> list[str]:
        """See `SessionBackend.list_sessions`."""
        return run(self._core.list_sessions())

    def list_sessions_with_metadata(self) -> list[SessionMetadata]:
        """See `SessionBackend.list_sessions_with_metadata`."""
        return run(self._core.list_sessions_with_metadata())

    def search(self, query: SessionQuery) -> list[SessionMetadata]:
        """See `SessionBackend.search`."""
        return run(self._core.search(query))

    def get_session_metadata(self, session_key: str) -> SessionMetadata | None:
        """See `SessionBackend.get_session_metadata`."""
        return run(self._core.get_session_metadata(session_key))

    def session_exists(self, session_key: str) -> bool:
        """See `SessionBackend.session_exists`."""
        return run(self._core.session_exists(session_key))

    def delete_session(self, session_key: str) -> bool:
        """See `SessionBackend.delete_session`."""
        return run(self._core.delete_session(session_key))

    def cleanup_stale(self, ttl_hours: int) -> int:
        """See `SessionBackend.cleanup_stale`."""
        return run(self._core.cleanup_stale(ttl_hours))

    def set_session_name(self, session_key: str, name: str) -> None:
        """See `SessionBackend.set_session_name`."""
        run(self._core.set_session_name(session_key, name))

    def get_session_name(self, session_key: str) -> str | None:
        """See `SessionBackend.get_session_name`."""
        return run(self._core.get_session_name(session_key))

    def set_session_agent_alias(self, session_key: str, agent_alias: str) -> None:
        """See `SessionBackend.set_session_agent_alias`."""
        run(self._core.set_session_agent_alias(session_key, agent_alias))

    def get_session_agent_alias(self, session_key: str) -> str | None:
        """See `SessionBackend.get_session_agent_alias`."""
        return run(self._core.get_session_agent_alias(session_key))

    def set_session_context(self, session_key: str, context: SessionContext) -> None:
        """See `SessionBackend.set_session_context`."""
        run(self._core.set_session_context(session_key, context))

    def set_session_state(self, session_key: str, state: str, turn_id: str | None) -> None:
        """See `SessionBackend.set_session_state`."""
        run(self._core.set_session_state(session_key, state, turn_id))

    def get_session_state(self, session_key: str) -> SessionState | None:
        """See `SessionBackend.get_session_state`."""
        return run(self._core.get_session_state(session_key))

    def list_running_sessions(self) -> list[SessionMetadata]:
        """See `SessionBackend.list_running_sessions`."""
        return run(self._core.list_running_sessions())

    def list_stuck_sessions(self, threshold_secs: int) -> list[SessionMetadata]:
        """See `SessionBackend.list_stuck_sessions`."""
        return run(self._core.list_stuck_sessions(threshold_secs))

    def clear_agent_attribution(self, agent_alias: str) -> int:
        """See `SessionBackend.clear_agent_attribution`."""
        return run(self._core.clear_agent_attribution(agent_alias))

    def rename_agent_attribution(self, from_alias: str, to_alias: str) -> int:
        """See `SessionBackend.rename_agent_attribution`."""
        return run(self._core.rename_agent_attribution(from_alias, to_alias))

    def count_agent_attribution(self, agent_alias: str) -> int:
        """See `SessionBackend.count_agent_attribution`."""
        return run(self._core.count_agent_attribution(agent_alias))
