"""The outermost bytes of heads and segments: a header that zstd skips, then the JSON lines as zstd.

::

    skippable frame   magic 0x184D2A50, length (4 bytes, little end first), then two lines:
                        the header, one JSON object
                        SHA-256, in hex, of the header and of all that follows the skippable frame
    data frame(s)     the lines; content size and checksum written

`zstd -dc` of such a file prints the lines alone. The hash covers what zstd's own checksum does not: the header,
and the compressed bytes as they are.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from typing import NamedTuple

import orjson
import zstandard

from ..errors import CorruptObject
from ..jsontext import MAX_MESSAGE_BYTES, JsonValue

LEVEL = 3
"""The zstd level. Higher ones cost several times the time for a few per cent of the size."""
MAX_CONTENT_BYTES = 2 * MAX_MESSAGE_BYTES
"""The most that the data of one object may decompress to. Writers stay well below; readers refuse more."""

_SKIPPABLE = 0x184D2A50
_SKIPPABLE_KINDS = range(_SKIPPABLE, _SKIPPABLE + 16)
_PREAMBLE = struct.Struct("<II")
_LONGEST_FRAME_HEADER = 18
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3


class Unpacked(NamedTuple):
    """What `unpack` found: the header, the lines, and the compressed frame that they came in."""

    header: dict[str, JsonValue]
    lines: bytes
    frame: bytes


class _Codec(threading.local):
    """zstd contexts are costly to make and must not be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_CONTENT_BYTES)


_codec = _Codec()


def compress(lines: bytes) -> bytes:
    """Return the lines as one zstd frame, with content size and checksum."""
    return _codec.compressor.compress(lines)


def pack(header: dict[str, JsonValue], frame: bytes) -> bytes:
    """Put a header before a compressed frame."""
    text = orjson.dumps(header)
    payload = b"%s\n%s\n" % (text, _digest(text, frame))
    return _PREAMBLE.pack(_SKIPPABLE, len(payload)) + payload + frame


def unpack(key: str, data: bytes) -> Unpacked:
    """Take apart what `pack` made. Raises `CorruptObject`, naming `key`, if a single byte is wrong or missing."""
    header, frame = _split(key, data)
    return Unpacked(header, _inflate(key, frame), frame)


def _split(key: str, data: bytes) -> tuple[dict[str, JsonValue], bytes]:
    if len(data) < _PREAMBLE.size:
        raise CorruptObject(f"{key}: cut short, or not written by s3store")
    magic, length = _PREAMBLE.unpack_from(data)
    if magic != _SKIPPABLE:
        raise CorruptObject(f"{key}: does not start with the header of an s3store object")
    end = _PREAMBLE.size + length
    text, _, rest = data[_PREAMBLE.size : end].partition(b"\n")
    frame = data[end:]
    if len(data) < end or rest != _digest(text, frame) + b"\n":
        raise CorruptObject(f"{key}: the bytes are not what was written (SHA-256 differs)")
    try:
        header = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise CorruptObject(f"{key}: the header is no JSON") from None
    if not isinstance(header, dict):
        raise CorruptObject(f"{key}: the header is no JSON object")
    return header, frame


def _digest(header: bytes, frame: bytes) -> bytes:
    sha256 = hashlib.sha256(header)
    sha256.update(frame)
    return sha256.hexdigest().encode("ascii")


def _inflate(key: str, data: bytes) -> bytes:
    """Decompress every frame. One-shot zstd calls stop silently at the first, hence the walk."""
    parts: list[bytes] = []
    room = MAX_CONTENT_BYTES
    start = 0
    while start < len(data):
        try:
            end = _frame_end(data, start)
            part = _inflate_frame(data[start:end], room)
        except (zstandard.ZstdError, struct.error, ValueError) as error:
            raise CorruptObject(f"{key}: the zstd data is damaged ({error})") from None
        parts.append(part)
        room -= len(part)
        start = end
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate_frame(frame: bytes, room: int) -> bytes:
    if _PREAMBLE.unpack_from(frame)[0] in _SKIPPABLE_KINDS:
        return b""
    size = zstandard.get_frame_parameters(frame).content_size
    if size == zstandard.CONTENTSIZE_UNKNOWN:
        with _codec.decompressor.stream_reader(frame) as reader:
            content = reader.read(room + 1)
    elif size > room:
        raise ValueError(f"more than {MAX_CONTENT_BYTES} bytes of content")
    else:
        content = _codec.decompressor.decompress(frame)
    if len(content) > room:
        raise ValueError(f"more than {MAX_CONTENT_BYTES} bytes of content")
    return content


def _frame_end(data: bytes, start: int) -> int:
    """Return where the frame at `start` ends, by walking its block headers; `ValueError` if behind the data."""
    magic, length = _PREAMBLE.unpack_from(data, start)
    end: int
    if magic in _SKIPPABLE_KINDS:
        end = start + _PREAMBLE.size + length
    else:
        # Only as much as a header can take: a copy of all the rest, for each frame, would take quadratic time.
        header = data[start : start + _LONGEST_FRAME_HEADER]
        parameters = zstandard.get_frame_parameters(header)
        end = _blocks_end(data, start + zstandard.frame_header_size(header))
        end += 4 if parameters.has_checksum else 0
    if end > len(data):
        raise ValueError("cut short")
    return end


def _blocks_end(data: bytes, position: int) -> int:
    while position + 3 <= len(data):
        block = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = block & 1, (block >> 1) & 3, block >> 3
        if kind == _RESERVED_BLOCK:
            raise ValueError("a block of no known kind")
        position += 3 + (1 if kind == _RLE_BLOCK else size)
        if last:
            return position
    raise ValueError("cut short")
