"""The Parquet files that packs and exports are: one row for each record, with its exact bytes.

pyarrow is the extra `s3store[longterm]`. It is imported when first needed: reading a packed session does without.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidOption
from ..streams.records import decode_lines, split_lines
from ..times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..jsontext import JsonValue

ROW_GROUP_BYTES = 2 * 1024 * 1024
"""The most JSON that one row group holds, unless a single record is larger: what the load of one session reads."""
LEVEL = 6
"""The zstd level. Packs are written once, by somebody who can wait: 3 makes them a fifth larger, 9 halves the speed for
a twentieth."""
FORMAT_KEY = b"s3store.format"
"""The name under which a file says, in its key-value metadata, what it is."""
PARQUET_FORMAT = b"s3store.records/1"
"""What a file says of itself there."""
RECORD_COLUMN = "record"
"""The column with the bytes of the records. Plain, required, without a dictionary and without statistics: its pages
hold nothing but the lines, each behind its length, and a footer shows nothing of what was said."""
ROW_OVERHEAD = 4
"""How many bytes a page spends on a line beside the line itself."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one stream that follow each other, on their way into a file."""

    session: str
    incarnation: str
    stream: str
    agent: str | None
    first: int
    count: int
    lines: bytes
    """As they stand in a segment: JSON, one record a line."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a part of some rows stands: never in more than one row group."""

    group: int
    row: int
    """The number of its first row within the row group."""
    first: int
    count: int
    lines: bytes


class ChunkPlace(NamedTuple):
    """Where the records of one row group stand in the file, in bytes."""

    offset: int
    length: int


def pyarrow() -> Any:
    """Return pyarrow with its Parquet module. Raises `InvalidOption` where it is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise InvalidOption(
            "packs and Parquet files need pyarrow, which is not installed: pip install 's3store[longterm]'"
        ) from None
    return pa


def schema() -> Any:
    """Return the schema of the files, as pyarrow has it."""
    arrow = pyarrow()
    return arrow.schema(
        [
            arrow.field("session", arrow.string(), nullable=False),
            arrow.field("incarnation", arrow.string(), nullable=False),
            arrow.field("stream", arrow.string(), nullable=False),
            arrow.field("agent", arrow.string()),
            arrow.field("seq", arrow.int64(), nullable=False),
            arrow.field("at", arrow.timestamp("us", tz="UTC"), nullable=False),
            arrow.field("key", arrow.string()),
            arrow.field(RECORD_COLUMN, arrow.string(), nullable=False),
        ],
        metadata={FORMAT_KEY: PARQUET_FORMAT},
    )


class ParquetRows:
    """Writes rows to a file that is not held: what is done of it is taken off by `take`.

    Small streams share a row group, and stand in one; large ones take several. Raises `InvalidOption` where pyarrow is
    missing.
    """

    def __init__(self, *, group_bytes: int = ROW_GROUP_BYTES) -> None:
        self._arrow = pyarrow()
        self._group_bytes = group_bytes
        self._schema = schema()
        self._sink = _Sink()
        self._metadata: list[Any] = []
        self._writer = self._arrow.parquet.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            compression_level=LEVEL,
            # One page for a row group: sessions that are alike compress together, and a reader takes all of it anyway.
            data_page_size=2 * max(group_bytes, ROW_GROUP_BYTES),
            use_dictionary=["session", "incarnation", "stream", "agent"],
            # Least and greatest values would put keys and content into the footer.
            write_statistics=["session", "stream", "seq", "at"],
            data_page_version="1.0",
            metadata_collector=self._metadata,
        )
        self._columns: dict[str, list[JsonValue | datetime]] = {name: [] for name in self._schema.names}
        self._pending = 0
        self._groups = 0
        self.json_bytes = 0
        """How many bytes of lines were added."""

    @property
    def size(self) -> int:
        """How many bytes of the file are written; what waits for the end of its row group is not among them."""
        return self._sink.written

    def add(self, rows: Rows) -> list[Piece]:
        """Add rows, and say where they will stand. Raises `CorruptObject` unless the lines are the records due."""
        if self._pending and self._pending + len(rows.lines) > self._group_bytes:
            self._end_group()
        decoded = decode_lines(f"session {rows.session!r}", rows.first, rows.count, rows.lines)
        pieces: list[Piece] = []
        start = 0
        lines = split_lines(rows.lines)
        for place, line in enumerate(lines):
            if self._pending and self._pending + len(line) > self._group_bytes:
                if place > start:
                    pieces.append(self._piece(rows, lines, start, place))
                self._end_group()
                start = place
            self._add_row(rows, decoded[place]["seq"], decoded[place]["at"], decoded[place].get("key"), line)
        if len(lines) > start:
            pieces.append(self._piece(rows, lines, start, len(lines)))
        self.json_bytes += len(rows.lines)
        return pieces

    def take(self) -> bytes:
        """Return what was written since this was last called."""
        return self._sink.take()

    def finish(self) -> list[ChunkPlace]:
        """Write the end of the file, which `take` returns, and say where the records of each row group stand."""
        self._end_group()
        self._writer.close()
        (metadata,) = self._metadata
        column = self._schema.get_field_index(RECORD_COLUMN)
        chunks = [metadata.row_group(number).column(column) for number in range(metadata.num_row_groups)]
        return [ChunkPlace(chunk.data_page_offset, chunk.total_compressed_size) for chunk in chunks]

    def _piece(self, rows: Rows, lines: list[bytes], start: int, end: int) -> Piece:
        row = len(self._columns["seq"]) - (end - start)
        text = b"".join(line + b"\n" for line in lines[start:end])
        return Piece(self._groups, row, rows.first + start, end - start, text)

    def _add_row(self, rows: Rows, seq: int, at: str, key: str | None, line: bytes) -> None:
        values = (rows.session, rows.incarnation, rows.stream, rows.agent, seq, parse_time(at), key, line.decode())
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._pending += len(line) + ROW_OVERHEAD

    def _end_group(self) -> None:
        if not self._pending:
            return
        table = self._arrow.table(self._columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=table.num_rows)
        for column in self._columns.values():
            column.clear()
        self._pending = 0
        self._groups += 1


class _Sink(io.RawIOBase):
    """A file that only ever grows, and lets go of what has been taken."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self.written += len(part)
        return len(part)

    def tell(self) -> int:
        return self.written

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def count_rows(tail: bytes) -> int:
    """Return how many rows a file says that it has. `tail` are its last bytes, the footer among them.

    Raises `ValueError` if that is no end of a Parquet file.
    """
    arrow = pyarrow()
    try:
        return int(arrow.parquet.read_metadata(arrow.BufferReader(tail)).num_rows)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError("no end of a Parquet file") from error


def records_of(file: Any) -> Iterator[tuple[str, str, bytes]]:
    """Yield session, stream and exact line (without its line end) of each row of a file, a row group at a time.

    `file` is a path or an open binary file. Raises `InvalidOption` where pyarrow is missing, and for a file of another
    kind.
    """
    arrow = pyarrow()
    opened = arrow.parquet.ParquetFile(file)
    if (opened.schema_arrow.metadata or {}).get(FORMAT_KEY) != PARQUET_FORMAT:
        raise InvalidOption("not a Parquet file of s3store: its metadata does not say so")
    for number in range(opened.num_row_groups):
        group = opened.read_row_group(number, columns=["session", "stream", RECORD_COLUMN]).to_pydict()
        for session, stream, record in zip(*group.values(), strict=True):
            yield session, stream, record.encode()
