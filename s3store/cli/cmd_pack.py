"""`s3store pack`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..objects.tiers import CLASSES, STANDARD
from .archive import ArchiveCommand, open_store
from .exits import SOME_FAILED
from .moments import age
from .output import json_line, one_line, plural, size_text
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from datetime import timedelta

    from ..longterm.packs.reports import NotPackedReason, Packed

_MEBIBYTE = 1024 * 1024
_REASONS: tuple[tuple[NotPackedReason, str], ...] = (
    ("resumed", "somebody resumed them meanwhile; they stay as they are"),
    ("packed", "packed already; the next clean-up sees to them"),
    ("empty", "without a message"),
    ("failed", "could not be read, or the store did not do it"),
)


@click.command(cls=ArchiveCommand, name="pack", short_help="Put idle sessions, many together, into Parquet files.")
@click.option("--idle", type=age, default="30d", show_default=True, metavar="AGE", help="Those idle for so long.")
@click.option(
    "--size", "mebibytes", type=click.IntRange(1, 4096), default=256, show_default=True, help="MiB of one pack."
)
@click.option(
    "--class",
    "pack_class",
    type=click.Choice(list(CLASSES), case_sensitive=False),
    default=STANDARD,
    show_default=True,
    help="The storage class that the clean-up moves them to.",
)
@click.option("--partitions", default="00-ff", help="Only sessions of these 256ths: 00-7f.", show_default=True)
@session_filters
@click.option("--dry-run", is_flag=True, help="Pack nothing; say what would be.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    *,
    idle: timedelta,
    mebibytes: int,
    pack_class: str,
    partitions: str,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Put idle sessions, many together, into Parquet files.

    They list, load and search as before, and whoever adds to one need not unpack it. Each file is read back before a
    session names it, and `s3store cleanup` removes what was there before, once it has compared both. Clients may go on
    meanwhile. Needs the extra s3store[longterm].

    From the classes GLACIER and DEEP_ARCHIVE a session must be restored before it is read: see `s3store restore`.

    Ends with 1 if a session could not be packed.
    """
    with open_store() as store:
        report = store.pack(
            idle=idle.total_seconds(),
            target_size=mebibytes * _MEBIBYTE,
            storage_class=pack_class,
            partitions=partitions,
            dry_run=dry_run,
            **given_filters(filters),
        )
    if as_json:
        json_line(
            {
                "dry_run": report.dry_run,
                "sessions": report.sessions,
                "records": report.records,
                "packs": report.packs,
                "json_bytes": report.json_bytes,
                "bytes": report.bytes,
                "left": dict(report.left),
                "failures": report.failures,
            }
        )
    else:
        _tell(report)
    if report.failures:
        raise click.exceptions.Exit(SOME_FAILED)


def _tell(report: Packed) -> None:
    for reason, why in _REASONS:
        if report.left[reason]:
            click.echo(f"left {report.left[reason]:,}: {why}")
    for failure in report.failures:
        click.echo(f"s3store: {one_line(failure)}", err=True)
    what = f"{plural(report.sessions, 'session')} with {plural(report.records, 'message')}"
    if report.dry_run:
        click.echo(f"would pack {what}, which take {size_text(report.bytes)} now")
    elif report.packs:
        size = f"{size_text(report.json_bytes)} of JSON in {size_text(report.bytes)}"
        click.echo(f"packed {what} into {plural(len(report.packs), 'file')}: {size}")
    else:
        click.echo("nothing to pack")
