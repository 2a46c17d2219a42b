"""One line of a file, one message; and the same line back.

A line that is JSON is the message, as it is. Any other line (cut short, binary, blank, not UTF-8), and any
line that would not come back equal (a name twice in one object, NaN, a number too large, nesting too deep),
is kept byte for byte in a message of its own::

    {"s3store": "raw-line", "text": "…"}        or, where it is not UTF-8,
    {"s3store": "raw-line", "base64": "…"}

An object with the name `s3store` of its own is kept so too: what looks like a raw line is always one.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from ..errors import InvalidRecord, TooLarge
from ..jsontext import MAX_DEPTH, MAX_MESSAGE_BYTES, JsonValue, check_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "s3store"
"""The name that every message of the importers' own has, and no other imported message."""
RAW_LINE = "raw-line"
"""The value of `MARK` in a message that holds a line byte for byte."""


class _InexactError(ValueError):
    """The text would not come back equal; the message of the error says why."""


def parse_line(line: bytes) -> tuple[JsonValue, str | None]:
    r"""Return the message that a line is, and what is odd about the line (None if nothing is).

    `line` is without its `\n`. Never raises: a line that is odd comes back as a raw line.
    """
    try:
        return _exactly(line), None
    except _InexactError as reason:
        return wrap_line(line), str(reason)


def wrap_line(line: bytes) -> dict[str, JsonValue]:
    """Return the message that holds a line byte for byte."""
    try:
        return {MARK: RAW_LINE, "text": line.decode()}
    except UnicodeDecodeError:
        return {MARK: RAW_LINE, "base64": base64.b64encode(line).decode("ascii")}


def raw_line(message: JsonValue) -> bytes | None:
    """Return the bytes that a raw line holds; None for any other message."""
    if not isinstance(message, dict) or message.get(MARK) != RAW_LINE or len(message) != 2:
        return None
    text, encoded = message.get("text"), message.get("base64")
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def write_line(message: JsonValue) -> bytes:
    r"""Return the line that a message was, without its `\n`: a raw line exactly, another as equal JSON."""
    raw = raw_line(message)
    if raw is not None:
        return raw
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return canonical(message)


def canonical(value: JsonValue) -> bytes:
    """Return one fixed spelling of a JSON value, in ASCII.

    Raises `InvalidRecord` for a value nested so deeply that Python cannot write it.
    """
    try:
        return json.dumps(value, separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise InvalidRecord("a value is nested too deeply to be written") from None


def lenient(message: JsonValue) -> JsonValue:
    """Return what a raw line says if it is read without rigour; any other message as it is.

    Good for showing and describing, where the last of two equal names will do; not for keeping.
    """
    raw = raw_line(message)
    if raw is None:
        return message
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return message


@dataclass(frozen=True, slots=True)
class FileLines:
    r"""The lines of a file up to a size, each with its `\n`; only the last may lack one.

    They may be iterated again.
    The size is fixed before the first pass, so that every pass over a file that grows sees the same lines.
    Raises `TooLarge` for a line over 64 MiB, and `InvalidRecord` if the file has become shorter.
    """

    path: Path
    size: int
    start: int = 0
    """The byte to begin at, where a line begins."""

    @classmethod
    def of(cls, path: Path) -> FileLines:
        """Return the lines that the file has now."""
        return cls(path, path.stat().st_size)

    def __iter__(self) -> Iterator[bytes]:
        left, number = self.size - self.start, 0
        with self.path.open("rb") as file:
            file.seek(self.start)
            while left:
                number += 1
                line = file.readline(min(left, MAX_MESSAGE_BYTES + 1))
                if not line:
                    raise InvalidRecord(f"{self.path} became shorter while it was read; import it again")
                if len(line) > MAX_MESSAGE_BYTES:
                    raise TooLarge(f"{self._place(number)}: over the limit of {MAX_MESSAGE_BYTES} bytes")
                left -= len(line)
                yield line

    def _place(self, number: int) -> str:
        behind = f" from byte {self.start} on" if self.start else ""
        return f"{self.path}, line {number}{behind}"


def _exactly(line: bytes) -> JsonValue:
    message = _decode(line)
    if isinstance(message, dict) and MARK in message:
        raise _InexactError(f'has the name "{MARK}", which marks messages of the importer')
    # Counting brackets is far cheaper than walking the value, and nearly every line has few.
    if line.count(b"[") + line.count(b"{") >= MAX_DEPTH:
        try:
            check_json(message)
        except InvalidRecord:
            raise _InexactError(f"is nested deeper than {MAX_DEPTH} levels") from None
    return message


def _decode(line: bytes) -> JsonValue:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise _InexactError("is not UTF-8") from None
    if not text.strip():
        raise _InexactError("is blank")
    if text.startswith("\ufeff"):
        raise _InexactError("starts with a byte order mark")
    try:
        return _DECODER.decode(text)
    except _InexactError:
        raise
    except json.JSONDecodeError:
        raise _InexactError("is no JSON") from None
    except ValueError:
        raise _InexactError("holds an integer of too many digits") from None
    except RecursionError:
        raise _InexactError(f"is nested deeper than {MAX_DEPTH} levels") from None


def names_once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Make an object of its parts, for a JSON decoder. Raises `ValueError` for a name that is there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _InexactError("has an object with one name twice")
    return found


def finite(text: str) -> float:
    """Read a fraction, for a JSON decoder. Raises `ValueError` for one beyond the range of a float."""
    number = float(text)
    if not isfinite(number):
        raise _InexactError("holds a number beyond the range of a float")
    return number


def _no_constant(name: str) -> JsonValue:
    raise _InexactError(f"holds {name}, which is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=names_once, parse_float=finite, parse_constant=_no_constant)
