"""Brings into the archive what is new of one file: all of it at first, then what has been added since.

A file that was cut or written anew is another version of its session: that is kept under the session's id with `~2`
behind it, or the next number that is free, and what the archive has stays as it is. Nothing is ever taken away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..changes import Extend, ReplaceLast, Update
from ..errors import Conflict, InvalidOption, SessionNotFound
from ..importers.base import header_text, plain_name
from ..importers.formats import read
from ..importers.lines import FileLines, parse_line, raw_line
from ..reading import Titles
from ..times import format_time
from .expanded import COMPRESSED, expanded
from .files import LocalFile, keep_files, state_of
from .mark import ATTRIBUTE, Mark
from .tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..blocking import SessionStore
    from ..changes import Change
    from ..importers.base import SourceSession
    from ..jsontext import JsonValue
    from ..model import SessionInfo

BATCH_BYTES = 4 * 1024 * 1024
"""A commit stores lines of about as many bytes, and at least one line: so much of a file is held at a time."""

Outcome: TypeAlias = Literal["new", "grew", "unchanged", "rewritten", "files"]
"""What became of a session; `rewritten`: the file is another version, which is kept beside the one that there was;
`files`: it was about the files in the session's folder."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done with one file."""

    id: str
    """The session that holds the file as it is now."""
    path: str
    """The file's path within the tool's home."""
    outcome: Outcome
    added: int
    """How many lines were stored."""
    files: int = 0
    """How many files were stored as they are: what the session's folder holds, or the session's own, compressed."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The session that a file is brought into, and how far it is."""

    id: str
    info: SessionInfo | None
    mark: Mark


def keep(store: SessionStore, tool: str, path: Path, within: str, *, prefix: str = "") -> Kept:
    """Bring in what is new of a file of a tool, which stands at `within` in the tool's home.

    Reads what was added since the last time, and 8 KiB of the rest; all of it where the archive knows the session but
    not how far it came. Each commit builds on the version that was looked at: what others write meanwhile is not lost.
    Of a compressed file the lines are brought in, and the file itself beside them.
    Raises `OSError`, `InvalidOption`, `InvalidRecord` and `TooLarge` for a file that cannot be read or kept, and what
    `SessionStore.commit` raises.
    """
    if not path.name.endswith(COMPRESSED):
        return _keep_lines(store, tool, path, within, prefix)
    with expanded(path) as plain:
        kept = _keep_lines(store, tool, plain, within.removesuffix(COMPRESSED), prefix)
    return replace(kept, path=within, files=_keep_compressed(store, kept.id, path))


def keep_folder(store: SessionStore, tool: str, folder: Path, paths: Iterable[Path], *, prefix: str = "") -> Kept:
    """Keep files that lie in the folder of a session, as they are, if the session has been brought in.

    Without it nothing is kept, since nothing would say where they belong. Raises as `keep`, and `InvalidOption` for a
    tool whose sessions have no folders.
    """
    session_of = TOOLS[tool].session_id
    if session_of is None:
        raise InvalidOption(f"the sessions of {tool} have no folders")
    session_id = prefix + session_of(folder.with_name(folder.name + ".jsonl"))
    files = [LocalFile(path, path.relative_to(folder).as_posix()) for path in paths]
    stored = keep_files(store, session_id, files) if store.exists(session_id) else 0
    return Kept(session_id, plain_name(str(folder)), "files", 0, stored)


def _keep_compressed(store: SessionStore, session_id: str, path: Path) -> int:
    """Keep a session's own file as it is, with a note of which lines are in it. One without lines is no session yet."""
    mark = Mark.of(store.info(session_id)) if store.exists(session_id) else None
    return 0 if mark is None else keep_files(store, session_id, [LocalFile(path, path.name, state_of(mark))])


def _keep_lines(store: SessionStore, tool: str, path: Path, within: str, prefix: str) -> Kept:
    (session,) = read(path, tool)
    run = _Run(store, session, path, Mark(tool, within), prefix)
    try:
        return run()
    except Conflict:
        # Another run brought in the same meanwhile: look once more, there may be nothing left to do.
        return run()


@dataclass(frozen=True, slots=True)
class _Run:
    store: SessionStore
    session: SourceSession
    path: Path
    start: Mark
    prefix: str

    def __call__(self) -> Kept:
        size = FileLines.of(self.path).size
        found = self._find(size)
        before = 0 if found.info is None else found.info.count
        now = self._copy(found, size)
        outcome: Outcome = "unchanged"
        if found.info is None and now.records:
            outcome = "new" if found.id == self.prefix + self.session.id else "rewritten"
        elif now.records > before or now.bytes > found.mark.bytes:
            outcome = "grew"
        return Kept(found.id, self.start.path, outcome, now.records - before)

    def _find(self, size: int) -> _Found:
        """Return the first version of the session that the file goes on from; a new one if it does from none."""
        name = self.prefix + self.session.id
        number = 1
        while True:
            version = name if number == 1 else f"{name}~{number}"
            try:
                info = self.store.info(version)
            except SessionNotFound:
                return _Found(version, None, self.start)
            mark = self._mark_of(info, size)
            if mark is not None:
                return _Found(version, info, mark)
            number += 1

    def _mark_of(self, info: SessionInfo, size: int) -> Mark | None:
        """Return how far a session is with the file; None if the file does not go on from what the session holds."""
        mark = Mark.of(info)
        if mark is not None and mark.records == info.count and mark.holds(self.path, size):
            return replace(mark, format=self.start.format, path=self.start.path)
        return self._compared(info, size)

    def _compared(self, info: SessionInfo, size: int) -> Mark | None:
        """Compare all that a session holds: it was brought in by an import, or put back in another spelling."""
        lines = iter(FileLines(self.path, size))
        done = 0
        tail = False
        for record in self.store.records(info.id):
            line = next(lines, b"")
            tail = not line.endswith(b"\n")
            if not line or parse_line(line.removesuffix(b"\n"))[0] != record.message:
                if record.seq + 1 < info.count or not _begins(line, record.message):
                    return None
                tail = True
            done += 0 if tail else len(line)
        return self.start.moved_to(self.path, done, info.count, tail=tail)

    def _copy(self, found: _Found, size: int) -> Mark:
        """Store the lines from the mark on, and return the mark that this leads to."""
        mark, info = found.mark, found.info
        version = 0 if info is None else info.version
        for lines, done in _batches(self.path, mark.bytes, size):
            messages = [parse_line(line.removesuffix(b"\n"))[0] for line in lines]
            tail = not lines[-1].endswith(b"\n")
            moved = mark.moved_to(self.path, done, mark.complete + len(lines), tail=tail)
            if mark.tail and self._is_the_tail(found.id, messages, mark, moved):
                return mark
            if mark.tail:
                changes: list[Change] = [ReplaceLast(messages[0]), Extend(messages[1:])]
            else:
                changes = [Extend(messages)]
            update = Update(**self._said(info, messages, moved))
            info = self.store.commit(found.id, *changes, update, expected_version=version).info
            version, mark = info.version, moved
        return mark

    def _is_the_tail(self, session_id: str, messages: list[JsonValue], mark: Mark, moved: Mark) -> bool:
        """Tell whether there is nothing but the line without its end that the session holds already."""
        if (moved.bytes, moved.records) != (mark.bytes, mark.records):
            return False
        return bool(self.store.last(session_id, 1)[0].message == messages[0])

    def _said(self, info: SessionInfo | None, messages: list[JsonValue], mark: Mark) -> dict[str, JsonValue]:
        """Return the metadata to set: what the new lines say, but nothing that is said of the session already."""
        description = self.session.describe(messages)
        said = description.metadata
        attributes: dict[str, JsonValue] = dict(said.attributes)
        times = {"first_message_at": description.created_at, "last_message_at": description.updated_at}
        attributes |= {name: format_time(moment) for name, moment in times.items() if moment is not None}
        if info is None:
            parent = None if said.parent is None else self.prefix + said.parent
            return {
                "name": said.name,
                "agent": said.agent,
                "parent": parent,
                "attributes": {**attributes, ATTRIBUTE: mark.to_json()},
            }
        last: dict[str, JsonValue] = {
            name: attributes[name] for name in ("last_message_at", "model") if name in attributes
        }
        kept: dict[str, JsonValue] = {**attributes, **info.metadata.attributes, **last, ATTRIBUTE: mark.to_json()}
        fields: dict[str, JsonValue] = {"attributes": kept}
        name = _given_title(messages) or (said.name if info.metadata.name is None else None)
        return fields if name is None else {**fields, "name": name}


def _begins(line: bytes, message: JsonValue) -> bool:
    """Tell whether a message is a raw line that was half of this line: it will take its place, and nothing is lost."""
    half = raw_line(message)
    return half is not None and line.startswith(half)


def _given_title(messages: list[JsonValue]) -> str | None:
    titles = Titles()
    for message in messages:
        titles.add(message)
    return header_text(titles.given())


def _batches(path: Path, start: int, size: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield the lines from the byte `start` on in bounded parts, each with where its last complete line ends.

    Raises `InvalidRecord` if the file has become shorter.
    """
    lines: list[bytes] = []
    done, waiting = start, 0
    for line in FileLines(path, size, start):
        if waiting >= BATCH_BYTES:
            yield lines, done
            lines, waiting = [], 0
        lines.append(line)
        waiting += len(line)
        done += len(line) if line.endswith(b"\n") else 0
    if lines:
        yield lines, done
