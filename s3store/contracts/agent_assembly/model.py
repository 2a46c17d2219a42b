"""Ids and records of agent-assembly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ...errors import InvalidOption, InvalidSessionId

if TYPE_CHECKING:
    from ...jsontext import JsonValue

ID_BYTES = 16
"""How long an id is, in bytes."""
LARGEST_TIME = 2**64 - 1
"""The latest time of a record, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Id:
    raw: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.raw, bytes) or len(self.raw) != ID_BYTES:
            raise InvalidSessionId(f"a {type(self).__name__} is {ID_BYTES} bytes")

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Return the id of these 16 bytes. Raises `InvalidSessionId` for another number."""
        return cls(raw)

    def as_bytes(self) -> bytes:
        """Return the 16 bytes."""
        return self.raw

    @classmethod
    def from_json(cls, found: JsonValue) -> Self:
        """Read what `to_json` wrote. Raises `InvalidSessionId` for anything else."""
        try:
            return cls(bytes(list(found)))  # `bytes` of a number is as many zeros
        except (ValueError, TypeError):
            raise InvalidSessionId(f"a {cls.__name__} is an array of {ID_BYTES} integers from 0 to 255") from None

    def to_json(self) -> list[int]:
        """Return the id as an array of 16 integers."""
        return list(self.raw)

    def __str__(self) -> str:
        return self.raw.hex()


class SessionId(_Id):
    """A session's id: 16 bytes of any kind, such as a UUID's."""

    __slots__ = ()


class AgentId(_Id):
    """An agent's id: 16 bytes of any kind, such as a UUID's."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Which agent a session belongs to, and when it began: nanoseconds since 1970, from 0 to 2^64 - 1."""

    session_id: SessionId
    agent_id: AgentId
    started_at_ns: int

    def __post_init__(self) -> None:
        if type(self.started_at_ns) is not int or not 0 <= self.started_at_ns <= LARGEST_TIME:
            raise InvalidOption(f"started_at_ns is 0 to {LARGEST_TIME}, not {self.started_at_ns!r}")
        if not isinstance(self.session_id, SessionId) or not isinstance(self.agent_id, AgentId):
            raise InvalidOption("a record is of a SessionId, an AgentId and a time")
