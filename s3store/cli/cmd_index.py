"""`s3store index`: its status and upkeep."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..errors import OutcomeUnknown
from .archive import ArchiveCommand, archive_options, open_store
from .exits import CORRUPT, UNKNOWN
from .index_report import report_status, report_verified
from .output import json_line, one_line, plural
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..index.heads import Done
    from ..index.reports import Compacted

_PREFIXES = 256


@click.group(
    name="index", short_help="Look after the index, which the listings read.", params=archive_options(hidden=True)
)
def command() -> None:
    """Look after the index, which the listings read.

    Whoever writes keeps it up to date and merges it in passing, so that nothing here is needed day by day. The
    sessions themselves are never touched: the index says nothing that they do not, and can be made from them anew.
    """


@command.command(cls=ArchiveCommand, name="status", short_help="Show how large it is, and what is to be merged.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Show how large the index is, and what is to be merged."""
    with open_store() as store:
        found = store.index.status()
    if as_json:
        json_line({**asdict(found), "runs": {str(tier): number for tier, number in sorted(found.runs.items())}})
    else:
        report_status(found)


@command.command(cls=ArchiveCommand, name="compact", short_help="Merge the log into pages.")
@click.option("--all", "everything", is_flag=True, help="Merge all pages into one run as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compact(*, everything: bool, as_json: bool) -> None:
    """Merge the log into pages, and delete the pages that clients left behind when they crashed.

    For a scheduled job, where clients do not merge in passing. Ends with 4 if another client was faster: then it is
    done.
    """
    with open_store() as store, _may_be_repeated():
        done = store.index.compact(everything=everything)
    if as_json:
        json_line({"compacted": done is not None, **({} if done is None else asdict(done))})
    elif done is None:
        click.echo("nothing to merge")
    else:
        click.echo(_told(done))


@command.command(cls=ArchiveCommand, name="verify", short_help="Compare it with every session, and mend it.")
@click.option("--fix", is_flag=True, help="Mend what is found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: what is found, and a summary.")
def verify(*, fix: bool, as_json: bool) -> None:
    """Compare the index with every session: one request for each.

    Ends with 9 if it differs and was not mended, and with 7 if a session cannot be read, which nothing here mends.
    """
    with open_store() as store, _may_be_repeated(), _progress("verify") as progress:
        found = store.index.verify(fix=fix, progress=progress)
    report_verified(found, fixed=fix, as_json=as_json)


@command.command(cls=ArchiveCommand, name="rebuild", short_help="Make it anew from the sessions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rebuild(*, as_json: bool) -> None:
    """Make the index anew from the sessions: one request for each. Readers and writers may go on meanwhile.

    Ends with 7 if a session cannot be read and so is not in the index.
    """
    with open_store() as store, _may_be_repeated(), _progress("rebuild") as progress:
        done = store.index.rebuild(progress=progress)
    if as_json:
        json_line({"sessions": done.sessions, "deleted": done.deleted, "damaged": list(done.damaged)})
    else:
        for what in done.damaged:
            click.echo(f"unreadable  {one_line(what)}", err=True)
        deleted = f", and {done.deleted:,} deleted" if done.deleted else ""
        click.echo(f"the index is made anew; it has {plural(done.sessions, 'session')}{deleted}")
    if done.damaged:
        raise click.exceptions.Exit(CORRUPT)


def _told(done: Compacted) -> str:
    old = f" and {plural(done.replaced, 'page')}" if done.replaced else ""
    waiting = f"; {done.waiting:,} wait for their sessions" if done.waiting else ""
    return f"{done.merged:,} of the log{old} merged; the new pages hold {done.written:,}{waiting}"


@contextmanager
def _progress(what: str) -> Iterator[Callable[[Done], None]]:
    with Progress(what, _PREFIXES) as progress:
        yield lambda done: progress.at(done.prefixes)


@contextmanager
def _may_be_repeated() -> Iterator[None]:
    """Say of an unknown outcome what is true here: that it belongs to no session, and that a repeat does no harm."""
    try:
        yield
    except OutcomeUnknown as error:
        click.echo(f"s3store: {one_line(str(error))}; do it again, that is safe", err=True)
        raise click.exceptions.Exit(UNKNOWN) from error
