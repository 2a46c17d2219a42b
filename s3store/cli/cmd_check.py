"""`s3store check`."""

from __future__ import annotations

import os

import click

from .archive import ArchiveCommand, open_store
from .exits import DENIED
from .output import json_line, one_line


@click.command(cls=ArchiveCommand, name="check", short_help="Find out whether a store is fit for an archive.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool) -> None:
    """Find out whether a store keeps the promises that an archive needs, and whether your rights are enough.

    Each promise is tried, and creating and swapping are raced by many writers at once, with some hundred small
    requests below check/ in the archive; all of it is deleted again. Ends with 6 if the store is not fit.
    """
    with open_store(to_write=True) as store:
        found = store.check()
    if as_json:
        json_line(found.to_json())
    else:
        for it in found.findings:
            mark = click.style("ok", fg="green") if it.ok else click.style("NO", fg="red", bold=True)
            click.echo(
                f"{mark}  {it.name:<22}  {one_line(it.detail)}", color=False if os.environ.get("NO_COLOR") else None
            )
        verdict = "fit for shared writing" if found.shared_writing else "not fit for shared writing"
        click.echo(f"versioning {found.versioning}; {verdict}")
    if not found.shared_writing:
        raise click.exceptions.Exit(DENIED)
