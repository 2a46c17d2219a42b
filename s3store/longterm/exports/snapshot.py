"""One session at one exact version, as an export takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...streams.records import decode_lines

if TYPE_CHECKING:
    from ...jsontext import JsonValue
    from ...model import SessionInfo


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is said of a session, and its records as they stand in the archive: one a line."""

    info: SessionInfo
    lines: bytes

    def messages(self) -> list[JsonValue]:
        """Return the messages. Raises `CorruptObject` unless the lines are the records due."""
        found = decode_lines(f"session {self.info.id!r}", 0, self.info.count, self.lines)
        return [line["message"] for line in found]
