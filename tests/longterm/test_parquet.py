"""Records in Parquet files: any reader gives their exact bytes, and one ranged read those of a session."""

import hashlib
import io
from contextlib import suppress
from typing import Any

import pyarrow.parquet
import pytest
import zstandard

from s3store.errors import CorruptObject, InvalidOption
from s3store.jsontext import encode_messages
from s3store.longterm.parquet import ChunkPlace, ParquetRows, Piece, Rows, count_rows, records_of
from s3store.streams.packed import PackPlace, lines_of_chunk
from s3store.streams.records import Stamp, encode_lines
from s3store.streams.segments import Segment

NAME = "standard/2026/11/" + "0" * 26


def rows_of(session: str, messages: list[Any], keys: list[str | None] | None = None) -> Rows:
    stamp = Stamp("c" * 26, "2026-11-20T12:47:04.185010Z")
    lines = encode_lines(0, stamp, encode_messages(messages, keys))
    return Rows(session, "i" * 26, "transcript", "helper", 0, len(messages), lines)


SESSIONS = [
    rows_of("plain", [{"role": "user", "content": "Where is my order?"}] * 3),
    rows_of("odd", [2**70, "\ud800", "é\n", {"b": 1, "a": [None]}], ["k", None, "k2", None]),
    rows_of("large", [{"content": f"{number} " * 2000} for number in range(40)]),
]


def written(sessions: list[Rows], **options: int) -> tuple[bytes, list[list[Piece]], list[ChunkPlace]]:
    file = ParquetRows(**options)
    pieces = [file.add(rows) for rows in sessions]
    chunks = file.finish()
    return file.take(), pieces, chunks


def segment_of(piece: Piece, chunk: ChunkPlace) -> tuple[Segment, PackPlace]:
    place = PackPlace(NAME, chunk.offset, chunk.length, piece.row)
    digest = hashlib.sha256(piece.lines).hexdigest()
    name = f"{piece.first:010d}-" + "0" * 26
    return Segment(name, piece.first, piece.count, len(piece.lines), digest, None, place=place), place


def test_any_parquet_reader_gives_the_exact_bytes() -> None:
    data, _, _ = written(SESSIONS)
    found = pyarrow.parquet.read_table(io.BytesIO(data)).to_pydict()
    lines = b"".join(record.encode() + b"\n" for record in found["record"])
    assert lines == b"".join(rows.lines for rows in SESSIONS)
    assert found["seq"] == [*range(3), *range(4), *range(40)]
    assert found["key"][3:7] == ["k", None, "k2", None]
    assert {*found["session"]} == {"plain", "odd", "large"}


def test_what_is_written_is_read_back_row_by_row() -> None:
    data, _, _ = written(SESSIONS)
    found = list(records_of(io.BytesIO(data)))
    assert b"".join(line + b"\n" for _, _, line in found) == b"".join(rows.lines for rows in SESSIONS)
    assert count_rows(data[-20_000:]) == len(found)


@pytest.mark.parametrize("group_bytes", [1, 1000, 100_000, 10_000_000])
def test_a_session_comes_out_of_the_column_chunks_that_it_stands_in(group_bytes: int) -> None:
    data, pieces, chunks = written(SESSIONS, group_bytes=group_bytes)
    for rows, of_session in zip(SESSIONS, pieces, strict=True):
        lines = b""
        for piece in of_session:
            chunk = chunks[piece.group]
            segment, place = segment_of(piece, chunk)
            lines += lines_of_chunk(segment, place, data[chunk.offset : chunk.offset + chunk.length])
        assert lines == rows.lines


def test_a_session_that_has_room_in_one_row_group_stands_in_one() -> None:
    _, pieces, _ = written([rows_of(str(number), ["x" * 300] * 5) for number in range(20)], group_bytes=5000)
    assert [len(each) for each in pieces] == [1] * 20
    assert len({each[0].group for each in pieces}) > 1


def test_a_flipped_or_missing_byte_is_damage() -> None:
    data, pieces, chunks = written(SESSIONS[:2])
    segment, place = segment_of(pieces[1][0], chunks[0])
    chunk = data[place.offset : place.offset + place.length]
    for at in range(len(chunk)):
        damaged = bytearray(chunk)
        damaged[at] ^= 0x41
        # A byte of a page's header that says nothing of use may be another one: never is the content.
        with suppress(CorruptObject):
            assert lines_of_chunk(segment, place, bytes(damaged)) == SESSIONS[1].lines
        with pytest.raises(CorruptObject, match=NAME):
            lines_of_chunk(segment, place, chunk[:at])


def _number(value: int) -> bytes:
    """Return a number as the header of a page has it."""
    value, found = (value << 1) ^ (value >> 63), b""
    while value >= 128:
        value, found = value >> 7, found + bytes([value & 127 | 128])
    return found + bytes([value])


def _page(content: bytes, *, kind: int = 0, size: int | None = None, encoding: int = 0, more: bytes = b"") -> bytes:
    """Return a page of one value, as another writer might have made it. `more` is put into its header."""
    packed = zstandard.ZstdCompressor().compress(content)
    about = b"\x15" + _number(1) + b"\x15" + _number(encoding) + b"\x00"
    fields = [b"\x15" + _number(each) for each in (kind, len(content) if size is None else size, len(packed))]
    return b"".join(fields) + b"\x2c" + about + more + b"\x00" + packed


def _read_as_only_record(chunk: bytes, line: bytes) -> bytes:
    digest = hashlib.sha256(line + b"\n").hexdigest()
    place = PackPlace(NAME, 0, len(chunk), 0)
    return lines_of_chunk(Segment("0" * 37, 0, 1, len(line) + 1, digest, None, place=place), place, chunk)


_LINE = b'{"seq":0}'
_VALUE = len(_LINE).to_bytes(4, "little") + _LINE


@pytest.mark.parametrize(
    "more",
    [b"", b"\x13\x07", b"\x11\x12", b"\x05" + _number(300) + _number(-5), b"\x1c\x1c\x00\x00"],
    ids=["none", "a-byte", "yes-and-no", "a-far-number", "structs"],
)
def test_a_page_may_say_more_of_itself(more: bytes) -> None:
    assert _read_as_only_record(_page(_VALUE, more=more), _LINE) == _LINE + b"\n"


@pytest.mark.parametrize(
    "chunk",
    [
        _page(_VALUE, kind=2),
        _page(_VALUE, encoding=8),
        _page(_VALUE, size=-1),
        _page(_VALUE, size=2**40),
        _page(_VALUE, more=b"\x1c" * 6 + b"\x00" * 6),
        _page(_VALUE, more=b"\x18\x01a"),
        _page(_VALUE, more=b"\x15\x00" * 64),
        _page(_VALUE, more=b"\x15" + b"\xff" * 11),
        _page(b"\xff\xff\x00\x00" + _LINE),
        b"\x00",
    ],
    ids=["a-dictionary", "encoded", "below-zero", "huge", "deep", "text", "many-fields", "long", "cut-short", "empty"],
)
def test_a_page_of_another_kind_is_damage(chunk: bytes) -> None:
    with pytest.raises(CorruptObject, match=NAME):
        _read_as_only_record(chunk, _LINE)


def test_the_footer_shows_nothing_of_what_was_said() -> None:
    data, _, chunks = written([rows_of("one", [{"content": "secret-" + "x" * 50}], ["secret-key"])])
    assert b"secret" not in data[chunks[0].offset + chunks[0].length :]


def test_another_file_is_refused() -> None:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), sink)
    with pytest.raises(InvalidOption, match="s3store"):
        list(records_of(io.BytesIO(sink.getvalue())))
