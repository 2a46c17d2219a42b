"""The records of packed sessions, read one session after the other as they follow each other in a pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import CorruptObject
from ...keys import pack_key
from ...objects.tiers import Archived
from ...streams.packed import lines_of_rows, rows_of_chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...keys import StreamKeys
    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.packed import PackPlace
    from ...streams.segments import Segment
    from ...streams.stream import Streams


class PackedLines:
    """Reads segments as `Streams.segment_lines` does, and keeps the row group that was read last.

    A hundred small sessions share one; each of them alone would have it sent, decompressed and parted again. That is no
    cache to go stale: a pack never changes.
    """

    def __init__(self, store: ObjectStore, runtime: Runtime, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._lock = runtime.lock()
        self._place: tuple[str, int] | None = None
        self._rows: Sequence[bytes] = ()

    async def segment_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment. Raises as `Streams.segment_lines`."""
        place = segment.place
        if place is not None:
            try:
                return lines_of_rows(segment, place, await self._rows_at(place))
            except (Archived, CorruptObject):
                pass  # Asked for by itself, it tells what is wrong, if anything is.
        return await self._streams.segment_lines(keys, segment)

    async def _rows_at(self, place: PackPlace) -> Sequence[bytes]:
        async with self._lock:
            if self._place != (place.pack, place.offset):
                wanted = place.offset, place.offset + place.length
                self._rows = rows_of_chunk((await self._store.get(pack_key(place.pack), byte_range=wanted)).body)
                self._place = place.pack, place.offset
            return self._rows
