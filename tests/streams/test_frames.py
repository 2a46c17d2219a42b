from __future__ import annotations

import hashlib
import io
import struct
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store.errors import CorruptObject
from s3store.streams.frames import MAX_CONTENT_BYTES, compress, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sessions/00/x/transcript.jsonl.zst"
HEADER = {"format": "s3store.stream/1", "session": "x"}
LINES = b"".join(b'{"seq":%d,"message":"word word word"}\n' % number for number in range(40))

SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"skip!"


def unsized(lines: bytes) -> bytes:
    """A frame that does not say how long its content is."""
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    out = io.BytesIO()
    with compressor.stream_writer(out, closefd=False) as writer:
        writer.write(lines)
    return out.getvalue()


def rle_bomb(blocks: int) -> bytes:
    """A frame of four bytes for each 128 KiB of zeros, without content size or checksum."""
    magic, no_flags, window_of_8_mib = b"\x28\xb5\x2f\xfd", b"\x00", b"\x68"
    repeat_128_kib = 128 * 1024 << 3 | 1 << 1
    block = repeat_128_kib.to_bytes(3, "little") + b"\x00"
    last = (repeat_128_kib | 1).to_bytes(3, "little") + b"\x00"
    return magic + no_flags + window_of_8_mib + block * (blocks - 1) + last


def declaring(size: int) -> bytes:
    """A frame of one byte that says that its content has `size` bytes."""
    magic, eight_byte_size_one_segment = b"\x28\xb5\x2f\xfd", b"\xe0"
    raw_block_of_one_last = (1 << 3 | 1).to_bytes(3, "little")
    return magic + eight_byte_size_one_segment + size.to_bytes(8, "little") + raw_block_of_one_last + b"a"


def with_window(log: int) -> bytes:
    """A frame without a content size whose window has 2 ** `log` bytes."""
    return b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([log - 10 << 3]) + (1 << 3 | 1).to_bytes(3, "little") + b"a"


@settings(derandomize=True)
@given(st.binary(max_size=5000), st.dictionaries(st.text(), st.integers(0, 2**60) | st.text()))
def test_what_is_packed_comes_back(lines: bytes, header: dict[str, object]) -> None:
    frame = compress(lines)
    found = unpack(KEY, pack(header, frame))
    assert (found.header, found.lines, found.frame) == (header, lines, frame)


def test_zstd_prints_the_lines_alone() -> None:
    data = pack(HEADER, compress(LINES))
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        assert reader.read() == LINES


def test_every_flipped_byte_is_seen() -> None:
    data = pack(HEADER, compress(LINES))
    for place in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= flip
            with pytest.raises(CorruptObject, match=KEY):
                unpack(KEY, bytes(damaged))


def test_every_cut_is_seen() -> None:
    data = pack(HEADER, compress(LINES))
    for length in range(len(data)):
        with pytest.raises(CorruptObject, match=KEY):
            unpack(KEY, data[:length])


@pytest.mark.parametrize("length", range(1, 20))
def test_bytes_behind_the_end_are_seen(length: int) -> None:
    with pytest.raises(CorruptObject):
        unpack(KEY, pack(HEADER, compress(LINES)) + b"\x00" * length)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"PAR1" + bytes(100) + b"PAR1",
        b"\x1f\x8b" + bytes(100),
        LINES,
        compress(LINES),
        SKIPPABLE + compress(LINES),
        struct.pack("<II", 0x184D2A50, 2**32 - 1) + b"{}",
        struct.pack("<II", 0x184D2A50, 0) + compress(LINES),
    ],
    ids=["empty", "json", "parquet", "gzip", "lines", "zstd-alone", "other-header", "endless-header", "no-header"],
)
def test_a_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptObject):
        unpack(KEY, data)


@pytest.mark.parametrize("text", [b"[]", b'"text"', b"5", b"null", b"{", b"", b"\xff"])
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    frame = compress(LINES)
    payload = b"%s\n%s\n" % (text, hashlib.sha256(text + frame).hexdigest().encode())
    with pytest.raises(CorruptObject):
        unpack(KEY, struct.pack("<II", 0x184D2A50, len(payload)) + payload + frame)


@pytest.mark.parametrize(
    "data",
    [
        compress(LINES[:700]) + compress(LINES[700:]),
        compress(b"") + SKIPPABLE + compress(LINES[:700]) + SKIPPABLE + compress(LINES[700:]) + SKIPPABLE,
        unsized(LINES),
        unsized(LINES[:700]) + SKIPPABLE + unsized(LINES[700:]),
        compress(LINES[:700]) + unsized(b"") + unsized(LINES[700:]),
    ],
    ids=["two", "skippable-between", "without-size", "two-without-size", "mixed"],
)
def test_all_frames_are_read(data: bytes) -> None:
    assert unpack(KEY, pack(HEADER, data)).lines == LINES


@pytest.mark.parametrize("make", [compress, unsized], ids=["sized", "unsized"])
def test_a_second_frame_that_is_cut_never_gives_shorter_content(make: Callable[[bytes], bytes]) -> None:
    second = make(LINES)
    first = compress(LINES)
    for length in range(1, len(second)):
        # `pack` hashes what it is given: this is a writer's fault, which zstd's own structure has to show.
        with pytest.raises(CorruptObject):
            unpack(KEY, pack(HEADER, first + second[:length]))


@pytest.mark.parametrize("garbage", [b"\x00", b"\x00" * 3, b"\x00" * 4, b"garbage behind the frame", LINES])
def test_garbage_between_frames_is_refused(garbage: bytes) -> None:
    with pytest.raises(CorruptObject):
        unpack(KEY, pack(HEADER, compress(LINES) + garbage))
    with pytest.raises(CorruptObject):
        unpack(KEY, pack(HEADER, garbage + compress(LINES)))


@pytest.mark.parametrize(
    "bomb",
    [
        declaring(2**62),
        declaring(MAX_CONTENT_BYTES + 1),
        declaring(1000),
        rle_bomb(100_000),
        rle_bomb(MAX_CONTENT_BYTES // (128 * 1024)) * 2,
        compress(bytes(MAX_CONTENT_BYTES)) + compress(b"\n"),
        compress(bytes(MAX_CONTENT_BYTES + 1)),
        with_window(31),
        with_window(41),
    ],
    ids=[
        "declares-4-eib",
        "declares-too-much",
        "declares-more-than-it-has",
        "rle-of-12-gib",
        "two-frames-of-rle",
        "one-byte-over-in-two-frames",
        "one-byte-over",
        "window-of-2-gib",
        "window-of-2-tib",
    ],
)
def test_a_bomb_is_refused_within_bounds(bomb: bytes) -> None:
    data = pack(HEADER, bomb)
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(CorruptObject):
            unpack(KEY, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_CONTENT_BYTES
    assert time.process_time() - started < 10


def test_as_much_content_as_is_allowed_is_read() -> None:
    assert len(unpack(KEY, pack(HEADER, compress(bytes(MAX_CONTENT_BYTES)))).lines) == MAX_CONTENT_BYTES


@pytest.mark.parametrize("frame", [compress(b""), SKIPPABLE], ids=["empty", "skippable"])
def test_the_time_for_many_frames_grows_with_their_number_alone(frame: bytes) -> None:
    data = pack(HEADER, frame * 250_000)
    started = time.process_time()
    assert unpack(KEY, data).lines == b""
    assert time.process_time() - started < 10
