"""A listing that is drawn again and again in the same place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import StoreUnavailable
from .moments import utc_now
from .output import one_line, plural, time_text
from .tables import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from ..blocking import SessionStore
    from ..model import SessionSummary
    from .listing import Listing
    from .tables import Column

_BELOW = 2
"""The line below the table, and the one where the cursor stands."""


def watch_listing(
    store: SessionStore, listing: Listing, columns: Sequence[Column[SessionSummary]], every: float
) -> None:
    """Draw a listing now and `every` so many seconds, until somebody ends it."""
    from rich.console import Console
    from rich.live import Live

    watch = Watch(store, listing, columns, Console(), every)
    with Live(console=watch.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            live.update(watch.look(), refresh=True)
            time.sleep(every)


class Watch:
    """A listing as it is by now: each look is one listing."""

    def __init__(
        self,
        store: SessionStore,
        listing: Listing,
        columns: Sequence[Column[SessionSummary]],
        console: Console,
        every: float,
    ) -> None:
        self._store = store
        self._listing = listing
        self._columns = columns
        self.console = console
        self._every = every
        self._found: Sequence[SessionSummary] = ()

    def look(self) -> RenderableType:
        """Return the listing as it is now, or as it was last where the store cannot be reached."""
        from rich.console import Group
        from rich.text import Text

        lines = self.console.height - _BELOW
        state = f"every {self._every:g} s, Ctrl-C ends"
        try:
            self._found = self._listing.first(self._store, lines)
        except StoreUnavailable as error:
            state = f"{one_line(str(error))}; trying again"
        drawing = lay_out(self.console, self._columns, self._found[: self._listing.limit], lines)
        shown = min(drawing.shown, len(self._found))
        more = ", and there are more" if shown < len(self._found) else ""
        below = f"{plural(shown, 'session')}{more} · {time_text(utc_now())} UTC · {state}"
        return Group(drawing.table, Text(below, style="dim", no_wrap=True, overflow="ellipsis"))
