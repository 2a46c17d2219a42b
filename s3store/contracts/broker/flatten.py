"""Messages as the broker shows them: a role and a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...reading import read_message
from ..brainwires.sessions import SessionMessage

if TYPE_CHECKING:
    from ...model import Record
    from ...reading import Part


def flattened(record: Record) -> SessionMessage:
    """Return a record's message with its parts as lines, and the time when it was stored."""
    parts = read_message(record.message)
    role = parts[0].role if parts else ""
    if isinstance(record.message, dict) and isinstance(record.message.get("role"), str):
        role = record.message["role"]
    return SessionMessage(role, "\n".join(map(_line, parts)), record.at)


def _line(part: Part) -> str:
    match part.kind:
        case "tool_call":
            return f"[tool_use: {part.tool_name or part.text}]"
        case "tool_result":
            return f"[{'tool_error' if part.is_error else 'tool_result'}: {part.text}]"
        case "image":
            return "[image]"
        case _:
            return part.text
