"""Exports of many sessions to a file: what is told of writing one, and of checking one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..longterm.exports.verify import verify_export
from .exits import DIFFERS, SOME_FAILED
from .output import json_line, one_line, plural, size_text
from .progress import Progress
from .session_filters import written_filters

if TYPE_CHECKING:
    from pathlib import Path

    from ..blocking import SessionStore
    from ..longterm.exports.export import Exported
    from ..model import Filters


def export_set(
    store: SessionStore, folder: Path, form: str, partitions: str, filters: Filters, *, as_json: bool
) -> None:
    """Export sessions to a folder, and say what is there now.

    Exits with `SOME_FAILED` if sessions are missing; raises what `SessionStore.export` does.
    """
    with Progress("export", None) as progress:

        def tell(so_far: Exported) -> None:
            progress.at(so_far.sessions)

        done = store.export(folder, form=form, partitions=partitions, progress=tell, **filters)
    if as_json:
        json_line({"type": "summary", "folder": str(folder), **asdict(done)})
    else:
        _tell(done, folder)
    if done.missing:
        _tell_missing(done, filters)
        raise click.exceptions.Exit(SOME_FAILED)


def _tell(done: Exported, folder: Path) -> None:
    counts = f"{plural(done.sessions, 'session')} with {plural(done.records, 'message')}, {size_text(done.size)}"
    kept = f"; {plural(done.kept, 'partition')} had been done before" if done.kept else ""
    gone = f"; {plural(done.gone, 'session')} deleted meanwhile" if done.gone else ""
    click.echo(f"{counts}, in {one_line(str(folder))}{kept}{gone}")


def _tell_missing(done: Exported, filters: Filters) -> None:
    for pack in done.packs:
        click.echo(f"must be restored: {one_line(pack)}", err=True)
    packed: Filters = {**filters, "place": "cold"}
    click.echo(
        f"s3store: {plural(done.missing, 'session')} missing, in {plural(len(done.packs), 'pack')}; have them restored "
        f"by `s3store restore --follow {one_line(written_filters(packed))}`, then run this again",
        err=True,
    )


def verify_set(folder: Path, *, as_json: bool) -> None:
    """Check an export and say what is wrong. Exits with `DIFFERS` if anything is; raises what `verify_export` does."""
    found = verify_export(folder)
    for problem in found.problems:
        if as_json:
            json_line({"type": "problem", **asdict(problem)})
        else:
            click.echo(f"{problem.kind:<8} {one_line(problem.path)}: {one_line(problem.what)}")
    problems = len(found.problems)
    if as_json:
        summary = {"files": found.files, "sessions": found.sessions, "records": found.records, "problems": problems}
        json_line({"type": "summary", **summary})
    else:
        counts = f"{plural(found.sessions, 'session')} with {plural(found.records, 'message')}"
        click.echo(f"{counts} as they were written, in {plural(found.files, 'file')}; {plural(problems, 'problem')}")
    if problems:
        raise click.exceptions.Exit(DIFFERS)
