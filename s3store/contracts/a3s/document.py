"""A session document as a transcript: its messages, and behind them one record with all the rest.

So a document that only grew is stored with what it grew by: the messages that stand in sealed segments stay there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...changes import Replace
from ...errors import InvalidRecord, TooLarge
from .session import SessionData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...jsontext import EncodedMessages, JsonValue

MAX_DOCUMENT_BYTES = 256 * 1024 * 1024
"""The largest document, and the most that is kept beside one in each list, in bytes of JSON."""
_MESSAGES = "messages"
_SESSION = "session"


def storing(session: SessionData) -> Replace:
    """Return the change that stores a document. Raises `InvalidRecord`, or `TooLarge` over `MAX_DOCUMENT_BYTES`."""
    change = Replace(as_transcript(session))
    check_size(session.id, change.messages)
    return change


def as_transcript(session: SessionData) -> list[JsonValue]:
    """Return the records of a document. Raises `InvalidRecord` if it is none."""
    if not isinstance(session, SessionData):
        raise InvalidRecord(f"a SessionData is wanted, not {type(session).__name__}")
    document = session.to_json()
    messages: list[JsonValue] = document.pop(_MESSAGES)
    return [*messages, {_SESSION: document}]


def from_transcript(session_id: str, records: Sequence[JsonValue]) -> SessionData:
    """Return the document of a transcript. Raises `InvalidRecord` if it holds none, or another session's."""
    last = records[-1] if records else None
    if not isinstance(last, dict) or last.keys() != {_SESSION} or not isinstance(last[_SESSION], dict):
        raise InvalidRecord("the last record is not what a session document ends with")
    session = SessionData.from_json({**last[_SESSION], _MESSAGES: list(records[:-1])})
    if session.id != session_id:
        raise InvalidRecord("holds the document of another session")
    return session


def check_size(session_id: str, encoded: EncodedMessages) -> None:
    """Raise `TooLarge` for a document, or a list of what is kept beside one, over `MAX_DOCUMENT_BYTES`."""
    size = sum(map(len, encoded.texts))
    if size > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"session {session_id!r}: {size} bytes of JSON are over the limit of {MAX_DOCUMENT_BYTES}")
