"""The head: the one mutable object of a stream, its commit point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CorruptObject, FixTheCall, UnsupportedFormat
from ..jsontext import check_json
from ..keys import TRANSCRIPT, StreamKeys
from ..model import Hold, Metadata, SessionInfo
from ..times import END_OF_TIME, format_time, parse_time
from .consumption import UNTOUCHED, Consumption
from .frames import Unpacked, _split, pack, unpack
from .idempotency import read_digests, write_digests
from .segments import Segment, text_of, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..jsontext import JsonValue

HEAD_FORMAT = "s3store.stream/1"
"""What a head's header says of itself. A reader refuses any other."""
HISTORY = 64
"""How many of the last commit ids a head keeps. A writer that lost an answer finds its commit there."""

_WRONG_NUMBER = "%s: does not hold the number of records that it names"
_KNOWN = frozenset({
    "format", "stream", "session", "incarnation", "version", "commits", "count", "fence", "segments", "tail_keys",
    "created_at", "updated_at", "writer", "metadata", "deleted", "siblings", "idle", "taken", "holds", "packed",
    "copied",
})  # fmt: skip


class Copied(NamedTuple):
    """What a copy from another archive says of itself."""

    of: str
    """The commit that the other archive's stream was at."""
    incarnation: str
    """The incarnation of that stream."""
    by: str
    """The commit that made the copy. A later one that changes more than the fence makes it more than a copy."""


@dataclass(frozen=True, slots=True)
class Head:
    """A stream at one moment: what its header says, and its open tail."""

    incarnation: str
    version: int
    commits: tuple[str, ...]
    """The ids of the last commits, the newest last."""
    fence: int
    """Raised by a delete or a clean-up: what was uploaded under another fence may be gone, and is uploaded again."""
    segments: tuple[Segment, ...]
    tail: bytes
    """The open tail, as lines."""
    tail_frame: bytes
    """The open tail, compressed: sealing it takes these bytes as they are."""
    tail_count: int
    tail_keys: frozenset[bytes]
    """Digests of the idempotency keys in the tail; there may be more than there are keys, never fewer."""
    created_at: datetime
    updated_at: datetime
    writer: str
    metadata: Metadata
    deleted_at: datetime | None = None
    """When the session was deleted: then this is a tombstone, with no records and no metadata."""
    deleted_with: Mapping[str, str] = field(default_factory=dict)
    """In a transcript's tombstone: the incarnation of each sibling, by its stream, that was deleted with it. One that
    still lives is what a delete that died half-way has left."""
    idle: int = 0
    """How many of the last commits changed nothing but the fence, or the holds."""
    siblings: Mapping[str, str] = field(default_factory=dict)
    """The commit that each sibling was at, by the sibling's name, when all were last saved together."""
    consumption: Consumption = UNTOUCHED
    """How far the records have been worked off: for an inbox."""
    holds: tuple[Hold, ...] = ()
    """What keeps the session from being deleted: in the head itself, so that the very swap that deletes sees it."""
    packed: tuple[Segment, ...] = ()
    """Where all of its records stand in a pack as well, once that is so: the segments of the thin head that is to take
    its place. Any commit that changes more than the fence takes them away."""
    copied: Copied | None = None
    """What it was copied from last, whatever was changed since."""
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    """Header fields of a later version, kept as they are."""
    size: int = 0
    """The bytes of the head object itself."""

    @property
    def sealed(self) -> int:
        """How many records stand in segments."""
        return self.segments[-1].first + self.segments[-1].count if self.segments else 0

    @property
    def count(self) -> int:
        """How many records the stream has."""
        return self.sealed + self.tail_count

    @property
    def is_cold(self) -> bool:
        """Whether all its records stand in packs alone."""
        return bool(self.segments) and not self.tail_count and all(segment.place for segment in self.segments)

    @property
    def packs(self) -> frozenset[str]:
        """The names of the packs that it names."""
        return frozenset(each.place.pack for each in (*self.segments, *self.packed) if each.place is not None)

    @property
    def total_size(self) -> int:
        """The bytes of the head and all its segments."""
        return self.size + sum(segment.size for segment in self.segments)

    @property
    def last_change(self) -> str | None:
        """The last commit that changed more than the fence; None if so many followed that it is forgotten."""
        return self.commits[-1 - self.idle] if self.idle < len(self.commits) else None

    @property
    def copy(self) -> Copied | None:
        """What this is a copy of; None if it is none, or was changed since."""
        return self.copied if self.copied is not None and self.copied.by == self.last_change else None

    def info(self, session_id: str) -> SessionInfo:
        """Return what a caller is told of the session."""
        return SessionInfo(
            session_id,
            self.incarnation,
            self.version,
            self.count,
            self.total_size,
            self.created_at,
            self.updated_at,
            self.metadata,
            self.holds,
        )


def pack_head(keys: StreamKeys, head: Head) -> bytes:
    """Return the bytes of a head object."""
    header: dict[str, JsonValue] = {
        "format": HEAD_FORMAT,
        "stream": keys.stream,
        "session": keys.session_id,
        "incarnation": head.incarnation,
        "version": head.version,
        "commits": head.commits,
        "count": head.count,
        "fence": head.fence,
        "segments": [segment.to_json() for segment in head.segments],
        "created_at": format_time(head.created_at),
        "updated_at": format_time(head.updated_at),
        "writer": head.writer,
        "metadata": head.metadata.to_json(),
    }
    if head.tail_keys:
        header["tail_keys"] = write_digests(head.tail_keys)
    if head.idle:
        header["idle"] = head.idle
    if head.siblings:
        header["siblings"] = dict(head.siblings)
    if head.packed:
        header["packed"] = [segment.to_json() for segment in head.packed]
    if head.consumption != UNTOUCHED:
        header["taken"] = head.consumption.to_json()
    if head.holds:
        header["holds"] = [hold.to_json() for hold in head.holds]
    if head.copied is not None:
        header["copied"] = head.copied._asdict()
    if head.deleted_at is not None:
        header["deleted"] = {"at": format_time(head.deleted_at)}
        if head.deleted_with:
            header["deleted"]["with"] = dict(head.deleted_with)
    return pack({**head.extra, **header}, head.tail_frame)


def unpack_head(keys: StreamKeys, data: bytes) -> Head:
    """Read a head object.

    Raises `CorruptObject` if a byte is wrong, or if it is another session's; `UnsupportedFormat` for a format of
    another version.
    """
    head = _head_of(keys, unpack(keys.head, data), len(data))
    _check_tail(keys.head, head)
    return head


def unpack_transcript_head(key: str, data: bytes, *, tail: bool = True) -> tuple[str, Head]:
    """Read the head of a transcript that a listing showed under `key`, and the id of its session.

    Raises as `unpack_head`; a head that does not belong under its key is corrupt. Without `tail` that is left empty:
    its bytes are checked against the SHA-256 all the same, but not decompressed, which takes longer than all the rest.
    """
    unpacked = unpack(key, data) if tail else _without_lines(*_split(key, data))
    session_id = unpacked.header.get("session")
    if not isinstance(session_id, str) or StreamKeys.of(session_id, TRANSCRIPT).head != key:
        raise CorruptObject(f"{key}: holds another session than its key says")
    head = _head_of(StreamKeys.of(session_id, TRANSCRIPT), unpacked, len(data))
    if tail:
        _check_tail(key, head)
    return session_id, head


def _without_lines(header: dict[str, JsonValue], frame: bytes) -> Unpacked:
    return Unpacked(header, b"", frame)


def _head_of(keys: StreamKeys, unpacked: Unpacked, size: int) -> Head:
    header = unpacked.header
    if header.get("format") != HEAD_FORMAT:
        raise UnsupportedFormat.of(keys.head, header.get("format"))
    if header.get("session") != keys.session_id or header.get("stream") != keys.stream:
        raise CorruptObject(f"{keys.head}: holds another session or stream than the one that was asked for")
    try:
        head = _read(header, unpacked.lines, unpacked.frame, size)
    except (FixTheCall, ValueError, TypeError, LookupError, AttributeError):
        raise CorruptObject(f"{keys.head}: a field of the header is missing or of the wrong kind") from None
    _check_counts(keys.head, head)
    return head


def _read(header: dict[str, JsonValue], lines: bytes, frame: bytes, size: int) -> Head:
    deleted = header.get("deleted")
    extra = {name: value for name, value in header.items() if name not in _KNOWN}
    check_json(extra)  # what is nested too deep could be read, but not written again
    updated_at = parse_time(header["updated_at"])
    if updated_at == END_OF_TIME:
        raise ValueError("a time that leaves room for no later commit")
    segments = tuple(Segment.from_json(found) for found in header["segments"])
    return Head(
        incarnation=text_of(header["incarnation"]),
        version=whole_number(header["version"]),
        commits=tuple(text_of(commit) for commit in header["commits"]),
        fence=whole_number(header["fence"]),
        segments=segments,
        tail=lines,
        tail_frame=frame,
        tail_count=whole_number(header["count"]) - sum(segment.count for segment in segments),
        tail_keys=read_digests(header.get("tail_keys", "")),
        created_at=parse_time(header["created_at"]),
        updated_at=updated_at,
        writer=text_of(header["writer"]),
        metadata=Metadata.from_json(header["metadata"]),
        deleted_at=None if deleted is None else parse_time(deleted["at"]),
        deleted_with={} if deleted is None else _texts(deleted.get("with", {})),
        idle=whole_number(header.get("idle", 0)),
        siblings=_texts(header.get("siblings", {})),
        consumption=Consumption.from_json(header.get("taken", {})),
        holds=tuple(Hold.from_json(found) for found in header.get("holds", ())),
        packed=tuple(Segment.from_json(found) for found in header.get("packed", ())),
        copied=_copied(header.get("copied")),
        extra=extra,
        size=size,
    )


def _copied(found: JsonValue) -> Copied | None:
    return None if found is None else Copied(*(text_of(found[name]) for name in Copied._fields))


def _texts(found: JsonValue) -> dict[str, str]:
    return {text_of(name): text_of(value) for name, value in found.items()}


def _check_counts(key: str, head: Head) -> None:
    """Refuse what would make sense nowhere; that the lines are the records due is checked when they are read."""
    expected = 0
    for segment in head.segments:
        if segment.first != expected or segment.count <= 0:
            raise CorruptObject(f"{key}: its segments leave a gap or overlap")
        expected += segment.count
    if head.tail_count < 0 or head.consumption.done > head.count:
        raise CorruptObject(_WRONG_NUMBER % key)


def _check_tail(key: str, head: Head) -> None:
    if bool(head.tail_count) != bool(head.tail):
        raise CorruptObject(_WRONG_NUMBER % key)
