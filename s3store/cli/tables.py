"""Tables on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from .output import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

_GAP = 2
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column: its title, and the text of a cell, in a pipe and as people read it."""

    title: str
    plain: Callable[[T], str]
    shown: Callable[[T], str] | None = None
    elastic: Literal["fold", "cut"] | None = None
    """What becomes of a text for which there is no room: it is broken into lines, or cut off."""
    right: bool = False


def draw(columns: Sequence[Column[T]], items: Iterable[T]) -> None:
    """Write a table that is no wider than the terminal; the elastic columns share what room the others leave."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    # Text, not markup: what a session says of itself must not become a style or a link.
    rows = [[Text(one_line((column.shown or column.plain)(item))) for column in columns] for item in items]
    natural = [max([len(column.title), *(row[place].cell_len for row in rows)]) for place, column in enumerate(columns)]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column, width in zip(columns, _widths(columns, natural, console.width - _GAP * len(columns)), strict=True):
        overflow: Literal["fold", "ellipsis"] = "fold" if column.elastic == "fold" else "ellipsis"
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, overflow=overflow, no_wrap=overflow == "ellipsis", width=width)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _widths(columns: Sequence[Column[T]], natural: Sequence[int], room: int) -> list[int]:
    """Return the width of each column: what it needs, but elastic ones give way, those that are cut off first."""
    widths = list(natural)
    for elastic in ("cut", "fold"):
        for place, column in enumerate(columns):
            if column.elastic == elastic:
                widths[place] = max(_NARROWEST, widths[place] - max(0, sum(widths) - room))
    return [min(width, wanted) for width, wanted in zip(widths, natural, strict=True)]
