"""The contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .model import ChatMessage, SessionContext, SessionMetadata, SessionQuery, SessionState, TimestampedMessage


class SessionBackend(Protocol):
    """Keeps sessions, each under a key that is any text at all.

    Every method may raise what `s3store.SessionStore` raises of the store's state; an outage is never an empty answer.
    """

    def load(self, session_key: str) -> list[ChatMessage]:
        """Return the messages in order; none for an unknown key. Raises `CorruptObject` for what is no message."""
        ...

    def load_with_timestamps(self, session_key: str) -> list[TimestampedMessage]:
        """Return the messages with the times they were appended at. As `load`."""
        ...

    def append(self, session_key: str, message: ChatMessage) -> None:
        """Add a message at the end, creating the session if there is none."""
        ...

    def append_if_exists(self, session_key: str, message: ChatMessage) -> bool:
        """Add a message at the end if there is a session, in one step, and tell whether there was.

        For the messages of a turn that was under way while its session may have been deleted. An addition of ours.
        """
        ...

    def remove_last(self, session_key: str) -> bool:
        """Take the last message away; tell whether there was one. It is no activity."""
        ...

    def update_last(self, session_key: str, message: ChatMessage) -> bool:
        """Put a message in the place of the last, which keeps its time; tell whether there was one."""
        ...

    def list_sessions(self) -> list[str]:
        """Return all keys, the session with the latest activity first."""
        ...

    def list_sessions_with_metadata(self) -> list[SessionMetadata]:
        """Return what there is to say of all sessions, the one with the latest activity first. No session is read."""
        ...

    def compact(self, session_key: str) -> None:
        """Nothing is to be done; the messages stay."""
        ...

    def cleanup_stale(self, ttl_hours: int) -> int:
        """Delete the sessions, running ones too, whose activity is longer ago than so many hours (0 or more).

        Returns how many. One that is active again meanwhile stays.
        """
        ...

    def search(self, query: SessionQuery) -> list[SessionMetadata]:
        """Return the sessions with any of the words in their key or messages, by their first message that has one.

        At most `limit`, or 50. Without a keyword all sessions, as `list_sessions_with_metadata`.
        """
        ...

    def clear_messages(self, session_key: str) -> int:
        """Take all messages away and return how many; the session and all that is said of it stay."""
        ...

    def delete_session(self, session_key: str) -> bool:
        """Delete a session with all that is kept of it; tell whether there was one."""
        ...

    def session_exists(self, session_key: str) -> bool:
        """Tell whether there is a session, with messages or without."""
        ...

    def set_session_name(self, session_key: str, name: str) -> None:
        """Name a session; an empty name takes the name away. Nothing happens for an unknown key."""
        ...

    def get_session_name(self, session_key: str) -> str | None:
        """Return a session's name; None if it has none or there is none."""
        ...

    def set_session_agent_alias(self, session_key: str, agent_alias: str) -> None:
        """Say whose a session is, creating it if there is none; an empty alias takes the alias away."""
        ...

    def get_session_agent_alias(self, session_key: str) -> str | None:
        """Return a session's alias; None if it has none or there is none."""
        ...

    def set_session_context(self, session_key: str, context: SessionContext) -> None:
        """Add to what is known of where a session takes place, creating it if there is none.

        Texts are trimmed; a blank one or None leaves what is known, any other takes its place.
        """
        ...

    def get_session_metadata(self, session_key: str) -> SessionMetadata | None:
        """Return what the listing says of a session; None for an unknown key."""
        ...

    def set_session_state(self, session_key: str, state: str, turn_id: str | None) -> None:
        """Say how a session stands. Nothing happens for an unknown key.

        `running` starts the clock of the turn, again too; any other state takes it away. `turn_id` replaces the one
        that was there, None too.
        """
        ...

    def get_session_state(self, session_key: str) -> SessionState | None:
        """Return how a session stands, `idle` if nobody has said; None for an unknown key."""
        ...

    def list_running_sessions(self) -> list[SessionMetadata]:
        """Return the sessions in the state `running`, the one whose turn began last first."""
        ...

    def list_stuck_sessions(self, threshold_secs: int) -> list[SessionMetadata]:
        """Return the running sessions whose turn began more than so many seconds ago (0 or more), the longest first."""
        ...

    def clear_agent_attribution(self, agent_alias: str) -> int:
        """Take this alias away from all sessions that have it; return how many had."""
        ...

    def rename_agent_attribution(self, from_alias: str, to_alias: str) -> int:
        """Give all sessions with one alias another; return how many they were."""
        ...

    def count_agent_attribution(self, agent_alias: str) -> int:
        """Return how many sessions have this alias."""
        ...
