"""`s3store ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .archive import ArchiveCommand, open_store
from .listing import InOrder, Turns
from .listing_output import draw_blocks, draw_table, write_json, write_rows
from .moments import age
from .output import json_line, on_terminal
from .session_columns import COLUMNS, LONG, SHORT, TURNS, column_names
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from datetime import timedelta

    from ..blocking import SessionStore
    from .listing import Listing

_OF_ORDER = ("--offset", "--cursor", "--oldest", "--state")
_APART = {
    "--count": ("--limit", "--offset", "--cursor", "--columns", "--long", "--watch"),
    "--watch": ("--json", "--long"),
    "--columns": ("--json", "--long"),
    "--running": ("--stuck", *_OF_ORDER),
    "--stuck": _OF_ORDER,
}
"""Options with those that make no sense beside them."""


@click.command(cls=ArchiveCommand, name="ls", short_help="List sessions.")
@session_filters
@click.option("--running", is_flag=True, help="Only those whose turn is under way, the one that began last first.")
@click.option("--stuck", type=age, help="Only those whose turn began longer ago than this, the oldest first: 90, 5m.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Pass over the first N.")
@click.option("--cursor", metavar="TEXT", help="Go on where a listing ended; see --json.")
@click.option("--oldest", is_flag=True, help="The one that has not changed for longest first.")
@click.option("--columns", "names", type=column_names, metavar="NAME,…", help="What to show of each.")
@click.option("--long", "as_long", is_flag=True, help="Show all that is known of each.")
@click.option("--count", "only_count", is_flag=True, help="Print how many there are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option(
    "--watch",
    type=click.FloatRange(min=0, min_open=True),
    is_flag=False,
    flag_value=2.0,
    metavar="[SECONDS]",
    help="Draw the table again, every 2 seconds or so many, until Ctrl-C.",
)
def command(
    *,
    running: bool,
    stuck: timedelta | None,
    limit: int | None,
    offset: int,
    cursor: str | None,
    oldest: bool,
    names: tuple[str, ...] | None,
    as_long: bool,
    only_count: bool,
    as_json: bool,
    watch: float | None,
    **filters: Any,
) -> None:
    """List sessions, the one changed last first.

    A table on a terminal, without --limit of as many as fit; in a pipe a line for each session, its fields with tabs
    between them: id, messages, bytes, updated, name. With --json the last of a --limit has the field `cursor` if
    there are more: what to give to --cursor for these, now or in a year, with the same filters.
    """
    _refuse_what_stands_apart(click.get_current_context())
    given = given_filters(filters)
    listing: Listing
    if running or stuck is not None:
        listing = Turns(given, limit, stuck)
    else:
        listing = InOrder(given, limit, "oldest" if oldest else "newest", offset, cursor)
    columns = [COLUMNS[name] for name in names or (LONG if as_long else TURNS if isinstance(listing, Turns) else SHORT)]
    if watch is not None and not on_terminal():
        raise click.UsageError("--watch draws on a terminal, and the output is none")
    with open_store() as store:
        if only_count:
            _count(store, listing, as_json=as_json)
        elif watch is not None:
            from .watch import watch_listing

            watch_listing(store, listing, columns, watch)
        elif as_json:
            write_json(store, listing)
        elif not on_terminal():
            write_rows(store, listing, columns)
        elif as_long:
            draw_blocks(store, listing)
        else:
            draw_table(store, listing, columns)


def _refuse_what_stands_apart(ctx: click.Context) -> None:
    given = {
        param.opts[0]
        for param in ctx.command.params
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    }
    for option, others in _APART.items():
        if option in given and (wrong := given.intersection(others)):
            raise click.UsageError(f"{option} and {min(wrong)} do not go together")


def _count(store: SessionStore, listing: Listing, *, as_json: bool) -> None:
    number = listing.count(store)
    if as_json:
        json_line({"count": number})
    else:
        click.echo(number)
