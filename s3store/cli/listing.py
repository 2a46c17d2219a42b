"""What `s3store ls` is asked for: a part of the list in its order, or the sessions whose turn is under way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..index.entry import microseconds
from ..index.query import Cursor
from .output import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from ..blocking import SessionStore
    from ..model import Filters, ListOrder, SessionSummary


class Listed(NamedTuple):
    """A session, and where the listing goes on after it."""

    session: SessionSummary
    cursor: str | None = None
    """Stands only at the last one of a limited listing, if more sessions follow."""


@dataclass(frozen=True)
class InOrder:
    """Sessions in the order of their last change."""

    filters: Filters
    limit: int | None
    order: ListOrder
    offset: int
    cursor: str | None

    @property
    def nothing(self) -> str:
        """What to say where there is none."""
        if self.filters:
            return "no session is like that"
        return "no session stands there any more" if self.offset or self.cursor else "the archive has no session yet"

    def count(self, store: SessionStore) -> int:
        """Return how many sessions the filters leave."""
        return store.count(**self.filters)

    def first(self, store: SessionStore, most: int) -> Sequence[SessionSummary]:
        """Return the first `most` sessions, and one more if there is one."""
        return list(self._list(store, most + 1))

    def each(self, store: SessionStore) -> Iterator[Listed]:
        """Yield session by session, holding none but the next."""
        sessions = self._list(store, None if self.limit is None else self.limit + 1)
        with_next = islice(pairwise(chain(sessions, (None,))), self.limit)
        for number, (session, following) in enumerate(with_next, 1):
            if session is not None:
                goes_on = number == self.limit and following is not None
                yield Listed(session, self._cursor_after(session) if goes_on else None)

    def rest(self, store: SessionStore, shown: Sequence[SessionSummary], _found: int) -> str:
        """Return a line that tells that there is more than was shown, and how to see it."""
        if self.cursor is not None:
            return f"{plural(len(shown), 'session')}; there are more, --cursor {self._cursor_after(shown[-1])} goes on"
        last = self.offset + len(shown)
        if self.filters:
            # How many they are would take reading all of them.
            return f"{plural(len(shown), 'session')}; there are more, --offset {last} goes on, --count counts them"
        total = store.count()
        return f"{self.offset + 1}–{last} of {plural(total, 'session')}; --offset {last} goes on"

    def _list(self, store: SessionStore, limit: int | None) -> Iterator[SessionSummary]:
        return store.list(order=self.order, limit=limit, offset=self.offset, cursor=self.cursor, **self.filters)

    def _cursor_after(self, session: SessionSummary) -> str:
        return Cursor(self.order, microseconds(session.updated_at), session.id).text()


@dataclass(frozen=True)
class Turns:
    """Sessions whose turn is under way, the one that began last first; or stuck ones, the longest first."""

    filters: Filters
    limit: int | None
    stuck_for: timedelta | None

    @property
    def nothing(self) -> str:
        """What to say where there is none."""
        which = "no session like that" if self.filters else "no session"
        return f"{which} is {'running' if self.stuck_for is None else 'stuck'}"

    def count(self, store: SessionStore) -> int:
        """Return how many there are."""
        return len(self.first(store, 0))

    def first(self, store: SessionStore, _most: int) -> Sequence[SessionSummary]:
        """Return them all: their order takes reading all of them."""
        if self.stuck_for is None:
            return store.running(**self.filters)
        return store.stuck(self.stuck_for.total_seconds(), **self.filters)

    def each(self, store: SessionStore) -> Iterator[Listed]:
        """Yield them."""
        return map(Listed, self.first(store, 0)[: self.limit])

    def rest(self, _store: SessionStore, shown: Sequence[SessionSummary], found: int) -> str:
        """Return a line that tells that there is more than was shown, and how to see it."""
        return f"{len(shown)} of {plural(found, 'session')}; --limit {found} shows them all"


Listing: TypeAlias = InOrder | Turns
"""What can be asked for."""
