"""The forms of an export: how the sessions of a partition become a file, and how it is read to be checked.

Each form gives the bytes that it holds of a session (its *content*) without compression, and a file gives the same
bytes back, one session after the other. Counts and hashes of a manifest are of these.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

import orjson
import zstandard

from ...errors import InvalidOption
from ...importers.lines import canonical
from ...streams.frames import LEVEL, MAX_CONTENT_BYTES
from ...streams.records import split_lines
from ...times import format_time
from ..parquet import ParquetRows, Rows, records_of
from .chat import Chat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ...jsontext import JsonValue
    from .snapshot import Snapshot

_CHUNK = 1024 * 1024


class Sink(Protocol):
    """Where a file's bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take more bytes."""
        ...


class FileWriter(Protocol):
    """Writes the file of one partition."""

    def add(self, snapshot: Snapshot) -> bytes:
        """Write one more session, and return its content."""
        ...

    def finish(self) -> None:
        """Write what is due at the end."""
        ...


class Form(Protocol):
    """A form of exports."""

    @property
    def suffix(self) -> str:
        """What the names of its files end with."""
        ...

    @property
    def prelude(self) -> bytes:
        """What stands in each file before the first session."""
        ...

    @property
    def takes_records(self) -> bool:
        """Whether it takes more of a session than what is said of it."""
        ...

    def writer(self, file: Sink) -> FileWriter:
        """Return what writes to a file."""
        ...

    def read(self, path: Path) -> Iterator[bytes]:
        """Yield what a file holds before compression, in pieces of bounded size. Raises `ValueError` for a damaged one.

        Raises `OSError` for one that cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class TextForm:
    """Lines of text."""

    suffix: str
    content: Callable[[Snapshot], bytes]
    prelude: bytes = b""
    takes_records: bool = True

    def writer(self, file: Sink) -> FileWriter:
        """See `Form`."""
        return _TextWriter(file, self)

    def read(self, path: Path) -> Iterator[bytes]:
        """See `Form`."""
        with path.open("rb") as file:
            source: IO[bytes] = file
            if self.is_compressed:
                decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_CONTENT_BYTES)
                source = decompressor.stream_reader(file, read_across_frames=True)
            try:
                while piece := source.read(_CHUNK):
                    yield piece
            except zstandard.ZstdError:
                raise ValueError("damaged zstd data") from None

    @property
    def is_compressed(self) -> bool:
        """Whether its files are zstd."""
        return self.suffix.endswith(".zst")


class _TextWriter:
    def __init__(self, file: Sink, form: TextForm) -> None:
        self._file = file
        self._form = form
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._compressing = compressor.compressobj() if form.is_compressed else None
        self._write(form.prelude)

    def add(self, snapshot: Snapshot) -> bytes:
        content = self._form.content(snapshot)
        self._write(content)
        return content

    def finish(self) -> None:
        if self._compressing is not None:
            self._file.write(self._compressing.flush())

    def _write(self, data: bytes) -> None:
        self._file.write(data if self._compressing is None else self._compressing.compress(data))


@dataclass(frozen=True, slots=True)
class ParquetForm:
    """The rows that packs have too. The content of a session is its records, exact to the byte, one a line."""

    suffix: str = ".parquet"
    prelude: bytes = b""
    takes_records: bool = True

    def writer(self, file: Sink) -> FileWriter:
        """See `Form`. Raises `InvalidOption` where pyarrow is missing."""
        return _ParquetWriter(file)

    def read(self, path: Path) -> Iterator[bytes]:
        """See `Form`. Raises `InvalidOption` where pyarrow is missing."""
        with path.open("rb") as file:
            try:
                for _, _, line in records_of(file):
                    yield line + b"\n"
            except InvalidOption as error:
                raise ValueError(str(error)) from None


class _ParquetWriter:
    def __init__(self, file: Sink) -> None:
        self._file = file
        self._rows = ParquetRows()

    def add(self, snapshot: Snapshot) -> bytes:
        info = snapshot.info
        agent = info.metadata.agent
        self._rows.add(Rows(info.id, info.incarnation, "transcript", agent, 0, info.count, snapshot.lines))
        self._file.write(self._rows.take())
        return snapshot.lines

    def finish(self) -> None:
        self._rows.finish()
        self._file.write(self._rows.take())


def _records(snapshot: Snapshot) -> bytes:
    """Return the records, each with the session in front. The line itself is not touched, so nothing is lost."""
    info = snapshot.info
    session = {"session": info.id, "incarnation": info.incarnation, "agent": info.metadata.agent}
    opening = orjson.dumps(session)[:-1] + b","
    return b"".join(opening + line[1:] + b"\n" for line in split_lines(snapshot.lines))


def _chat(snapshot: Snapshot) -> bytes:
    chat = Chat.of(snapshot.messages())
    line = {"session": snapshot.info.id, "messages": chat.messages, "left_out": chat.left_out}
    return canonical(line) + b"\n"


_COLUMNS = ("name", "agent", "channel", "room", "sender", "parent", "state")
_FACTS = ("id", "incarnation", "version", "count", "size", "created_at", "updated_at")


def _summary(snapshot: Snapshot) -> bytes:
    info = snapshot.info
    times = format_time(info.created_at), format_time(info.updated_at)
    facts = info.id, info.incarnation, info.version, info.count, info.size, *times
    said = (getattr(info.metadata, name) for name in _COLUMNS)
    return _csv_line([*facts, *said, orjson.dumps(sorted(info.metadata.labels)).decode()])


def _csv_line(values: list[JsonValue]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode()


FORMS: dict[str, Form] = {
    "parquet": ParquetForm(),
    "jsonl.zst": TextForm(".jsonl.zst", _records),
    "chat": TextForm(".jsonl", _chat),
    "csv": TextForm(".csv", _summary, _csv_line([*_FACTS, *_COLUMNS, "labels"]), takes_records=False),
}
"""Every form by its name: the rows of packs; records as lines; conversations for training; what listings show."""


def form_named(name: str) -> Form:
    """Return a form. Raises `InvalidOption` for a name that is none."""
    if name not in FORMS:
        raise InvalidOption(f"there is no form {name!r} of an export; there are {', '.join(FORMS)}")
    return FORMS[name]
