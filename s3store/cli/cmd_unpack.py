"""`s3store unpack`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .archive import ArchiveCommand, open_store
from .exits import SOME_FAILED
from .moments import age
from .output import json_line, one_line, plural, size_text
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from datetime import timedelta

    from ..blocking import SessionStore
    from ..longterm.packs.reports import NotUnpackedReason, Unpacked

_REASONS: tuple[tuple[NotUnpackedReason, str], ...] = (
    ("resumed", "in no pack any more"),
    ("archived", "their packs must be restored first: see `s3store restore`"),
    ("failed", "could not be read, or the store did not do it"),
)


@click.command(cls=ArchiveCommand, name="unpack", short_help="Give packed sessions objects of their own again.")
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--idle", type=age, metavar="AGE", help="Only those idle for so long.")
@session_filters
@click.option("--dry-run", is_flag=True, help="Unpack nothing; say what would be.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each id, or one of what filters left.")
def command(
    *, session_ids: tuple[str, ...], idle: timedelta | None, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Give packed sessions objects of their own again: those of the ids, or each for which the filters hold.

    The packs stay for the other sessions in them; one that all have left goes with the next clean-up. By filters, this
    ends with 1 if a session could not be unpacked, and goes on with the others.
    """
    given = given_filters(filters)
    if bool(session_ids) == bool(given or idle is not None):
        raise click.UsageError("give either ids or at least one filter")
    if session_ids and dry_run:
        raise click.UsageError("--dry-run goes with filters")
    with open_store() as store:
        if session_ids:
            _one_by_one(store, session_ids, as_json=as_json)
            return
        report = store.unpack_all(idle=None if idle is None else idle.total_seconds(), dry_run=dry_run, **given)
    if as_json:
        json_line(
            {
                "dry_run": report.dry_run,
                "sessions": report.sessions,
                "records": report.records,
                "bytes": report.bytes,
                "left": dict(report.left),
                "failures": report.failures,
            }
        )
    else:
        _tell(report)
    if report.failures:
        raise click.exceptions.Exit(SOME_FAILED)


def _one_by_one(store: SessionStore, session_ids: tuple[str, ...], *, as_json: bool) -> None:
    for session_id in session_ids:
        unpacked = store.session(session_id)
        unpacked.info()  # an id that is unknown is an error, not a session that is not packed
        done = unpacked.unpack()
        if as_json:
            json_line({"id": session_id, "unpacked": done})
        else:
            click.echo(f"{'unpacked' if done else 'not packed:'} {one_line(session_id)}")


def _tell(report: Unpacked) -> None:
    for reason, why in _REASONS:
        if report.left[reason]:
            click.echo(f"left {report.left[reason]:,}: {why}")
    for failure in report.failures:
        click.echo(f"s3store: {one_line(failure)}", err=True)
    what = f"{plural(report.sessions, 'session')} with {plural(report.records, 'message')}"
    size = size_text(report.bytes)
    click.echo(f"would unpack {what}, which take {size} now" if report.dry_run else f"unpacked {what}, {size}")
