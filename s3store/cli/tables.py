"""Tables on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from .output import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")

_GAP = 2
_HEADING = 2
"""The lines of the titles and the rule below them."""
_GIVING_WAY = (("cut", 20), ("fold", 20), ("cut", 8), ("fold", 12))
"""Which columns become narrower, and how narrow, before the next do."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column: its title, and the text of a cell, in a pipe and as people read it."""

    title: str
    plain: Callable[[T], str]
    shown: Callable[[T], str] | None = None
    elastic: Literal["fold", "cut"] | None = None
    """What becomes of a text for which there is no room: it is broken into lines, or cut off."""
    right: bool = False


class Drawing(NamedTuple):
    """A table, ready to be written, and how many of the items it shows."""

    table: Table
    shown: int


def draw(columns: Sequence[Column[T]], items: Iterable[T]) -> None:
    """Write a table that is no wider than the terminal; the elastic columns share what room the others leave."""
    from rich.console import Console

    console = Console()
    console.print(lay_out(console, columns, items).table)


def lay_out(console: Console, columns: Sequence[Column[T]], items: Iterable[T], lines: int | None = None) -> Drawing:
    """Make a table that is no wider than the terminal, of as many items as stand in so many lines; one at least."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text, not markup: what a session says of itself must not become a style or a link.
    rows = [[Text(one_line((column.shown or column.plain)(item))) for column in columns] for item in items]
    natural = [max([len(column.title), *(row[place].cell_len for row in rows)]) for place, column in enumerate(columns)]
    widths = _widths(columns, natural, console.width - _GAP * len(columns))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        overflow: Literal["fold", "ellipsis"] = "fold" if column.elastic == "fold" else "ellipsis"
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, overflow=overflow, no_wrap=overflow == "ellipsis", width=width)
    heights = (_height(console, columns, row, widths) for row in rows)
    shown = len(rows) if lines is None else fitting(heights, lines - _HEADING)
    for row in rows[:shown]:
        table.add_row(*row)
    return Drawing(table, shown)


def _height(console: Console, columns: Sequence[Column[T]], row: Sequence[Text], widths: Sequence[int]) -> int:
    """Return how many lines a row takes."""
    cells = zip(columns, row, widths, strict=True)
    return max(
        (len(cell.wrap(console, width, overflow="fold")) for column, cell, width in cells if column.elastic == "fold"),
        default=1,
    )


def fitting(heights: Iterable[int], lines: int) -> int:
    """Return how many rows, each of its height, stand in so many lines; the first one always does."""
    return max(1, sum(1 for _ in takewhile(lambda used: used <= lines, accumulate(heights))))


def _widths(columns: Sequence[Column[T]], natural: Sequence[int], room: int) -> list[int]:
    """Return the width of each column: what it needs, but elastic ones give way, those that are cut off first."""
    widths = list(natural)
    for elastic, narrowest in _GIVING_WAY:
        places = [place for place, column in enumerate(columns) if column.elastic == elastic]
        while sum(widths) > room and any(widths[place] > narrowest for place in places):
            widths[max(places, key=widths.__getitem__)] -= 1
    return widths
