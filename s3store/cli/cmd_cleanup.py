"""`s3store cleanup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .archive import ArchiveCommand, open_store
from .exits import SOME_FAILED
from .moments import age
from .output import json_line, one_line, plural, size_text
from .progress import Progress

if TYPE_CHECKING:
    from datetime import timedelta

    from ..longterm.reports import CleanedUp, LeftReason, RemovedKind

_PREFIXES = 256
_KINDS: tuple[tuple[RemovedKind, str], ...] = (
    ("segment", "segments that no session names"),
    ("body", "bodies of artifacts that no session names"),
    ("upload", "uploads that were never finished"),
    ("sibling", "siblings of deleted sessions"),
    ("check", "objects that checks of the store have left"),
    ("hot", "segments of sessions that stand in packs"),
    ("pack", "packs that no session names"),
)
_REASONS: tuple[tuple[LeftReason, str], ...] = (
    ("young", "too young; they may belong to work in progress"),
    ("raced", "others wrote at the same time; the next run removes them"),
    ("foreign", "none of the archive's own"),
    ("unreadable", "what may name them is damaged"),
    ("nameless", "nothing tells the id of their session"),
    ("failed", "the store did not do it"),
)


@click.command(cls=ArchiveCommand, name="cleanup", short_help="Remove what crashed clients have left behind.")
@click.option("--dry-run", is_flag=True, help="Remove nothing; say what would be.")
@click.option("--older-than", type=age, default="1d", show_default=True, metavar="AGE", help="Spare what is younger.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, dry_run: bool, older_than: timedelta, as_json: bool) -> None:
    """Remove what no session needs: what crashed clients, and deletes that died half-way, have left behind.

    Clients may go on meanwhile: nothing that a session names is ever removed. The age, by the store's clock, spares
    those who are about to finish something from having to send it again. Look with --dry-run first.

    Ends with 1 if something could not be removed.
    """
    with open_store() as store, Progress("cleanup", _PREFIXES) as progress:
        report = store.cleanup(
            older_than=older_than.total_seconds(), dry_run=dry_run, progress=lambda done: progress.at(done.prefixes)
        )
    if as_json:
        json_line(
            {
                "dry_run": report.dry_run,
                "sessions": report.sessions,
                "thinned": report.thinned,
                "moved": report.moved,
                "erased": report.erased,
                "removed": dict(report.removed),
                "bytes": report.bytes,
                "left": dict(report.left),
                "failures": list(report.failures),
            }
        )
    else:
        _tell(report)
    if report.failures:
        raise click.exceptions.Exit(SOME_FAILED)


def _tell(report: CleanedUp) -> None:
    verb = "would remove" if report.dry_run else "removed"
    for kind, what in _KINDS:
        if report.removed[kind]:
            click.echo(f"{verb} {what}: {report.removed[kind]:,}")
    if report.moved:
        click.echo(f"{plural(report.moved, 'pack')} moved to another storage class")
    if report.thinned:
        click.echo(f"{plural(report.thinned, 'packed session')} now in packs alone")
    if report.erased:
        click.echo(f"{plural(report.erased, 'session')} erased, which an erasure that was broken off had deleted")
    for reason, why in _REASONS:
        if report.left[reason]:
            click.echo(f"left {report.left[reason]:,}: {why}")
    for failure in report.failures:
        click.echo(f"s3store: {one_line(failure)}", err=True)
    looked = f"{plural(report.sessions, 'session')} looked at"
    freed = f"{size_text(report.bytes)} {'would be freed' if report.dry_run else 'freed'}"
    click.echo(f"{looked}; {freed if report.removed.total() else 'nothing to remove'}")
