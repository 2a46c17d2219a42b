"""What Brainwires says of sessions, and what its broker takes and gives, with their wire forms."""

from dataclasses import dataclass, field
from datetime import datetime

from ...errors import InvalidOption
from ..wire import OMITTED, Wire


@dataclass(frozen=True)
class SessionRecord(Wire):
    """A session in a list."""

    id: str
    message_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ListOptions:
    """A part of the list: at most `limit` sessions, or all, after the first `offset`; both 0 or more."""

    offset: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("offset", self.offset), ("limit", self.limit)):
            if value is not None and (type(value) is not int or value < 0):
                raise InvalidOption(f"{name} is 0 or more, not {value!r}")


@dataclass(frozen=True)
class SessionSummary(Wire):
    """A session as the broker lists it."""

    id: str
    channel: str
    peer: str
    created_at: datetime
    last_active: datetime
    message_count: int
    parent: str | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True)
class SessionMessage(Wire):
    """A message as the broker shows it: flattened to text."""

    role: str
    content: str
    timestamp: datetime


@dataclass(frozen=True)
class SpawnRequest(Wire):
    """What a new session is to do, and whether to wait for its first reply, for at most so many seconds."""

    prompt: str
    model: str | None = field(default=None, metadata=OMITTED)
    system: str | None = field(default=None, metadata=OMITTED)
    tools: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    wait_for_first_reply: bool = False
    wait_timeout_secs: int = 60


@dataclass(frozen=True)
class SpawnedSession(Wire):
    """A new session, and its first reply if that was waited for and came in time."""

    id: str
    first_reply: SessionMessage | None = field(default=None, metadata=OMITTED)
