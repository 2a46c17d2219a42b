"""Records that stand in a pack: a Parquet file that many sessions share.

Of a pack, a session's records take one ranged read, and no more of Parquet than is written here: the pages of one
column, plain and required, compressed by zstd. What comes out is checked against the head's SHA-256.
"""

from __future__ import annotations

import hashlib
import struct
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import zstandard

from ..errors import CorruptObject
from ..keys import pack_key
from .frames import MAX_CONTENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .segments import Segment

_LENGTH = struct.Struct("<I")
_DATA_PAGE, _PLAIN = 0, 0
# Thrift's compact protocol, as far as a page header goes.
_STOP, _TRUE, _FALSE, _BYTE, _STRUCT = 0, 1, 2, 3, 12
_INTEGERS = range(4, 7)
_PAGE_TYPE, _CONTENT_BYTES, _BYTES, _DATA_HEADER = 1, 2, 3, 5
_VALUES, _ENCODING = 1, 2
_MOST_HEADER_FIELDS = 64
_DEEPEST = 4
_MORE, _BITS = 128, 64


class PackPlace(NamedTuple):
    """Where the records of a segment stand in a pack."""

    pack: str
    """The pack's name, of which its key is made; never a whole key."""
    offset: int
    """Where the records of their row group begin in the file, in bytes."""
    length: int
    row: int
    """The number of the first record within its row group."""


def lines_of_chunk(segment: Segment, place: PackPlace, chunk: bytes) -> bytes:
    """Return the lines of a segment out of the bytes that `place` tells of.

    Raises `CorruptObject` unless they are, byte for byte, what the head names.
    """
    return lines_of_rows(segment, place, rows_of_chunk(chunk, place.row + segment.count))


def lines_of_rows(segment: Segment, place: PackPlace, rows: Sequence[bytes]) -> bytes:
    """Return the lines of a segment out of the rows of the row group that it stands in. Raises as `lines_of_chunk`."""
    return _checked(pack_key(place.pack), segment, place.row, rows)


def rows_of_chunk(chunk: bytes, most: int | None = None) -> list[bytes]:
    """Return the first rows of the bytes of a row group, `most` or all; none of one that is damaged."""
    try:
        return list(islice(_values(chunk), most))
    except (ValueError, IndexError, struct.error, zstandard.ZstdError):
        return []


def check_chunk(key: str, chunk: bytes, segments: Iterable[Segment]) -> None:
    """Raise `CorruptObject` unless the bytes of a row group hold all these segments."""
    rows = rows_of_chunk(chunk)
    for segment in segments:
        if segment.place is not None:
            _checked(key, segment, segment.place.row, rows)


def _checked(key: str, segment: Segment, row: int, rows: Sequence[bytes]) -> bytes:
    lines = b"".join(line + b"\n" for line in rows[row : row + segment.count])
    if len(lines) != segment.size or hashlib.sha256(lines).hexdigest() != segment.sha256:
        raise CorruptObject(f"{key}: does not hold the records that were packed there (SHA-256 differs)")
    return lines


def _values(chunk: bytes) -> Iterator[bytes]:
    """Yield the values of a column, page after page."""
    room = MAX_CONTENT_BYTES
    start = 0
    while start < len(chunk):
        header, start = _read_struct(chunk, start)
        if header[_BYTES] < 0 or header[_CONTENT_BYTES] < 0:
            raise ValueError("a size below zero")
        page, start = chunk[start : start + header[_BYTES]], start + header[_BYTES]
        about = header[_DATA_HEADER]
        if header[_PAGE_TYPE] != _DATA_PAGE or about[_ENCODING] != _PLAIN:
            raise ValueError("a page of another kind")
        room -= header[_CONTENT_BYTES]
        if room < 0:
            raise ValueError("too large")
        content = zstandard.ZstdDecompressor().decompress(page, max_output_size=header[_CONTENT_BYTES])
        yield from _texts(content, about[_VALUES])


def _texts(content: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size + length
        if at > len(content):
            raise ValueError("cut short")
        yield content[at - length : at]


class _Fields(dict[int, "int | _Fields"]):
    """The fields of a Thrift struct by number; those that are no number and no struct are refused."""

    def __getitem__(self, number: int) -> Any:
        try:
            return super().__getitem__(number)
        except KeyError:
            raise ValueError("a field is missing") from None


def _read_struct(data: bytes, at: int, depth: int = 0) -> tuple[_Fields, int]:
    found = _Fields()
    number = 0
    for _ in range(_MOST_HEADER_FIELDS):
        head, at = data[at], at + 1
        if head == _STOP:
            return found, at
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at)
        found[number], at = _read_value(data, at, head & 15, depth)
    raise ValueError("too many fields")


def _read_value(data: bytes, at: int, kind: int, depth: int) -> tuple[int | _Fields, int]:
    if kind in {_TRUE, _FALSE}:
        return int(kind == _TRUE), at
    if kind == _BYTE:
        return data[at], at + 1
    if kind in _INTEGERS:
        return _zigzag(data, at)
    if kind == _STRUCT and depth < _DEEPEST:
        return _read_struct(data, at, depth + 1)
    raise ValueError("a field of another kind")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & (_MORE - 1)) << shift
        if byte < _MORE:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift >= _BITS:
            raise ValueError("a number of too many bytes")
