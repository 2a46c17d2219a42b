"""The files that an export writes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ..errors import InvalidOption, InvalidRecord
from ..importers.documents import DOCUMENT, rebuild
from ..importers.lines import MARK, canonical, write_line
from ..importers.plan import ATTRIBUTE, ImportState
from ..keys import encode_id
from .output import json_bytes, record_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..model import Record, SessionInfo

FORMATS = ("jsonl", "records", "source")
"""What can be written: the messages as lines, the records as lines, or the file that was imported."""

_LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written."""

    path: Path
    messages: int


@dataclass(frozen=True, slots=True)
class Content:
    """What an export writes of one session: pieces of a file with this suffix. May be iterated once."""

    suffix: str
    messages: int
    pieces: Iterator[bytes]


class Folder:
    """Where the files go. Made if it is missing, for its owner's eyes only, as the files are."""

    def __init__(self, path: Path, *, force: bool) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._force = force

    def write(self, store: SessionStore, session_id: str, format_name: str) -> Written:
        """Write one session to a file, which appears when it is whole.

        Raises `InvalidOption` where there is a file already and `force` is off, and what `content` raises.
        """
        content = content_of(store, session_id, format_name)
        # The id encoded as in a key is one harmless name: never a path, never hidden in another folder.
        target = self.path / (encode_id(session_id) + content.suffix)
        if not self._force and os.path.lexists(target):
            raise InvalidOption(f"{target}: is there already; --force writes over it")
        descriptor, part = tempfile.mkstemp(prefix=".s3store-", suffix=".part", dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(content.pieces)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise
        return Written(target, content.messages)


def content_of(store: SessionStore, session_id: str, format_name: str) -> Content:
    """Return what to write of a session in one of `FORMATS`.

    Raises `SessionNotFound`, and `InvalidRecord` for a session that is no longer what was imported where the file it
    came from is asked for, but was one JSON text.
    """
    info = store.info(session_id)
    state = _state(info)
    if format_name == "records":
        lines = (json_bytes(record_json(record)) + b"\n" for record in store.records(session_id))
        return Content(".records.jsonl", info.count, lines)
    if format_name == "source" and state is not None:
        document = _document(store, info, state)
        if document is not None:
            return document
    return Content(".jsonl", info.count, _lines(store.records(session_id), info, state))


def _state(info: SessionInfo) -> ImportState | None:
    notes = info.metadata.attributes.get(ATTRIBUTE)
    return None if notes is None else ImportState.from_json(notes)


def _lines(records: Iterator[Record], info: SessionInfo, state: ImportState | None) -> Iterator[bytes]:
    # The last line of a file may have had no end; it gets none here, so that the file comes out as it went in.
    open_end = state is not None and state.tail is not None and state.records == info.count
    for record in records:
        is_last = record.seq + 1 == info.count
        yield write_line(record.message) + (b"" if open_end and is_last and not _is_rest(record.message) else b"\n")


def _document(store: SessionStore, info: SessionInfo, state: ImportState) -> Content | None:
    """Return the JSON text that a session was imported from; None if it came from lines."""
    last = store.last(info.id, 1)
    if not (last and _is_rest(last[0].message)) and PurePath(state.source).suffix in _LINE_SUFFIXES:
        return None
    messages = store.load(info.id).messages
    if not any(map(_is_rest, messages)) and not _was_a_list(messages[: state.records], state):
        return None
    if len(messages) != state.records:
        raise InvalidRecord(f"session {info.id!r}: was changed since its import; write it with --format jsonl")
    return Content(".json", info.count, iter([json_bytes(rebuild(messages)) + b"\n"]))


def _was_a_list(messages: list[JsonValue], state: ImportState) -> bool:
    """Tell whether these messages stood in one JSON array: an import counts those in a fixed spelling."""
    digest = hashlib.sha256(b"".join(canonical(message) + b"\n" for message in messages))
    return digest.hexdigest() == state.sha256


def _is_rest(message: JsonValue) -> bool:
    return isinstance(message, dict) and message.get(MARK) == DOCUMENT
