"""A session as it stands in a file of another tool."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ..jsontext import JsonValue
from ..model import Metadata
from .lines import canonical, parse_line

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """Something odd in a file: where, and what. Never holds content."""

    source: Path
    line: int | None
    """Counted from 1; in a file that is one JSON text, the place in its list of messages. None: all of it."""
    what: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a file says of its session beside the messages."""

    metadata: Metadata = field(default_factory=Metadata)
    created_at: datetime | None = None
    updated_at: datetime | None = None


Describer: TypeAlias = Callable[[Iterable[JsonValue]], Description]
"""Makes a description of the messages of a session; need not read them all."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a session's messages tells."""

    description: Description
    records: int
    problems: tuple[Problem, ...]
    tail_is_partial: bool
    """The last line has no line end and is no JSON: whoever writes the file may not be done with it."""


@dataclass(frozen=True, slots=True)
class SourceSession:
    """One session of a file. Nothing is read before it is asked for, and every pass reads anew.

    A file that is one JSON text has no lines of its own: each message counts as a line in one fixed spelling.
    """

    id: str
    """The id to archive it under: the same at each import, and no other session of the tool's has it."""
    source: Path
    format: str
    lines: Iterable[bytes]
    r"""Each with its `\n`; only the last may lack one. May be iterated more than once."""
    describe: Describer
    rest: JsonValue = None
    """The message that holds the rest of the JSON text which the messages were taken from; comes last."""

    def messages(self, first: int = 0) -> Iterator[JsonValue]:
        """Yield the messages from the one with the number `first` (from 0) on, untouched or as raw lines."""
        for number, line in enumerate(self.lines):
            if number >= first:
                yield parse_line(_without_end(line))[0]
        if self.rest is not None:
            yield self.rest

    def pieces(self) -> Iterator[bytes]:
        r"""Yield the bytes behind each message; what may still change, the last, has no `\n`."""
        yield from self.lines
        if self.rest is not None:
            yield canonical(self.rest)

    def survey(self) -> Survey:
        """Read all messages once, and tell what they say and what is odd."""
        pass_ = _Pass(self)
        messages = iter(pass_)
        description = self.describe(messages)
        for _ in messages:
            pass  # The description may need only the first messages; the problems are everywhere.
        return Survey(description, pass_.records, tuple(pass_.problems), pass_.tail_is_partial)


class _Pass:
    def __init__(self, session: SourceSession) -> None:
        self._session = session
        self.records = 0
        self.problems: list[Problem] = []
        self.tail_is_partial = False

    def __iter__(self) -> Iterator[JsonValue]:
        for line in self._session.lines:
            message, problem = parse_line(_without_end(line))
            self.records += 1
            if problem is not None:
                self.tail_is_partial = not line.endswith(b"\n")
                self.problems.append(Problem(self._session.source, self.records, problem))
            yield message
        if self._session.rest is not None:
            self.records += 1
            yield self._session.rest


def source_name(path: Path) -> str:
    """Return a file's absolute path as text that any archive takes, whatever bytes the path is of."""
    return plain_name(os.path.abspath(path))


def plain_name(name: str) -> str:
    """Return a file's name with the bytes that are not UTF-8 written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def header_text(value: JsonValue) -> str | None:
    """Return a text as metadata takes it: well-formed, at most 500 characters. None if it is no text."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


def header_texts(found: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return those of some named values that are texts, as metadata takes them."""
    return {name: text for name, value in found.items() if (text := header_text(value)) is not None}


def _without_end(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\n") else line
