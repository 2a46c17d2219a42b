"""Segments: the sealed, immutable parts of a stream, and what a head says of each."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import CorruptObject, UnsupportedFormat
from ..ids import ULID_LENGTH
from ..keys import is_pack_name
from .frames import pack, unpack
from .idempotency import read_digests, write_digests
from .packed import PackPlace
from .records import message_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..jsontext import JsonValue
    from ..keys import StreamKeys

SEGMENT_FORMAT = "s3store.segment/1"
"""What a segment's header says of itself."""

_NAME = re.compile(rf"[0-9]{{10,20}}-[0-9a-z]{{{ULID_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Segment:
    """What a head says of a segment: enough to fetch it, to check it, and often not to need it."""

    name: str
    """The part of its key that differs; never a whole key, so a head cannot point outside its session."""
    first: int
    count: int
    size: int
    sha256: str
    """SHA-256, in hex, of the whole object."""
    content: str | None
    """SHA-256 of the messages alone: tells a save that they have not changed. None if a line is in a foreign form."""
    keyed: int = 0
    """How many of its records have an idempotency key."""
    keys: frozenset[bytes] | None = None
    """The digests of these keys, or None where the head had no room for them any more."""
    place: PackPlace | None = None
    """Where its records stand in a pack; None if it is an object of its own. Of a segment in a pack, `size` and
    `sha256` are those of its lines."""

    def without_keys(self) -> Segment:
        """Return a copy that no longer says which keys it holds, only how many."""
        return replace(self, keys=None)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the segment as it stands in a head."""
        found: dict[str, JsonValue] = {
            "name": self.name,
            "first": self.first,
            "count": self.count,
            "bytes": self.size,
            "sha256": self.sha256,
            "content": self.content,
        }
        if self.keyed:
            found["keyed"] = self.keyed
            if self.keys is not None:
                found["keys"] = write_digests(self.keys)
        if self.place is not None:
            found["place"] = self.place._asdict()
        return found

    @classmethod
    def from_json(cls, found: JsonValue) -> Segment:
        """Read what `to_json` wrote. Raises `ValueError` or `LookupError` for anything else."""
        name = found["name"]
        if not _NAME.fullmatch(name):
            raise ValueError("no segment's name")
        keys = found.get("keys")
        return cls(
            name,
            whole_number(found["first"]),
            whole_number(found["count"]),
            whole_number(found["bytes"]),
            found["sha256"],
            found["content"],
            whole_number(found.get("keyed", 0)),
            None if keys is None else read_digests(keys),
            _place(found.get("place")),
        )


def pack_segment(keys: StreamKeys, incarnation: str, first: int, count: int, frame: bytes) -> bytes:
    """Return the bytes of a segment object: its place in the stream, and its lines compressed."""
    header = {
        "format": SEGMENT_FORMAT,
        "stream": keys.stream,
        "session": keys.session_id,
        "incarnation": incarnation,
        "first": first,
        "count": count,
    }
    return pack(header, frame)


def unpack_segment(keys: StreamKeys, segment: Segment, data: bytes) -> bytes:
    """Return the lines of a segment. Raises `CorruptObject` unless it is, byte for byte, what the head names."""
    key = keys.segment(segment.name)
    if len(data) != segment.size or hashlib.sha256(data).hexdigest() != segment.sha256:
        raise CorruptObject(f"{key}: not the segment that the head names (size or SHA-256 differs)")
    unpacked = unpack(key, data)
    if unpacked.header.get("format") != SEGMENT_FORMAT:
        raise UnsupportedFormat.of(key, unpacked.header.get("format"))
    return unpacked.lines


def _place(found: JsonValue) -> PackPlace | None:
    if found is None:
        return None
    if not is_pack_name(found["pack"]):
        raise ValueError("no pack's name")
    return PackPlace(
        found["pack"], whole_number(found["offset"]), whole_number(found["length"]), whole_number(found["row"])
    )


def whole_number(found: JsonValue) -> int:
    """Return a number of a header. Raises `ValueError` unless it is a whole one that every reader can hold."""
    if type(found) is not int or not 0 <= found < 2**63:
        raise ValueError("no whole number from 0 on")
    return found


def text_of(found: JsonValue) -> str:
    """Return a text of a header. Raises `TypeError` for anything else."""
    if not isinstance(found, str):
        raise TypeError("no text")
    return found


def content_digest(messages: Iterable[bytes]) -> str:
    """Return the hash of messages alone, as they stand in lines, whoever stored them and when."""
    sha256 = hashlib.sha256()
    for message in messages:
        sha256.update(message)
        sha256.update(b"\n")
    return sha256.hexdigest()


def content_of_lines(lines: Iterable[bytes]) -> str | None:
    """Return `content_digest` of the messages of lines; None if one is in another writer's form."""
    messages = [message_of(line) for line in lines]
    if None in messages:
        return None
    return content_digest(message for message in messages if message is not None)
