"""What zeroclaw stores and asks. Only messages have a form on the wire."""

from dataclasses import dataclass
from datetime import datetime

from ..wire import Wire


@dataclass(frozen=True)
class ChatMessage(Wire):
    """A message: who speaks (any text; `system`, `user`, `assistant` and `tool` are usual), and what."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TimestampedMessage:
    """A message, and when it was appended."""

    message: ChatMessage
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SessionMetadata:
    """A session without its messages."""

    key: str
    created_at: datetime
    last_activity: datetime
    """When a message was last appended, replaced or cleared. A new name, alias, context or state is no activity."""
    message_count: int
    name: str | None = None
    agent_alias: str | None = None
    channel_id: str | None = None
    room_id: str | None = None
    sender_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Where a session takes place, as far as it is known. Blank texts and None say nothing."""

    channel_id: str | None = None
    room_id: str | None = None
    sender_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionState:
    """How a session stands: `idle`, `running`, `error` or any other text, its turn, and when a running one began."""

    state: str
    turn_id: str | None = None
    turn_started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """What to search for: words in keys or messages, and how many sessions at most."""

    keyword: str | None = None
    limit: int | None = None
