"""`s3store maintain`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from .archive import ArchiveCommand, open_store
from .exits import SOME_FAILED
from .moments import age
from .output import json_line, one_line

if TYPE_CHECKING:
    from datetime import timedelta

    from ..longterm.maintenance import Maintained

_REQUESTS = re.compile(r"([1-9][0-9]{0,11})req")


def budget(text: str) -> tuple[float | None, int | None]:
    """Read a budget of time (`10m`), requests (`5000req`), or both with a comma. Raises `BadParameter`."""
    seconds: float | None = None
    requests: int | None = None
    for part in text.split(","):
        if match := _REQUESTS.fullmatch(part.strip()):
            requests = int(match[1])
        else:
            seconds = age(part.strip()).total_seconds()
    return seconds, requests


@click.command(cls=ArchiveCommand, name="maintain", short_help="Do all the upkeep that is due, in one pass.")
@click.option("--budget", "bounds", type=budget, metavar="BUDGET", help="Stop after 10m, 5000req, or 10m,5000req.")
@click.option("--older-than", type=age, default="1d", show_default=True, metavar="AGE", help="The clean-up's.")
@click.option("--wait", type=age, default="1d", show_default=True, metavar="AGE", help="From a rule's plan to delete.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    *,
    bounds: tuple[float | None, int | None] | None,
    older_than: timedelta,
    wait: timedelta,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do all the upkeep that is due in one pass: compaction, rules of retention, clean-up, index check.

    For a scheduled job: it may be broken off, repeated, and run beside others. Where its budget is used up it stops,
    and the next one goes on from there. Ends with 1 if something went wrong; the rest is done all the same.
    """
    seconds, requests = bounds or (None, None)
    with open_store() as store:
        report = store.maintain(
            seconds=seconds,
            requests=requests,
            older_than=older_than.total_seconds(),
            wait=wait.total_seconds(),
            dry_run=dry_run,
        )
    if as_json:
        json_line(report.to_json())
    else:
        _tell(report)
    if report.failures:
        raise click.exceptions.Exit(SOME_FAILED)


def _tell(report: Maintained) -> None:
    for step, counts in report.steps.items():
        said = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
        click.echo(f"{step}: {said or 'nothing'}")
    for failure in report.failures:
        click.echo(f"s3store: {one_line(failure)}", err=True)
    end = "done" if report.complete else "the budget is used up; the next pass goes on from here"
    click.echo(f"{report.requests:,} requests, {report.seconds:.1f} s; {'would be ' if report.dry_run else ''}{end}")
