"""`s3store restore`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ..objects.tiers import TIERS
from ..times import format_time
from .archive import ArchiveCommand, open_store
from .output import json_line, one_line, plural, row, size_text, time_text
from .progress import Progress
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from ..jsontext import JsonValue
    from ..longterm.packs.prices import RestoreCost
    from ..longterm.packs.restore import Restoring
    from ..objects.tiers import Tier


@click.command(cls=ArchiveCommand, name="restore", short_help="Bring packed sessions back from archive classes.")
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--days", type=int, default=7, show_default=True, help="How long they stay readable.")
@click.option("--tier", type=click.Choice(TIERS), default="bulk", show_default=True, help="The sooner, the dearer.")
@click.option("--follow", is_flag=True, help="Wait until all can be read.")
@click.option("--pause", type=float, default=60.0, show_default=True, help="Seconds between two looks of --follow.")
@session_filters
@click.option("--dry-run", is_flag=True, help="Ask for nothing; say what it would take.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    *,
    session_ids: tuple[str, ...],
    days: int,
    tier: Tier,
    follow: bool,
    pause: float,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Make sessions readable whose packs are in the classes GLACIER or DEEP_ARCHIVE.

    By id, or all for which the filters hold: each pack is asked for once. Money and time are said before, on standard
    error. Asking again tells how far it is.
    """
    given = given_filters(filters)
    if bool(session_ids) == bool(given):
        raise click.UsageError("give either ids or at least one filter")
    chosen: dict[str, Any] = {"session_ids": session_ids or None, "days": days, "tier": tier, "pause": pause, **given}
    with open_store() as store:
        foreseen = store.restore(dry_run=True, **chosen)
        _tell_cost(foreseen.cost)
        report = foreseen
        if not dry_run:
            with Progress("restored", len(foreseen.packs)) as progress:
                report = store.restore(
                    follow=(lambda now: progress.at(_readable(now))) if follow else None,
                    **chosen,
                )
    if as_json:
        json_line(_json(report, foreseen.cost))
    else:
        _tell(report)


def _readable(report: Restoring) -> int:
    return sum(pack.status == "readable" for pack in report.packs)


def _tell_cost(cost: RestoreCost) -> None:
    if not cost.requests:
        return
    what = f"{plural(cost.requests, 'pack')} of {size_text(cost.bytes)} to restore"
    takes = "" if cost.money is None else f": about {cost.money:,.4f}, within {cost.hours:,.4g} h as a rule"
    click.echo(f"{what}{takes} ({cost.prices})", err=True)


def _tell(report: Restoring) -> None:
    for pack in report.packs:
        until = "" if pack.until is None else f"until {time_text(pack.until)}"
        row(pack.name, pack.storage_class, size_text(pack.size), pack.status, until)
    for session_id in report.readable:
        click.echo(f"readable: {one_line(session_id)}")
    count = Counter(pack.status for pack in report.packs)
    if report.waiting:
        asked = f"{count['archived']:,} not asked for, {count['restoring']:,} on their way"
        click.echo(f"{plural(len(report.waiting), 'session')} cannot be read yet; packs: {asked}")


def _json(report: Restoring, cost: RestoreCost) -> dict[str, JsonValue]:
    return {
        "dry_run": report.dry_run,
        "days": report.days,
        "tier": report.tier,
        "complete": report.complete,
        "packs": [
            {
                "pack": pack.name,
                "class": pack.storage_class,
                "bytes": pack.size,
                "status": pack.status,
                "until": None if pack.until is None else format_time(pack.until),
                "sessions": list(pack.sessions),
            }
            for pack in report.packs
        ],
        "readable": list(report.readable),
        "waiting": list(report.waiting),
        "cost": {
            "requests": cost.requests,
            "bytes": cost.bytes,
            "money": cost.money,
            "hours": cost.hours,
            "prices": cost.prices,
        },
    }
