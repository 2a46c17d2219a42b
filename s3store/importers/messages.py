"""Chat messages in the shape of OpenAI's or Anthropic's interface, in files of four shapes.

- a JSON array of messages: one session,
- a JSON object with the array under `messages`: one session,
- JSON lines with one message each: one session,
- JSON lines, or an array, of objects with `messages` (as training files are): one session each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from ..errors import TooLarge
from ..model import Metadata
from ..reading import TimeSpan, Titles
from .base import Description, SourceSession, header_text, header_texts, plain_name
from .documents import Origin, elements, is_array, load, session_of, session_of_list
from .lines import FileLines, lenient, parse_line, raw_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..jsontext import JsonValue

FORMAT = "messages"
"""The name of this format."""

_LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_CONTENT = ("content", "function_call", "tool_calls")


def recognises(message: JsonValue) -> bool:
    """Tell whether a JSON value is a chat message, or an object with a list of them."""
    if is_conversation(message):
        return all(_is_message(inner) for inner in message["messages"][:3])
    return _is_message(message)


def is_conversation(value: JsonValue) -> bool:
    """Tell whether a JSON value is an object with a list under `messages`."""
    return isinstance(value, dict) and isinstance(value.get("messages"), list)


def read(path: Path) -> Iterator[SourceSession]:
    """Yield the sessions of a file."""
    if has_lines(path):
        return _read_lines(path)
    return _read_array(path) if is_array(path) else _read_object(path)


def has_lines(path: Path) -> bool:
    """Tell whether a file is JSON lines and not one JSON text: by its suffix, or by its first two lines."""
    if path.suffix in _LINE_SUFFIXES:
        return True
    if is_array(path):
        return False
    lines = iter(FileLines.of(path))
    try:
        first, second = next(lines, b""), next(lines, b"")
    except TooLarge:
        return False
    value = lenient(parse_line(first.rstrip(b"\r\n"))[0])
    return bool(second.strip()) and isinstance(value, dict) and raw_line(value) is None


def _read_lines(path: Path) -> Iterator[SourceSession]:
    lines = FileLines.of(path)
    if not any(is_conversation(lenient(parse_line(line)[0])) for line in _first(lines)):
        yield SourceSession(_name(path), path, FORMAT, lines, _describe)
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _of_line(_numbered(path, number), line)


def _read_array(path: Path) -> Iterator[SourceSession]:
    values = elements(path)
    start = list(islice(values, 1))
    if not any(map(is_conversation, start)):
        yield session_of_list(Origin(_name(path), path, FORMAT), [*start, *values], _describe)
        return
    for number, value in enumerate(chain(start, values), 1):
        yield _of_value(_numbered(path, number), value)


def _read_object(path: Path) -> Iterator[SourceSession]:
    yield _of_value(Origin(_name(path), path, FORMAT), load(path))


def _of_line(origin: Origin, line: bytes) -> SourceSession:
    value, problem = parse_line(line.removesuffix(b"\n"))
    if problem is not None or not is_conversation(value):
        return SourceSession(origin.id, origin.source, FORMAT, _OneLine(line), _describe)
    return _of_value(origin, value)


def _of_value(origin: Origin, value: JsonValue) -> SourceSession:
    around = value if isinstance(value, dict) else {}
    return session_of(origin, value, "messages", partial(_describe, around=around))


@dataclass(frozen=True, slots=True)
class _OneLine:
    line: bytes

    def __iter__(self) -> Iterator[bytes]:
        yield self.line


def _first(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the first line that is not blank, if there is one."""
    for line in lines:
        if line.strip():
            yield line
            return


def _is_message(value: JsonValue) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and any(name in value for name in _CONTENT)


def _name(path: Path) -> str:
    return f"{FORMAT}/{plain_name(path.absolute().parent.name)}/{plain_name(path.name)}"


def _numbered(path: Path, number: int) -> Origin:
    return Origin(f"{_name(path)}/{number:06d}", path, FORMAT)


def _describe(messages: Iterable[JsonValue], around: dict[str, JsonValue] | None = None) -> Description:
    titles, times = Titles(), TimeSpan()
    around = around or {}
    attributes = header_texts({"model": around.get("model"), "session_id": around.get("id")})
    for message in map(lenient, messages):
        titles.add(message)
        if isinstance(message, dict):
            times.add(message.get("timestamp", message.get("created_at")))
            attributes.update(header_texts({"model": message.get("model")}))
    name = header_text(around.get("title")) or header_text(titles.best())
    return Description(Metadata(name=name, attributes=attributes), times.first, times.last)
