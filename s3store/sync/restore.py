"""Puts a session back where its tool finds it, on this machine or another one."""

from __future__ import annotations

import filecmp
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import InvalidOption
from ..importers import claude_code
from ..importers.lines import write_line
from .expanded import COMPRESSED
from .files import kept_files, state_of
from .mark import Mark
from .tools import TOOLS, project_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..blocking import SessionStore
    from ..model import SessionInfo
    from .files import KeptFile

PutBack: TypeAlias = Literal["restored", "there already"]
"""What became of a file; `there already`: just this file is where it belongs."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One session that is where its tool finds it."""

    id: str
    path: Path
    outcome: PutBack


def restore(
    store: SessionStore,
    session_id: str,
    *,
    to: Path | None = None,
    project: Path | None = None,
    force: bool = False,
) -> Iterator[Restored]:
    """Put back a session that `keep` brought in, its files, then those of its sub-agents, and yield each as it is done.

    `to` is the tool's home, where it is another one than the tool itself would take. With `project`, a session of
    Claude Code is put where the tool looks for it when it runs in that directory: on a machine where the project lies
    elsewhere. Lines that were no JSON come back byte for byte, the others as equal JSON; a compressed file comes back
    as it was, unless the session has grown since, and what a session's folder held as it was last. A file appears when
    it is whole. Raises `InvalidOption` for a session that was not brought in by `keep`, and for a place where another
    file is, unless `force` is given; `SessionNotFound`; `OSError`.
    """
    info = store.info(session_id)
    yield from _put_back(store, info, to, project, force=force)
    for child in store.list(parent=session_id):
        child_info = store.info(child.id)
        if Mark.of(child_info) is not None:
            yield from _put_back(store, child_info, to, project, force=force)


def _put_back(
    store: SessionStore, info: SessionInfo, to: Path | None, project: Path | None, *, force: bool
) -> Iterator[Restored]:
    mark = Mark.of(info)
    if mark is None or mark.format not in TOOLS:
        raise InvalidOption(
            f"session {info.id!r}: was not brought in by `s3store sync`; `s3store export` writes it out"
        )
    root = (to or TOOLS[mark.format].root()).absolute()
    target = _target(info.id, mark, root, project)
    owner = _owner(info.id, mark)
    files = kept_files(store, owner)
    whole = next((each for each in files if info.count == mark.records and each.holds == state_of(mark)), None)
    if whole is not None:
        target = target.with_name(target.name + COMPRESSED)
        yield Restored(info.id, target, _write(target, _content(store, owner, whole), force=force))
        return
    yield Restored(info.id, target, _write(target, _lines(store, info, mark), force=force))
    for file in (each for each in files if each.holds is None):
        path = _within(root, target.with_suffix(""), file.name)
        yield Restored(info.id, path, _write(path, _content(store, owner, file), force=force))


def _owner(session_id: str, mark: Mark) -> str:
    """Return the session that the files of a session are kept with: of several versions, they are with the first."""
    stem = PurePosixPath(mark.path).stem
    if TOOLS[mark.format].session_id is None or session_id.endswith(f"/{stem}"):
        return session_id
    return session_id.rpartition("~")[0] or session_id


def _write(target: Path, pieces: Iterable[bytes], *, force: bool) -> PutBack:
    """Write a file beside its place, and give it its name when it is whole."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".s3store-", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        return _move(part, target, force=force)
    finally:
        part.unlink(missing_ok=True)


def _content(store: SessionStore, owner: str, file: KeptFile) -> Iterator[bytes]:
    return store.artifacts(owner).stream(file.artifact)


def _within(root: Path, folder: Path, name: str) -> Path:
    """Return where a file of a session's folder belongs: within that, whatever the archive says of its name."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise InvalidOption(f"{name!r}: is no name of a file in the folder of a session")
    return _contained(root, folder.joinpath(*parts))


def _target(session_id: str, mark: Mark, root: Path, project: Path | None) -> Path:
    """Return where a session belongs. What the archive says of that is not believed further than into the home."""
    parts = list(PurePosixPath(mark.path).parts)
    folders = TOOLS[mark.format].folders
    if len(parts) < 2 or parts[0] not in folders or ".." in parts or not parts[-1].endswith(".jsonl"):
        raise InvalidOption(f"session {session_id!r}: what it says of its place is none of {mark.format}'s")
    if project is not None:
        if mark.format != claude_code.FORMAT:
            raise InvalidOption(
                f"--project is for sessions of {claude_code.FORMAT}; {mark.format} has no folders of projects"
            )
        parts[1] = project_name(project)
    return _contained(root, root.joinpath(*parts))


def _contained(root: Path, target: Path) -> Path:
    """Return a place, if it is in the tool's home."""
    if not Path(os.path.realpath(target)).is_relative_to(os.path.realpath(root)):
        raise InvalidOption(f"{target}: leads out of {root} by a symbolic link")
    return target


def _lines(store: SessionStore, info: SessionInfo, mark: Mark) -> Iterator[bytes]:
    # The last line of a file may have had no end; it gets none here.
    open_end = mark.tail and mark.records == info.count
    for record in store.records(info.id):
        last = record.seq + 1 == info.count
        yield write_line(record.message) + (b"" if open_end and last else b"\n")


def _move(part: Path, target: Path, *, force: bool) -> PutBack:
    """Give a whole file its name, unless another file has it."""
    if force:
        os.replace(part, target)
        return "restored"
    try:
        os.link(part, target)
    except FileExistsError:
        if target.is_file() and filecmp.cmp(part, target, shallow=False):
            return "there already"
        raise InvalidOption(f"{target}: another file is there already; --force writes over it") from None
    return "restored"
