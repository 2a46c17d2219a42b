"""`s3store set`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidOption
from ..jsontext import loads_exactly
from .archive import ArchiveCommand, open_store
from .output import info_json, json_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..model import Metadata

_TEXTS = ("name", "agent", "channel", "room", "sender", "parent", "state")


def _text_options(function: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(_TEXTS):
        function = click.option(f"--{name}", help=f"Its {name}; an empty text takes it away.")(function)
    return function


@click.command(cls=ArchiveCommand, name="set", short_help="Change what is said of a session.")
@click.argument("session_id", metavar="ID")
@_text_options
@click.option("--label", "add", multiple=True, help="Add this label; may be given several times.")
@click.option("--remove-label", "remove", multiple=True, help="Take this label away; may be given several times.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=JSON", help="Set an attribute; null takes it away."
)
@click.option("--json", "as_json", is_flag=True, help="Print the session as one JSON object.")
def command(
    *,
    session_id: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    attributes: tuple[str, ...],
    as_json: bool,
    **texts: str | None,
) -> None:
    """Change what is said of a session; its messages stay as they are.

    Labels and attributes that are not named stay too. If somebody else changes the session at the same moment,
    nothing is changed and this ends with 4.
    """
    fields: dict[str, Any] = {name: text or None for name, text in texts.items() if text is not None}
    named = dict(_attribute(text) for text in attributes)
    if not (fields or add or remove or named):
        raise click.UsageError("nothing to change is given")
    with open_store(to_write=True) as store:
        before = store.info(session_id)
        fields |= _merged(before.metadata, set(add), set(remove), named)
        info = store.update(session_id, expected_version=before.version, **fields)
    if as_json:
        json_line(info_json(info))
    else:
        click.echo(f"changed; version {info.version}")


def _merged(before: Metadata, add: set[str], remove: set[str], named: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if add or remove:
        fields["labels"] = (before.labels | add) - remove
    if named:
        attributes = {**before.attributes, **named}
        fields["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    return fields


def _attribute(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, loads_exactly(value)
    except (ValueError, RecursionError):
        raise InvalidOption(f"--attribute {name}: is NAME=JSON, such as score=0.5 or site='\"berlin\"'") from None
