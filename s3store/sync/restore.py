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
from .mark import Mark
from .tools import TOOLS, project_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..blocking import SessionStore
    from ..model import SessionInfo

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
    """Put back a session that `keep` brought in, then those of its sub-agents, and yield each as it is done.

    `to` is the tool's home, where it is another one than the tool itself would take. With `project`, a session of
    Claude Code is put where the tool looks for it when it runs in that directory: on a machine where the project lies
    elsewhere. Lines that were no JSON come back byte for byte, the others as equal JSON. A file appears when it is
    whole. Raises `InvalidOption` for a session that was not brought in by `keep`, and for a place where another file
    is, unless `force` is given; `SessionNotFound`; `OSError`.
    """
    info = store.info(session_id)
    yield _put_back(store, info, to, project, force=force)
    for child in store.list(parent=session_id):
        child_info = store.info(child.id)
        if Mark.of(child_info) is not None:
            yield _put_back(store, child_info, to, project, force=force)


def _put_back(
    store: SessionStore, info: SessionInfo, to: Path | None, project: Path | None, *, force: bool
) -> Restored:
    mark = Mark.of(info)
    if mark is None or mark.format not in TOOLS:
        raise InvalidOption(
            f"session {info.id!r}: was not brought in by `s3store sync`; `s3store export` writes it out"
        )
    target = _target(info.id, mark, (to or TOOLS[mark.format].root()).absolute(), project)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".s3store-", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(_lines(store, info, mark))
            file.flush()
            os.fsync(file.fileno())
        return Restored(info.id, target, _move(part, target, force=force))
    finally:
        part.unlink(missing_ok=True)


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
    target = root.joinpath(*parts)
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
