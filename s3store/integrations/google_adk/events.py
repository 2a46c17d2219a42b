"""Events of ADK as messages of a session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from google.adk.events.event import Event
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ...errors import CorruptObject, InvalidOption
from ...importers.base import header_text
from .state import Deltas, with_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...jsontext import JsonValue
    from ...model import Metadata

_EVENTS = TypeAdapter(list[Event])


class NewEvent:
    """An event that is about to be stored: its message, and what it changes.

    Raises `InvalidOption` for an event that JSON cannot hold, or whose time is none.
    """

    def __init__(self, event: Event) -> None:
        try:
            self.message: dict[str, JsonValue] = event.model_dump(mode="json", exclude_none=True)
        except PydanticSerializationError:
            raise InvalidOption(f"event {event.id!r}: holds a value that is no JSON") from None
        self.key: str = event.id
        self.deltas = Deltas(self.message["actions"]["state_delta"])
        self.at = moment_of(event.timestamp)

    def changes_of(self, metadata: Metadata, _added: Sequence[JsonValue]) -> dict[str, Any]:
        """Return the metadata that a session has with this event."""
        fields: dict[str, Any] = {"active_at": self.at}
        if self.deltas.session:
            fields["attributes"] = with_state(metadata, self.deltas.session)
        if metadata.name is None:
            fields["name"] = self._title()
        return fields

    def _title(self) -> str | None:
        if self.message.get("author") != "user":
            return None
        parts = self.message.get("content", {}).get("parts", [])
        said = (part["text"].strip().partition("\n")[0] for part in parts if part.get("text", "").strip())
        return header_text(next(said, None))


def events_of(session_id: str, messages: Sequence[JsonValue]) -> list[Event]:
    """Return the events that messages are. Raises `CorruptObject` if one is none."""
    try:
        # As JSON, for that is how bytes in an event are read as what they were.
        return list(_EVENTS.validate_json(orjson.dumps(messages)))
    except (ValidationError, orjson.JSONEncodeError):
        raise CorruptObject(f"session {session_id!r}: holds what is no event of ADK") from None


def moment_of(timestamp: float) -> datetime:
    """Return the time (UTC) that seconds since 1970 are. Raises `InvalidOption` if they are none."""
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidOption(f"an event's timestamp is in seconds since 1970, not {timestamp!r}") from None
