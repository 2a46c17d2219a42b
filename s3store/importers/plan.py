"""What an import has to do, told from what the last one noted and what the file is now.

An import notes, among the session's attributes under `import`, how much of the file it covered::

    {"format": "codex", "source": "/home/…/rollout-….jsonl", "bytes": 8125, "sha256": "…", "records": 41,
     "tail": {"sha256": "…", "partial": true}}

`bytes` and `sha256` are of the lines that had their line end: those never change in a file that only grows.
`records` counts all messages. `tail` is there where the last message had no line end behind it; it may have
been half a line.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ..errors import InvalidRecord
from .base import SourceSession, source_name
from .lines import parse_line

if TYPE_CHECKING:
    from ..jsontext import JsonValue

ATTRIBUTE = "import"
"""The attribute of a session that an import keeps its notes in."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The last message of an import, where it had no line end behind it."""

    sha256: str
    partial: bool
    """It was no JSON; most likely its writer was not done."""


@dataclass(frozen=True, slots=True)
class ImportState:
    """How much of a source an import covered."""

    format: str
    source: str
    bytes: int
    sha256: str
    records: int
    tail: Tail | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the state as it stands in a session's attributes."""
        found: dict[str, JsonValue] = {
            "format": self.format,
            "source": self.source,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "records": self.records,
        }
        if self.tail is not None:
            found["tail"] = {"sha256": self.tail.sha256, "partial": self.tail.partial}
        return found

    @classmethod
    def from_json(cls, found: JsonValue) -> ImportState:
        """Read what `to_json` wrote. Raises `InvalidRecord` for anything else."""
        try:
            tail = found.get("tail")
            state = cls(
                format=found["format"],
                source=found["source"],
                bytes=found["bytes"],
                sha256=found["sha256"],
                records=found["records"],
                tail=None if tail is None else Tail(tail["sha256"], tail["partial"]),
            )
        except (AttributeError, LookupError, TypeError):
            raise InvalidRecord("the attribute `import` of the session is not an import's notes") from None
        if not (isinstance(state.bytes, int) and isinstance(state.records, int)):
            raise InvalidRecord("the attribute `import` of the session is not an import's notes")
        return state


@dataclass(frozen=True, slots=True)
class Skip:
    """The archive has all of it."""

    state: ImportState


@dataclass(frozen=True, slots=True)
class Grow:
    """The source grew: the messages from the number `first` on are new.

    With `replaces_last`, the message with the number `first` takes the place of the last one in the archive,
    which was half a line, or is followed by the rest of a JSON text.
    """

    session: SourceSession
    first: int
    replaces_last: bool
    state: ImportState


@dataclass(frozen=True, slots=True)
class Rewrite:
    """All messages are to be stored: the archive has none of them, or the source is not what it was.

    `is_new` tells the two apart: a new session must not replace one that is there.
    """

    session: SourceSession
    is_new: bool
    state: ImportState


@dataclass(frozen=True, slots=True)
class Clash:
    """The id belongs to an import from another source with other content; nothing is to be written."""

    session: SourceSession
    other_source: str


Plan: TypeAlias = Skip | Grow | Rewrite | Clash


def plan(session: SourceSession, stored: ImportState | None) -> Plan:
    """Tell what an import of a session has to do. Reads the source once, and parses at most its last line.

    `stored` is what the last import noted; None where the archive has no such session.
    """
    seen = _look(session, stored)
    state = seen.state(session)
    if stored is None:
        return Rewrite(session, is_new=True, state=state)
    if replace(state, source=stored.source) == stored:
        return Skip(stored)
    if stored.format == session.format and seen.starts_as(stored, session):
        if stored.tail is not None and stored.tail.sha256 != seen.next_sha256:
            return Grow(session, stored.records - 1, replaces_last=True, state=state)
        if state.records == stored.records:
            return Skip(stored)
        return Grow(session, stored.records, replaces_last=False, state=state)
    if (stored.format, stored.source) != (state.format, state.source):
        return Clash(session, stored.source)
    return Rewrite(session, is_new=False, state=state)


@dataclass(slots=True)
class _Look:
    """What one pass over a source found."""

    bytes: int = 0
    sha256: str = ""
    records: int = 0
    tail: Tail | None = None
    marked: tuple[int, str] | None = None
    """Of the place where the last import's complete lines ended: the lines up to there, and their SHA-256."""
    next_sha256: str | None = None
    """Of the piece at that place, without a line end; None if the source ends there."""

    def state(self, session: SourceSession) -> ImportState:
        source = source_name(session.source)
        return ImportState(session.format, source, self.bytes, self.sha256, self.records, self.tail)

    def starts_as(self, stored: ImportState, session: SourceSession) -> bool:
        """Tell whether what the last import covered is still there; its tail may be another one."""
        complete = stored.records - (stored.tail is not None)
        if self.marked != (complete, stored.sha256):
            return False
        if stored.tail is not None and self.next_sha256 is None:
            return False
        # Every source starts with nothing: without a complete line, only the name tells that it is the same.
        return stored.bytes > 0 or stored.source == source_name(session.source)


def _look(session: SourceSession, stored: ImportState | None) -> _Look:
    seen = _Look()
    digest = hashlib.sha256()
    for piece in session.pieces():
        line = piece.removesuffix(b"\n")
        if stored is not None and seen.bytes == stored.bytes and seen.marked is None:
            seen.marked = (seen.records, digest.hexdigest())
            seen.next_sha256 = hashlib.sha256(line).hexdigest()
        seen.records += 1
        if piece.endswith(b"\n"):
            seen.bytes += len(piece)
            digest.update(piece)
        else:
            seen.tail = _tail(session, line)
    seen.sha256 = digest.hexdigest()
    if stored is not None and seen.bytes == stored.bytes and seen.marked is None:
        seen.marked = (seen.records, seen.sha256)
    return seen


def _tail(session: SourceSession, line: bytes) -> Tail:
    partial = session.rest is None and parse_line(line)[1] is not None
    return Tail(hashlib.sha256(line).hexdigest(), partial)
