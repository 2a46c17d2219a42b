"""`s3store sync`: keep the sessions of coding agents, and put them back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import AccessDenied, BucketNotFound, S3StoreError, StoreNotCapable, StoreUnavailable
from ..importers.base import plain_name
from ..sync.keep import Kept, keep, keep_folder
from ..sync.restore import restore
from ..sync.seen import Seen
from ..sync.tools import TOOLS
from .archive import ArchiveCommand, archive_options, open_store, settings, workers
from .exits import SOME_FAILED, message_of
from .output import json_line, one_line, plural
from .parallel import side_by_side

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from ..blocking import SessionStore
    from ..sync.tools import Tool

_MEET_ALL = (AccessDenied, BucketNotFound, StoreNotCapable, StoreUnavailable)
"""Errors that every other session would meet as well."""
_SHORTEST_WAIT = 0.1


@click.group(
    name="sync",
    short_help="Keep the sessions of coding agents, and put them back.",
    params=archive_options(hidden=True),
)
def command() -> None:
    r"""Keep the sessions of coding agents for good, also those that the tool deletes, and put them back.

    What was brought in stays, whatever becomes of the local file. Done again, only what was added to a file is read
    and stored; where nothing was, nothing is sent. For cron, or a hook of the tool:

    \b
        */5 * * * *  s3store sync claude-code --quiet
    """


def _of_tool(tool: Tool) -> click.Command:
    """Return the command that keeps the sessions of a tool."""

    @click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"The tool's home. [default: ${tool.variable} or {tool.home}]",
    )
    @click.option("--prefix", default="", metavar="TEXT", help="Put this before each session's id.")
    @click.option("--watch", is_flag=True, help="Look again and again, until somebody ends it.")
    @click.option("--every", default=5.0, show_default=True, metavar="SECONDS", help="How long --watch waits between.")
    @click.option("--quiet", is_flag=True, help="Tell of nothing but what failed.")
    @click.option("--json", "as_json", is_flag=True, help="Report in JSON lines.")
    def sync(*, home: Path | None, prefix: str, watch: bool, every: float, quiet: bool, as_json: bool) -> None:
        if not every >= _SHORTEST_WAIT:
            raise click.BadParameter(f"is {_SHORTEST_WAIT} seconds or more", param_hint="--every")
        report = _Report(quiet=quiet, as_json=as_json)
        root = (home or tool.root()).absolute()
        with open_store(to_write=True) as store:
            while True:
                try:
                    _once(store, tool, root, prefix, report)
                except StoreUnavailable as error:
                    if not watch:
                        raise
                    click.echo(f"{one_line(str(error))}; trying again", err=True)
                if not watch:
                    break
                time.sleep(every)
        report.end(root)
        if report.failed:
            raise click.exceptions.Exit(SOME_FAILED)

    help_text = f"Bring in what is new of the sessions of {tool.name} on this machine."
    return click.command(cls=ArchiveCommand, name=tool.name, short_help=help_text, help=help_text)(sync)


for _tool in TOOLS.values():
    command.add_command(_of_tool(_tool))


@command.command(cls=ArchiveCommand, name="restore", short_help="Put a session back where its tool finds it.")
@click.argument("session_id", metavar="ID")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The tool's home, if it is another."
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the project lies on this machine, if that is elsewhere (Claude Code).",
)
@click.option("--force", is_flag=True, help="Write over a file that is another one.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines.")
def restore_command(*, session_id: str, to: Path | None, project: Path | None, force: bool, as_json: bool) -> None:
    """Put a session back where its tool finds it, with the files in its folder and the sessions of its sub-agents.

    A file that is there already and is another one stays, unless --force is given. Lines come back as they were;
    those that are JSON perhaps in another spelling.
    """
    with open_store() as store:
        for done in restore(store, session_id, to=to, project=project, force=force):
            path = plain_name(str(done.path))
            if as_json:
                json_line({"type": "session", "id": done.id, "path": path, "outcome": done.outcome})
            else:
                click.echo(f"{done.outcome}  {one_line(path)}")


def _once(store: SessionStore, tool: Tool, root: Path, prefix: str, report: _Report) -> None:
    """Bring in what is new of all files of a tool."""
    seen = Seen(f"{settings().url()} {prefix}", root)
    sessions = [_Job(path, [(path, found)]) for path, found in tool.files(root)]
    folders = [_Job(folder, files) for folder, files in tool.beside(root)]
    seen.keep_only(_within(root, path) for job in (*sessions, *folders) for path, _ in job.files)

    def changed(jobs: list[_Job]) -> list[_Job]:
        return [job for job in jobs if not all(seen.has(_within(root, path), found) for path, found in job.files)]

    def do(jobs: list[_Job], keeping: Callable[[_Job], Kept]) -> Iterator[tuple[_Job, Kept]]:
        for job, result in side_by_side(partial(_done, keeping), jobs, workers()):
            report.add(_within(root, job.place), result)
            if isinstance(result, Kept):
                for path, found in job.files:
                    seen.note(_within(root, path), found)
                yield job, result

    def keep_session(job: _Job) -> Kept:
        return keep(store, tool.name, job.place, _within(root, job.place), prefix=prefix)

    def keep_beside(job: _Job) -> Kept:
        return keep_folder(store, tool.name, job.place, [path for path, _ in job.files], prefix=prefix)

    to_keep = changed(sessions)
    report.unchanged += len(sessions) - len(to_keep)
    try:
        new = {job.place.with_suffix("") for job, kept in do(to_keep, keep_session) if kept.outcome == "new"}
        # A folder whose session was not there before was passed over then, and is looked at now.
        to_keep = [job for job in folders if job.place in new or job in changed([job])]
        for _ in do(to_keep, keep_beside):
            pass
    finally:
        seen.save()


@dataclass(frozen=True, slots=True)
class _Job:
    """What is brought in by one piece of work: the file of a session, or what its folder holds beside."""

    place: Path
    files: list[tuple[Path, os.stat_result]]


def _done(keeping: Callable[[_Job], Kept], job: _Job) -> tuple[_Job, Kept | str]:
    """Do a job, and tell what was done or why it could not be; called from several threads."""
    try:
        return job, keeping(job)
    except _MEET_ALL:
        raise
    except S3StoreError as error:
        return job, message_of(error)
    except OSError as error:
        return job, f"cannot be read: {error.strerror}"


def _within(root: Path, path: Path) -> str:
    return plain_name(path.relative_to(root).as_posix())


class _Report:
    """Tells of each file that is not as it was, and the sum."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self.unchanged = 0
        self.failed = 0
        self._quiet = quiet
        self._as_json = as_json
        self._counts = dict.fromkeys(("new", "grew", "rewritten"), 0)
        self._lines = 0
        self._files = 0

    def add(self, path: str, result: Kept | str) -> None:
        """Tell of one file."""
        if isinstance(result, str):
            self.failed += 1
            if self._as_json:
                json_line({"type": "session", "path": path, "outcome": "failed", "reason": result})
            else:
                click.echo(f"failed     {one_line(path)}: {one_line(result)}", err=True)
            return
        self._files += result.files
        if result.outcome in self._counts:
            self._counts[result.outcome] += 1
            self._lines += result.added
        elif result.outcome == "unchanged":
            self.unchanged += 1
        if result.files or result.outcome in self._counts:
            self._tell(result)

    def _tell(self, kept: Kept) -> None:
        if self._as_json:
            about = {"id": kept.id, "path": kept.path, "outcome": kept.outcome}
            json_line({"type": "session", **about, "added": kept.added, "files": kept.files})
        elif not self._quiet or kept.outcome == "rewritten":
            beside = ", beside the version that there was" if kept.outcome == "rewritten" else ""
            click.echo(f"{kept.outcome:<9}  {one_line(kept.id)}  {_stored(kept.added, kept.files)}{beside}")

    def end(self, root: Path) -> None:
        """Tell the sum."""
        counts = {**self._counts, "unchanged": self.unchanged, "failed": self.failed}
        if self._as_json:
            json_line({"type": "summary", **counts, "lines": self._lines, "files": self._files})
        elif not self._quiet:
            if not any(counts.values()) and not self._files:
                click.echo(f"no session files were found in {one_line(plain_name(str(root)))}", err=True)
                return
            counted = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
            click.echo(f"{counted}; {_stored(self._lines, self._files)} stored")


def _stored(lines: int, files: int) -> str:
    return plural(lines, "line") + (f", {plural(files, 'file')}" if files else "")
