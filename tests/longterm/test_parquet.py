"""Records in Parquet files: any reader gives their exact bytes, and one ranged read those of a session."""

import hashlib
import io
from contextlib import suppress
from typing import Any

import pyarrow.parquet
import pytest

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


def test_the_footer_shows_nothing_of_what_was_said() -> None:
    data, _, chunks = written([rows_of("one", [{"content": "secret-" + "x" * 50}], ["secret-key"])])
    assert b"secret" not in data[chunks[0].offset + chunks[0].length :]


def test_another_file_is_refused() -> None:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), sink)
    with pytest.raises(InvalidOption, match="s3store"):
        list(records_of(io.BytesIO(sink.getvalue())))
