"""`s3store stat`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .archive import ArchiveCommand, open_store
from .output import info_json, json_line, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..jsontext import JsonValue


@click.command(cls=ArchiveCommand, name="stat", short_help="Show what is known of a session.")
@click.argument("session_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, session_id: str, as_json: bool) -> None:
    """Show all that is known of a session beside its messages."""
    with open_store() as store:
        found = info_json(store.info(session_id))
    if as_json:
        json_line(found)
        return
    lines = [(one_line(name), one_line(text)) for name, text in _flat(found)]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        click.echo(f"{name:<{width}}  {text}")


def _flat(found: dict[str, JsonValue], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
