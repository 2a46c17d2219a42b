"""A listing in a pipe, where it may be endless, and on a terminal, where it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import click

from .conversation import header, write
from .output import as_info, json_line, row, summary_json
from .tables import fitting, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from ..blocking import SessionStore
    from ..model import SessionSummary
    from .listing import Listing
    from .tables import Column

    Draw: TypeAlias = Callable[[Console, Sequence[SessionSummary], int | None], int]
    """Draws sessions, as many as stand in so many lines, and returns how many these were."""

_BELOW = 2
"""The line that tells of more, and the one where the shell asks for the next command."""


def write_json(store: SessionStore, listing: Listing) -> None:
    """Write a JSON line for each session as it comes."""
    empty = True
    for session, cursor in listing.each(store):
        empty = False
        json_line(summary_json(session) | ({"cursor": cursor} if cursor else {}))
    if empty:
        _tell_empty(listing)


def write_rows(store: SessionStore, listing: Listing, columns: Sequence[Column[SessionSummary]]) -> None:
    """Write a line of fields for each session as it comes."""
    empty = True
    for session, _ in listing.each(store):
        empty = False
        row(*(column.plain(session) for column in columns))
    if empty:
        _tell_empty(listing)


def draw_table(store: SessionStore, listing: Listing, columns: Sequence[Column[SessionSummary]]) -> None:
    """Draw a table: of as many sessions as the limit says, or else as fit."""

    def draw(console: Console, sessions: Sequence[SessionSummary], lines: int | None) -> int:
        drawing = lay_out(console, columns, sessions, lines)
        console.print(drawing.table)
        return drawing.shown

    _draw(store, listing, draw)


def draw_blocks(store: SessionStore, listing: Listing) -> None:
    """Draw some lines for each session: of as many as the limit says, or else as fit."""
    _draw(store, listing, _draw_blocks)


def _draw_blocks(console: Console, sessions: Sequence[SessionSummary], lines: int | None) -> int:
    blocks = [list(header(as_info(session))) for session in sessions]
    if lines is not None:
        heights = [sum(line.height(console.width) for line in block) for block in blocks]
        blocks = blocks[: fitting(heights, lines)]
    write(line for block in blocks for line in block)
    return len(blocks)


def _draw(store: SessionStore, listing: Listing, draw: Draw) -> None:
    from rich.console import Console

    console = Console()
    found = listing.first(store, listing.limit or console.height)
    if not found:
        _tell_empty(listing)
        return
    shown = draw(console, found[: listing.limit], None if listing.limit else console.height - _BELOW)
    if shown < len(found):
        rest = listing.rest(store, found[:shown], len(found))
        console.print(rest, style="dim", markup=False, highlight=False, soft_wrap=True)


def _tell_empty(listing: Listing) -> None:
    click.echo(f"s3store: {listing.nothing}", err=True)
