"""What a head names: its segments, and the bodies of the artifacts in its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..keys import stored_key
from .records import decode_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..keys import StreamKeys
    from ..model import RecordFields
    from .head import Head
    from .segments import Segment

BODY = "body"
"""The field of an artifact's record that names its body."""
_WITH_BODIES = "artifacts"


class SegmentLines(Protocol):
    """Reads segments."""

    async def segment_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment. Raises `NoSuchKey` if it is gone."""
        ...


async def named_by(reader: SegmentLines, keys: StreamKeys, head: Head) -> frozenset[str]:
    """Return every key that a head names. Raises `NoSuchKey` for a segment that is gone, `CorruptObject` for damage.

    Segments are read only where their records may name something.
    """
    named = {keys.segment(segment.name) for segment in head.segments}
    if keys.stream == _WITH_BODIES:
        for segment in head.segments:
            lines = await reader.segment_lines(keys, segment)
            named |= _bodies(keys, decode_lines(keys.segment(segment.name), segment.first, segment.count, lines))
        named |= _bodies(keys, decode_lines(keys.head, head.sealed, head.tail_count, head.tail))
    return frozenset(named)


def _bodies(keys: StreamKeys, records: Iterable[RecordFields]) -> set[str]:
    messages = [fields["message"] for fields in records]
    names = [message.get(BODY) for message in messages if isinstance(message, dict)]
    found = {f"{keys.segments}{name}" for name in names if isinstance(name, str)}
    return {key for key in found if stored_key(key).kind == "body"}
