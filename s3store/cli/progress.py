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


class Transfer:
    """Shows how many bytes of how many have been moved; a bar comes with the first of them.

    Shows nothing, and loads nothing, where nobody looks.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Bar | None = None
        self._looked_at = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, total: int | None) -> None:
        """Show that so many bytes of so many (None: it is not known) have been moved."""
        if self._bar is None and self._looked_at:
            self._bar = _new_bar(of_bytes=True)
            self._bar.add_task(self._what, total=total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)


def _new_bar(*, of_bytes: bool = False) -> Bar:
    from rich import progress
    from rich.console import Console

    counts = (
        (progress.DownloadColumn(), progress.TransferSpeedColumn()) if of_bytes else (progress.MofNCompleteColumn(),)
    )
    # No markup: a name must not become a style or a link.
    what = progress.TextColumn("{task.description}", markup=False)
    columns = (what, progress.BarColumn(), *counts, progress.TimeElapsedColumn())
    return progress.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
