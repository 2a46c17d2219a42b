"""What an export says of itself: once of the whole, and for each partition of its file and each session in that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import orjson

from ...times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...jsontext import JsonValue
    from ...model import Filters

EXPORT_FORMAT = "s3store.export/1"
"""What `export.json` says of itself."""


@dataclass(frozen=True)
class Header:
    """What the whole of an export is."""

    form: str
    archive: str | None
    """The id of the archive; None where nothing was ever written to it."""
    filters: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return `export.json`."""
        return orjson.dumps({"format": EXPORT_FORMAT, **asdict(self)}, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def from_bytes(cls, body: bytes) -> Header:
        """Read what `to_bytes` wrote. Raises `ValueError` for anything else."""
        try:
            found = orjson.loads(body)
            if found["format"] != EXPORT_FORMAT:
                raise ValueError("another format")
            return cls(found["form"], found["archive"], found["filters"])
        except (TypeError, LookupError):
            raise ValueError("no header of an export") from None

    def difference(self, other: Header) -> str:
        """Return the name of what is not the same."""
        return next(each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session in a file: exactly which version of it, and what it takes there."""

    id: str
    incarnation: str
    version: int
    records: int
    size: int
    """In bytes, of what the file holds of it, before compression."""
    sha256: str
    """Of the same bytes."""

    @classmethod
    def of(cls, session_id: str, incarnation: str, version: int, records: int, content: bytes) -> SessionLine:
        """Return the line for a session whose part of the file is `content`."""
        digest = hashlib.sha256(content).hexdigest()
        return cls(session_id, incarnation, version, records, len(content), digest)


@dataclass(frozen=True, slots=True)
class MissingLine:
    """A session that belongs in a file, and could not be read: its pack must be restored first."""

    id: str
    pack: str
    storage_class: str


@dataclass(frozen=True, slots=True)
class PartManifest:
    """A partition: its file, the sessions in the order in which they stand there, and those that are missing."""

    EMPTY: ClassVar[PartManifest]

    file: str | None
    """The name of the file; None where there is no session, and so no file."""
    size: int
    """In bytes."""
    sha256: str
    sessions: tuple[SessionLine, ...]
    missing: tuple[MissingLine, ...] = ()

    @property
    def records(self) -> int:
        """How many records the sessions have together."""
        return sum(session.records for session in self.sessions)

    def to_bytes(self) -> bytes:
        """Return the manifest: a line of the file, then one of each session, and of each that is missing."""
        first = {
            "file": self.file,
            "size": self.size,
            "sha256": self.sha256,
            "sessions": len(self.sessions),
            "records": self.records,
            **({"missing": len(self.missing)} if self.missing else {}),
        }
        lines = (first, *map(asdict, self.sessions), *map(asdict, self.missing))
        return b"".join(orjson.dumps(line) + b"\n" for line in lines)

    @classmethod
    def from_bytes(cls, body: bytes) -> PartManifest:
        """Read what `to_bytes` wrote. Raises `ValueError` for anything else, also for one that was cut short."""
        try:
            first, *lines = map(orjson.loads, body.splitlines())
            sessions = tuple(SessionLine(**line) for line in lines[: first["sessions"]])
            missing = tuple(MissingLine(**line) for line in lines[first["sessions"] :])
            found = cls(first["file"], first["size"], first["sha256"], sessions, missing)
        except (TypeError, LookupError, AttributeError):
            raise ValueError("no manifest of a partition") from None
        if found.to_bytes() != body:
            raise ValueError("counts that do not agree")
        return found


PartManifest.EMPTY = PartManifest(None, 0, hashlib.sha256().hexdigest(), ())


def filters_json(filters: Filters) -> dict[str, JsonValue]:
    """Return checked filters as `export.json` names them."""
    return {name: _json(value) for name, value in sorted(filters.items()) if value is not None}


def _json(value: object) -> JsonValue:
    if isinstance(value, datetime):
        return format_time(value)
    return sorted(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
