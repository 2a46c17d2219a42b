"""The filters of listings as options of commands, under the names that they have in `Filters`."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..times import format_time
from .moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..model import Filters

F = TypeVar("F", bound="Callable[..., None]")

_TEXTS = ("agent", "channel", "room", "sender", "parent", "state")


def session_filters(function: F) -> F:
    """Add an option for each of `Filters`, under its name there."""
    options = [
        *(click.option(f"--{name}", help=f"Only those of this {name}.") for name in _TEXTS),
        click.option(
            "--label", "labels", multiple=True, help="Only those with this label; may be given several times."
        ),
        click.option(
            "--since",
            type=moment,
            metavar="TIME",
            help="Only those changed at this time or later: 2026-03-14, 09:26, 2h.",
        ),
        click.option("--until", type=moment, metavar="TIME", help="Only those that have not changed since this time."),
        click.option("--prefix", "id_prefix", help="Only those whose id starts so."),
        click.option("--name", "name_prefix", help="Only those whose name starts so, in capitals or not."),
        click.option("--place", type=click.Choice(["hot", "cold"]), help="Only those kept by themselves, or in packs."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def written_filters(filters: Filters) -> str:
    """Return filters as the options that give them, for a shell."""
    options = {"labels": "label", "id_prefix": "prefix", "name_prefix": "name"}
    words: list[str] = []
    for name, value in filters.items():
        for each in value if isinstance(value, tuple | list) else (value,):
            text = format_time(each) if isinstance(each, datetime) else str(each)
            words += [f"--{options.get(name, name)}", shlex.quote(text)]
    return " ".join(words)


def given_filters(options: Mapping[str, Any]) -> Filters:
    """Return the filters that were given, of the values of all these options."""
    return cast("Filters", {name: value for name, value in options.items() if value not in {None, ()}})
