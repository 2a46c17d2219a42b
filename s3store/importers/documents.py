"""Files that are one JSON text: a list of messages somewhere inside, and a rest around it.

The messages become the session's messages. The rest, if there is one, follows as a last message, with the
list taken out of its place, so that nothing of the file is lost and `rebuild` gives an equal JSON text::

    {"s3store": "document", "at": "history", "document": {"trajectory": […], "history": [], "info": {…}}}
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InvalidRecord, TooLarge
from ..jsontext import check_json
from .base import Describer, SourceSession
from .lines import MARK, canonical, finite, names_once, raw_line, wrap_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..jsontext import JsonValue

DOCUMENT = "document"
"""The value of `MARK` in a message that holds what was around the messages."""
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""The largest file that is read as one JSON text."""

_BLANK = " \t\r\n"
# NaN and Infinity are let through: they are kept as raw lines, and one of them must not hide a whole file.
_DECODER = json.JSONDecoder(object_pairs_hook=names_once, parse_float=finite)


@dataclass(frozen=True, slots=True)
class MessageLines:
    """Messages that were no lines, as lines in one fixed spelling."""

    messages: Sequence[JsonValue]

    def __iter__(self) -> Iterator[bytes]:
        return (canonical(message) + b"\n" for message in self.messages)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session comes from: its id, file and format."""

    id: str
    source: Path
    format: str


def session_of(origin: Origin, document: JsonValue, at: str, describe: Describer) -> SourceSession:
    """Make a session of the list that an object has under the name `at`; the object's rest comes last.

    A value that is no such object becomes a session of one message.
    """
    if not isinstance(document, dict) or not isinstance(document.get(at), list):
        return session_of_list(origin, [document], describe)
    rest = {MARK: DOCUMENT, "at": at, DOCUMENT: _storable({**document, at: []})}
    lines = MessageLines(document[at])
    return SourceSession(origin.id, origin.source, origin.format, lines, describe, rest)


def session_of_list(origin: Origin, messages: list[JsonValue], describe: Describer) -> SourceSession:
    """Make a session of a bare list of messages."""
    return SourceSession(origin.id, origin.source, origin.format, MessageLines(messages), describe)


def rebuild(messages: Sequence[JsonValue]) -> JsonValue:
    """Return the JSON value that `session_of` or `session_of_list` made these messages of.

    Raises `InvalidRecord` for messages that were made of anything else.
    """
    last = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get(MARK) != DOCUMENT:
        return [_original(message) for message in messages]
    document, at = _original(last.get(DOCUMENT)), last.get("at")
    if not isinstance(document, dict) or not isinstance(at, str):
        raise InvalidRecord("the last message is not the rest of a JSON text")
    return {**document, at: [_original(message) for message in messages[:-1]]}


def load(path: Path) -> JsonValue:
    """Read a file that is one JSON text, with or without a byte order mark.

    Raises `InvalidRecord` if it is none, or could not be kept exactly (a name twice in one object, a number
    beyond the range of a float); `TooLarge` over `MAX_DOCUMENT_BYTES`.
    """
    text = _text(path)
    with _exact(path):
        return _DECODER.decode(text)


def elements(path: Path) -> Iterator[JsonValue]:
    """Yield the elements of a file that is one JSON array, one at a time. Raises what `load` does."""
    text = _text(path)
    with _exact(path):
        place = _blanks(text, _due(text, _blanks(text, 0), "["))
        if text.startswith("]", place):
            place += 1
        else:
            while True:
                value, place = _DECODER.raw_decode(text, place)
                yield value
                place = _due(text, _blanks(text, place), ",]")
                if text[place - 1] == "]":
                    break
                place = _blanks(text, place)
        if _blanks(text, place) < len(text):
            raise json.JSONDecodeError("more behind the end", text, place)


def is_array(path: Path) -> bool:
    """Tell whether a file starts, blanks and a byte order mark aside, as a JSON array does."""
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


@contextmanager
def _exact(path: Path) -> Iterator[None]:
    """Turn what a decoder raises into `InvalidRecord` that names the file and no content."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise InvalidRecord(f"{path} is no JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise InvalidRecord(f"{path} is nested too deeply to be read") from None
    except ValueError as error:
        raise InvalidRecord(f"{path} {error}, so it cannot be kept exactly") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"{path} is over the limit of {MAX_DOCUMENT_BYTES} bytes for a file of one JSON text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRecord(f"{path} is not UTF-8") from None


def _due(text: str, place: int, wanted: str) -> int:
    """Return the place behind the character there. Raises unless it is a wanted one."""
    if place >= len(text) or text[place] not in wanted:
        raise json.JSONDecodeError("not the character due here", text, place)
    return place + 1


def _blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANK:
        place += 1
    return place


def _storable(document: JsonValue) -> JsonValue:
    """Return the document, or a raw line of it: it may hold NaN or be nested too deeply for an archive."""
    try:
        check_json(document)
    except InvalidRecord:
        return wrap_line(canonical(document))
    return document


def _original(message: JsonValue) -> JsonValue:
    raw = raw_line(message)
    if raw is None:
        return message
    try:
        return _DECODER.decode(raw.decode())
    except ValueError:
        raise InvalidRecord("a message holds a line that is no JSON, so it was not made of a JSON text") from None
