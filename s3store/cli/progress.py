"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Shows how many of `total` (None: it is not known) are done.

    Shows nothing, and loads nothing, where nobody looks.
    """

    def __init__(self, what: str, total: int | None) -> None:
        self._bar = _new_bar() if sys.stderr.isatty() else None
        if self._bar is not None:
            self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def echo(self, line: str, *, err: bool = False) -> None:
        """Write a line of a report, so that the bar does not tear it apart."""
        if self._bar is None or not (err or sys.stdout.isatty()):
            click.echo(line, err=err)
            return
        from rich.text import Text

        self._bar.console.print(Text(line), soft_wrap=True)

    def at(self, done: int) -> None:
        """Show that so many are done."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)


def _new_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Bar(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
