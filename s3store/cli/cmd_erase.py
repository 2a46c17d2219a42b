"""`s3store erase`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from .archive import ArchiveCommand, open_store
from .exits import SOME_FAILED
from .output import json_bytes, json_line, one_line, plural
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from ..longterm.receipts import Receipt


@click.command(cls=ArchiveCommand, name="erase", short_help="Erase sessions for good, with a receipt.")
@session_filters
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Erase nothing; say what would be.")
@click.option("--receipt", type=click.Path(dir_okay=False), metavar="FILE", help="Write the receipt there, too.")
@click.option("--ids", is_flag=True, help="Name sessions by their ids in the receipt, not by their SHA-256.")
def command(*, yes: bool, dry_run: bool, receipt: str | None, ids: bool, **filters: Any) -> None:
    """Erase every session for which the filters hold: objects, versions, index, and what this machine keeps.

    At least one filter is needed; so is --yes where nobody can be asked. Prints the receipt, one JSON object: what,
    when by the store's clock, and what is left. Held sessions stay and are named on standard error.

    Ends with 1 unless all are erased.
    """
    given = given_filters(filters)
    if not given:
        raise click.UsageError("erasing takes at least one filter, such as --label; `s3store rm` deletes by id")
    # Opened before anything goes, so that a receipt that cannot be written is no surprise.
    file = None if receipt is None else os.open(receipt, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open_store() as store:
            if not (yes or dry_run):
                _ask(store.count(**given))
            done = store.erase(dry_run=dry_run, **given)
        said = done.to_json(hashed=not ids)
        if file is not None:
            with open(file, "wb", closefd=False) as opened:
                opened.write(json_bytes(said) + b"\n")
    finally:
        if file is not None:
            os.close(file)
    json_line(said)
    _tell(done)
    if not done.complete:
        raise click.exceptions.Exit(SOME_FAILED)


def _ask(number: int) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; --yes erases without asking")
    click.confirm(f"Erase {plural(number, 'session')} for good?", abort=True, err=True)


def _tell(receipt: Receipt) -> None:
    for each in receipt.sessions:
        if each.outcome not in {"erased", "would erase"}:
            click.echo(f"s3store: {each.outcome}: {one_line(each.id)}", err=True)
    for failure in receipt.failures:
        click.echo(f"s3store: {one_line(failure)}", err=True)
