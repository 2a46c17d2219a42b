"""`s3store import`."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import AccessDenied, BucketNotFound, S3StoreError, StoreNotCapable, StoreUnavailable
from ..importers.detect import SourceFile, discover
from ..importers.engine import import_session
from ..importers.formats import READERS, read
from .archive import ArchiveCommand, open_store, workers
from .exits import SOME_FAILED, message_of
from .import_report import Failed, Report
from .parallel import side_by_side
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..blocking import SessionStore
    from ..importers.base import Problem, SourceSession
    from ..importers.engine import Imported

_AUTO = "auto"
_MEET_ALL = (AccessDenied, BucketNotFound, StoreNotCapable, StoreUnavailable)
"""Errors that every other session would meet as well."""


class _StoppedError(Exception):
    """No more is wanted; what was stored so far stands."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A session to import; None where the file could not be read (further)."""

    file: SourceFile
    place: int
    session: SourceSession | None
    error: S3StoreError | None = None


@click.command(cls=ArchiveCommand, name="import", short_help="Bring in sessions from files of other tools.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice([_AUTO, *READERS]),
    default=_AUTO,
    show_default=True,
    help="What wrote the files. In a folder, files of another format are passed over.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and write nothing.")
@click.option(
    "--replace",
    is_flag=True,
    help="Where a file was rewritten, or its session changed in the archive: make the session what the file is.",
)
@click.option("--prefix", default="", metavar="TEXT", help="Put this before each session's id.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines.")
def command(
    *, paths: tuple[Path, ...], format_name: str, dry_run: bool, replace: bool, prefix: str, as_json: bool
) -> None:
    """Bring in the sessions of files, or of all files in folders.

    Done again, only what is new or has grown is stored. No line is changed or dropped; a line that is no JSON is
    kept as it is and reported. A session is refused, unless --replace is given, if its file was rewritten or if
    it was changed in the archive since. Ends with 1 if any session was refused or failed.
    """
    files, unreadable = _find(paths, format_name)
    with open_store(to_write=True) as store, Progress("import", len(files)) as progress:
        report = Report(progress, as_json=as_json, dry_run=dry_run)
        for problem in unreadable:
            report.add(Failed(None, problem.source, None, problem.what))
        job = _Job(store, prefix=prefix, replace=replace, dry_run=dry_run)
        with closing(side_by_side(job, _items(files), workers(), stop=job.stop)) as results:
            for place, result in results:
                progress.at(place)
                report.add(result)
    report.end()
    if report.incomplete:
        raise click.exceptions.Exit(SOME_FAILED)


class _Job:
    """Imports one session; called from several threads."""

    def __init__(self, store: SessionStore, *, prefix: str, replace: bool, dry_run: bool) -> None:
        self._store = store
        self._prefix = prefix
        self._replace = replace
        self._dry_run = dry_run
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the imports under way after their next commit."""
        self._stopping.set()

    def __call__(self, item: _Item) -> tuple[int, Imported | Failed]:
        if item.session is None:
            return item.place, self._failed(item, str(item.error))
        try:
            return item.place, self._import(item.session)
        except _MEET_ALL:
            raise
        except S3StoreError as error:
            return item.place, self._failed(item, message_of(error))
        except OSError as error:
            return item.place, self._failed(item, f"cannot be read: {error.strerror}")

    def _import(self, session: SourceSession) -> Imported:
        self._check_stop()
        return import_session(
            self._store,
            session,
            prefix=self._prefix,
            replace=self._replace,
            dry_run=self._dry_run,
            on_commit=self._check_stop,
        )

    def _check_stop(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError

    def _failed(self, item: _Item, reason: str) -> Failed:
        session_id = None if item.session is None else self._prefix + item.session.id
        return Failed(session_id, item.file.path, item.file.format, reason)


def _find(paths: Sequence[Path], format_name: str) -> tuple[list[SourceFile], list[Problem]]:
    """Return the files to read, each once, and what could not be looked into."""
    files: dict[str, SourceFile] = {}
    problems: list[Problem] = []
    for path in paths:
        if format_name != _AUTO and path.is_file():
            found: Sequence[SourceFile] = [SourceFile(path, format_name)]
        else:
            discovery = discover(path)
            found = discovery.files
            problems += discovery.problems
        for file in found:
            if format_name in {_AUTO, file.format}:
                files.setdefault(os.path.realpath(file.path), file)
    return list(files.values()), problems


def _items(files: Sequence[SourceFile]) -> Iterator[_Item]:
    for place, file in enumerate(files):
        try:
            for session in read(file.path, file.format):
                yield _Item(file, place, session)
        except S3StoreError as error:
            yield _Item(file, place, None, error)
