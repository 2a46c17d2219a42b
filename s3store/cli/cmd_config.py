"""`s3store config`."""

from __future__ import annotations

import click

from .archive import ArchiveCommand, settings
from .output import json_line, row


@click.command(cls=ArchiveCommand, name="config", short_help="Show the settings, and where each came from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool) -> None:
    """Show each setting, its value and where that came from. Nothing is sent."""
    found = settings()
    if found.found["url"].value is not None:
        found.s3()  # So that a wrong value, which might be a secret in a wrong place, is refused and not shown.
    if as_json:
        each = {name: {"value": it.value, "origin": it.origin} for name, it in found.found.items()}
        json_line({"file": str(found.config), "settings": each})
        return
    for name, it in found.found.items():
        row(name, "" if it.value is None else str(it.value), it.origin)
