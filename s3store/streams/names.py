"""What a head names: its segments, and the bodies of the artifacts in its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..keys import ARTIFACTS
from .records import decode_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..jsontext import JsonValue
    from ..keys import StreamKeys
    from ..model import RecordFields
    from .head import Head
    from .segments import Segment


class SegmentLines(Protocol):
    """Reads segments."""

    async def segment_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment. Raises `NoSuchKey` if it is gone."""
        ...


class Bodies(Protocol):
    """Knows the records of the stream `ARTIFACTS`."""

    def __call__(self, key: str, messages: Iterable[JsonValue], /) -> frozenset[str]:
        """Return the names of the bodies that the messages name in the end. Raises `CorruptObject`, naming `key`."""
        ...


async def named_by(reader: SegmentLines, keys: StreamKeys, head: Head, bodies: Bodies) -> frozenset[str]:
    """Return every key that a head names. Raises `NoSuchKey` for a segment that is gone, `CorruptObject` for damage.

    Segments are read only where their records may name something.
    """
    named = {keys.segment(segment.name) for segment in head.segments}
    if keys.stream == ARTIFACTS:
        records: list[RecordFields] = []
        for segment in head.segments:
            lines = await reader.segment_lines(keys, segment)
            records += decode_lines(keys.segment(segment.name), segment.first, segment.count, lines)
        records += decode_lines(keys.head, head.sealed, head.tail_count, head.tail)
        named |= {keys.body(name) for name in bodies(keys.head, (fields["message"] for fields in records))}
    return frozenset(named)
