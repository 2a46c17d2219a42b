"""`s3store export`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import AccessDenied, BucketNotFound, S3StoreError, StoreUnavailable
from ..longterm.exports.forms import FORMS
from .archive import ArchiveCommand, open_store, workers
from .exits import SOME_FAILED, message_of
from .export_files import FORMATS, Folder, content_of
from .export_sets import export_set, verify_set
from .output import json_line, json_text, one_line, plural
from .parallel import side_by_side
from .progress import Progress
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..blocking import SessionStore
    from ..model import Filters
    from .export_files import Written

_STANDARD_OUTPUT = "-"
_MEET_ALL = (AccessDenied, BucketNotFound, StoreUnavailable)


@click.command(cls=ArchiveCommand, name="export", short_help="Write sessions to files, or check an export.")
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All sessions of the archive.")
@click.option("--out", metavar="DIR", help="Folder to write to; - is the output, for one session.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*FORMATS, *FORMS]),
    default="jsonl",
    show_default=True,
    help="A file each: jsonl, a message a line; records, with seq, at and key; source, as the file that was imported. "
    "Many to a file, with a manifest: parquet, jsonl.zst, chat (for training), csv (what ls shows).",
)
@click.option("--partitions", default="00-ff", help="Of many to a file, only these 256ths: 00-7f.", show_default=True)
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines.")
@session_filters
def command(
    *,
    session_ids: tuple[str, ...],
    all_: bool,
    out: str | None,
    format_name: str,
    partitions: str,
    force: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Write sessions to files: those with these ids, --all, or those that the filters leave.

    A file appears when it is whole. In one file each, named by their ids, lines that an import kept as they were come
    out byte for byte; this ends with 1 if any session could not be written, but with the error's own code where only
    one was asked for. Many to a file, an export that was stopped goes on when it is run again. Sessions in packs that
    must be restored first are left out; this names the packs, and ends with 1: run it again once they are restored.

    `s3store export verify DIR` checks such an export against its manifest, and ends with 9 if anything is short,
    missing, changed or extra.
    """
    filters = given_filters(options)
    if out is None:
        _verify(session_ids, as_json=as_json)
        return
    if bool(all_ or filters) == bool(session_ids) or (all_ and filters):
        raise click.UsageError("give ids, --all, or filters")
    if format_name in FORMS:
        if session_ids or force or out == _STANDARD_OUTPUT:
            raise click.UsageError(
                f"--format {format_name} writes --all, or what filters leave, to a folder of its own"
            )
        with open_store() as store:
            export_set(store, Path(out), format_name, partitions, filters, as_json=as_json)
        return
    with open_store() as store:
        _one_file_each(store, session_ids, filters, out, format_name, force=force, as_json=as_json)


def _verify(words: tuple[str, ...], *, as_json: bool) -> None:
    match words:
        case ("verify", folder):
            verify_set(Path(folder), as_json=as_json)
        case _:
            raise click.UsageError("--out says where to write; or: s3store export verify DIR")


def _one_file_each(
    store: SessionStore,
    session_ids: tuple[str, ...],
    filters: Filters,
    out: str,
    format_name: str,
    *,
    force: bool,
    as_json: bool,
) -> None:
    if out == _STANDARD_OUTPUT:
        if len(session_ids) != 1:
            raise click.UsageError("--out - takes one session")
        _to_output(store, session_ids[0], format_name)
        return
    folder = Folder(Path(out), force=force)
    total = len(session_ids) or None
    job = _Job(store, folder, format_name)
    ids = _ids(store, session_ids, filters)
    with Progress("export", total) as progress, closing(side_by_side(job, ids, workers())) as results:
        report = _Report(progress, as_json=as_json, raise_at_once=total == 1)
        for number, (session_id, result) in enumerate(results, 1):
            progress.at(number)
            report.add(session_id, result)
    report.end(folder)


def _ids(store: SessionStore, session_ids: tuple[str, ...], filters: Filters) -> Iterable[str]:
    if session_ids:
        return dict.fromkeys(session_ids)
    return (found.id for found in (store.list(**filters) if filters else store.scan()))


class _Job:
    """Exports one session; called from several threads."""

    def __init__(self, store: SessionStore, folder: Folder, format_name: str) -> None:
        self._store = store
        self._folder = folder
        self._format = format_name

    def __call__(self, session_id: str) -> tuple[str, Written | S3StoreError]:
        try:
            return session_id, self._folder.write(self._store, session_id, self._format)
        except _MEET_ALL:
            raise
        except S3StoreError as error:
            return session_id, error


class _Report:
    def __init__(self, progress: Progress, *, as_json: bool, raise_at_once: bool) -> None:
        self._progress = progress
        self._as_json = as_json
        self._raise_at_once = raise_at_once
        self._sessions = self._messages = self._failed = 0

    def add(self, session_id: str, result: Written | S3StoreError) -> None:
        if isinstance(result, S3StoreError):
            if self._raise_at_once:
                raise result
            self._failed += 1
            self._tell_failure(session_id, result)
            return
        self._sessions += 1
        self._messages += result.messages
        if self._as_json:
            about = {"type": "session", "id": session_id, "file": str(result.path), "messages": result.messages}
            self._progress.echo(json_text(about))

    def end(self, folder: Folder) -> None:
        if self._as_json:
            json_line(
                {"type": "summary", "sessions": self._sessions, "messages": self._messages, "failed": self._failed}
            )
        else:
            counts = f"{plural(self._sessions, 'session')} with {plural(self._messages, 'message')}"
            failed = f"; {self._failed:,} failed" if self._failed else ""
            click.echo(f"{counts} written to {one_line(str(folder.path))}{failed}")
        if self._failed:
            raise click.exceptions.Exit(SOME_FAILED)

    def _tell_failure(self, session_id: str, error: S3StoreError) -> None:
        reason = message_of(error)
        if self._as_json:
            self._progress.echo(json_text({"type": "session", "id": session_id, "error": reason}))
        else:
            self._progress.echo(f"failed     {one_line(session_id)}: {one_line(reason)}", err=True)


def _to_output(store: SessionStore, session_id: str, format_name: str) -> None:
    if sys.stdout.isatty():
        # A message may hold any bytes at all, and they are written as they are.
        raise click.UsageError("the output is a terminal, which a session could drive; use show, or a pipe")
    output = sys.stdout.buffer
    for piece in content_of(store, session_id, format_name).pieces:
        output.write(piece)
    output.flush()
