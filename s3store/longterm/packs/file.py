"""The file of a pack: written as sessions come, in parts, and read back before anybody may name it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ...errors import CorruptObject, StoreUnavailable
from ...keys import pack_key, segment_name
from ...objects.base import PreconditionFailed, WriteRaced
from ...objects.parts import finish_upload
from ...streams.draft import Chunk, segment_of
from ...streams.packed import PackPlace, check_chunk
from ..parquet import ParquetRows, Rows, count_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...keys import StreamKeys
    from ...objects.base import ObjectStore, Part, Upload
    from ...streams.head import Head
    from ...streams.segments import Segment
    from ..parquet import ChunkPlace, Piece

_ATTEMPTS = 4
PART = 16 * 1024 * 1024
"""The size of a part of the upload, in bytes; a smaller pack goes up whole."""


class _Piece(NamedTuple):
    """A part of a session that stands in one row group; its lines are not held any more."""

    segment: Segment
    """What a head says of it, but for the place in bytes, which is known when the file is done."""
    group: int
    row: int


class PackedSession(NamedTuple):
    """A session whose records are in the file, as its head was then."""

    keys: StreamKeys
    commit: str
    """The last commit of the head that was packed."""
    pieces: list[_Piece]


class PackFile:
    """One pack on its way into the store."""

    def __init__(self, store: ObjectStore, name: str, ulid: str, *, group_bytes: int) -> None:
        self._store = store
        self.name = name
        self._ulid = ulid
        self._rows = ParquetRows(group_bytes=group_bytes)
        self._sha256 = hashlib.sha256()
        self._waiting = b""
        self._upload: Upload | None = None
        self._parts: list[Part] = []
        self._chunks: list[ChunkPlace] = []
        self.sessions: list[PackedSession] = []
        self.records = 0

    @property
    def size(self) -> int:
        """How many bytes of it are written."""
        return self._rows.size

    @property
    def json_bytes(self) -> int:
        """How many bytes of JSON are in it."""
        return self._rows.json_bytes

    def add(self, keys: StreamKeys, head: Head, parts: Iterable[tuple[int, int, bytes]]) -> None:
        """Add a session. `parts` are its lines: first, count, and the lines themselves.

        Raises `CorruptObject` unless these are the records due; the file is still good then.
        """
        pieces: list[_Piece] = []
        for first, count, lines in parts:
            rows = Rows(keys.session_id, head.incarnation, keys.stream, head.metadata.agent, first, count, lines)
            pieces += map(self._piece, self._rows.add(rows))
            self.records += count
            self._take()
        self.sessions.append(PackedSession(keys, head.commits[-1], pieces))

    async def send(self) -> None:
        """Send what is written of it, as far as it makes whole parts."""
        while len(self._waiting) >= PART:
            await self._send(PART)

    async def finish(self) -> None:
        """Write the end, and read all of it back.

        Raises `CorruptObject` if it is not what was written.
        """
        self._chunks = self._rows.finish()
        self._take()
        key = pack_key(self.name)
        if self._upload is None:
            await self._put(key)
        else:
            while self._waiting:
                await self._send(PART)
            await finish_upload(self._store, self._upload, self._parts, self.size)
        await self._read_back(key)

    async def give_up(self) -> None:
        """Remove what was sent of it; nothing names it."""
        if self._upload is not None:
            await self._store.abort_upload(self._upload)
        await self._store.delete(pack_key(self.name))

    def segments(self, session: PackedSession) -> list[Segment]:
        """Return what a head says of a session that stands in this file."""
        return [self._segment(piece) for piece in session.pieces]

    def _piece(self, piece: Piece) -> _Piece:
        chunk = Chunk(piece.first, piece.count, piece.lines, b"")
        segment = segment_of(chunk, segment_name(piece.first, self._ulid), piece.lines)
        return _Piece(segment, piece.group, piece.row)

    def _segment(self, piece: _Piece) -> Segment:
        chunk = self._chunks[piece.group]
        return replace(piece.segment, place=PackPlace(self.name, chunk.offset, chunk.length, piece.row))

    async def _put(self, key: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                await self._store.put(key, self._waiting, if_absent=True)
            except WriteRaced:
                continue
            except PreconditionFailed:
                pass  # The key was never used, so it is ours that has landed, and its answer was lost.
            return
        raise StoreUnavailable(f"{key}: the store answered that others write to it, again and again")

    def _take(self) -> None:
        taken = self._rows.take()
        self._sha256.update(taken)
        self._waiting += taken

    async def _send(self, most: int) -> None:
        key = pack_key(self.name)
        if self._upload is None:
            self._upload = await self._store.begin_upload(key, part_size=PART)
        part, self._waiting = self._waiting[:most], self._waiting[most:]
        self._parts.append(await self._store.put_part(self._upload, len(self._parts) + 1, part))

    async def _read_back(self, key: str) -> None:
        """Read the file in spans that end with a row group's records, and compare all of it, and every session."""
        by_group: dict[int, list[Segment]] = {}
        for session in self.sessions:
            for piece in session.pieces:
                by_group.setdefault(piece.group, []).append(self._segment(piece))
        found = hashlib.sha256()
        end = 0
        for group, segments in sorted(by_group.items()):
            chunk = self._chunks[group]
            start, end = end, chunk.offset + chunk.length
            span = (await self._store.get(key, byte_range=(start, end))).body
            found.update(span)
            check_chunk(key, span[chunk.offset - start :], segments)
        tail = (await self._store.get(key, byte_range=(end, self.size))).body
        found.update(tail)
        if found.digest() != self._sha256.digest() or count_rows(tail) != self.records:
            raise CorruptObject(f"{key}: read back after it was written, it is not what was written")
