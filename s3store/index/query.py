"""What callers ask of the index: parts of the list, filtered and in order, and how many there are."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ..errors import InvalidOption
from ..model import Filters, SessionPage, SessionSummary
from .entry import Entry, microseconds
from .view import PageGone
from .walk import NewestFirst, OldestFirst, Sources

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from ..model import ListOrder
    from ..runtime import Runtime
    from .pages import PageInfo
    from .upkeep import Upkeep
    from .view import Index, View

_DIRECTIONS: dict[str, type[NewestFirst | OldestFirst]] = {"newest": NewestFirst, "oldest": OldestFirst}
_EQUAL = ("agent", "channel", "room", "sender", "parent", "state")
_AHEAD = 8
_END = 2**63
RUNNING = "running"
"""The state of a session whose turn is under way."""


@dataclass(frozen=True)
class Where:
    """Filters, checked and ready to be asked."""

    equal: tuple[tuple[str, str], ...]
    labels: frozenset[str]
    since: int
    until: int
    id_prefix: str
    name_prefix: str
    place: str | None

    @classmethod
    def of(cls, filters: Filters) -> Where:
        """Check filters. Raises `InvalidOption` for an unknown name or a wrong value."""
        known = Filters.__annotations__
        unknown = sorted(filters.keys() - known)
        if unknown:
            raise InvalidOption(f"there is no filter {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        given = {name: value for name, value in filters.items() if value is not None}
        for name in (*_EQUAL, "id_prefix", "name_prefix", "place"):
            if not isinstance(given.get(name, ""), str):
                raise InvalidOption(f"the filter {name} is text")
        if given.get("place", "hot") not in {"hot", "cold"}:
            raise InvalidOption("the filter place is 'hot' or 'cold'")
        return cls(
            tuple((name, str(given[name])) for name in _EQUAL if name in given),
            _labels(filters.get("labels")),
            _time("since", filters.get("since"), -1),
            _time("until", filters.get("until"), _END),
            str(given.get("id_prefix", "")),
            str(given.get("name_prefix", "")).casefold(),
            str(given["place"]) if "place" in given else None,
        )

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == _EVERYTHING

    def takes(self, entry: Entry) -> bool:
        """Tell whether a session that has not been deleted is to be shown."""
        fields = entry.fields
        return (
            "deleted" not in fields
            and self.since <= entry.at < self.until
            and (not self.equal or all(fields.get(name) == value for name, value in self.equal))
            and (not self.labels or self.labels.issubset(fields.get("labels", ())))
            and entry.id.startswith(self.id_prefix)
            and (not self.name_prefix or fields.get("name", "").casefold().startswith(self.name_prefix))
            and (self.place is None or self.place == fields.get("place", "hot"))
        )

    def may_take_of(self, page: PageInfo) -> bool:
        """Tell whether a page may hold a session that is to be shown."""
        return (
            page.live > 0
            and page.newest >= self.since
            and page.oldest < self.until
            and all(
                value in (page.states if name == "state" else page.values.get(name, (value,)))
                for name, value in self.equal
            )
        )


_EVERYTHING = Where((), frozenset(), -1, _END, "", "", None)


class Cursor(NamedTuple):
    """A place in a listing, and the direction in which it goes on. It means the same for ever."""

    order: ListOrder
    at: int
    id: str

    @classmethod
    def after(cls, order: ListOrder, summary: SessionSummary) -> Cursor:
        """Return the place right behind a session."""
        return cls(order, microseconds(summary.updated_at), summary.id)

    def text(self) -> str:
        """Return the cursor as it is handed out."""
        return urlsafe_b64encode(orjson.dumps([self.order, self.at, self.id])).rstrip(b"=").decode("ascii")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read what `text` made. Raises `InvalidOption` for anything else."""
        try:
            order, at, session_id = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            cursor = cls(order, at, session_id)
        except (ValueError, TypeError):
            raise InvalidOption("the cursor is none that `page` gave") from None
        if order not in _DIRECTIONS or type(at) is not int or type(session_id) is not str:
            raise InvalidOption("the cursor is none that `page` gave")
        return cursor

    def behind(self, entry: Entry) -> bool:
        """Tell whether an entry comes after this place."""
        place, own = entry.place, (self.at, self.id)
        return place < own if self.order == "newest" else place > own

    def may_be_behind(self, page: PageInfo) -> bool:
        """Tell whether a page may hold an entry that comes after this place."""
        return page.oldest <= self.at if self.order == "newest" else page.newest >= self.at


@dataclass(frozen=True)
class Query:
    """A part of the list of sessions."""

    where: Where
    order: ListOrder
    limit: int | None
    offset: int
    after: Cursor | None

    @classmethod
    def of(
        cls, filters: Filters, order: ListOrder, limit: int | None = None, offset: int = 0, cursor: str | None = None
    ) -> Query:
        """Check what a caller asks. Raises `InvalidOption`."""
        if order not in _DIRECTIONS:
            raise InvalidOption(f"the order of a listing is 'newest' or 'oldest', not {order!r}")
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None and (type(number) is not int or number < 0):
                raise InvalidOption(f"{name} is 0 or more, not {number!r}")
        after = None if cursor is None else Cursor.read(cursor)
        if after is not None and after.order != order:
            raise InvalidOption(f"the cursor goes on with the order {after.order!r}, and {order!r} was asked for")
        return cls(Where.of(filters), order, limit, offset, after)


class Listings:
    """Answers queries. `own` gives the entries that this process has not published yet: it sees its own writes."""

    def __init__(self, index: Index, runtime: Runtime, own: Callable[[], Iterable[Entry]], upkeep: Upkeep) -> None:
        self._index = index
        self._runtime = runtime
        self._own = own
        self._upkeep = upkeep

    def sessions(
        self,
        filters: Filters,
        order: ListOrder = "newest",
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
    ) -> AsyncIterator[SessionSummary]:
        """See `SessionStore.list`."""
        return self._summaries(Query.of(filters, order, limit, offset, cursor))

    async def page(
        self, filters: Filters, order: ListOrder, limit: int, offset: int, cursor: str | None
    ) -> SessionPage:
        """See `SessionStore.page`."""
        # One more than is shown tells whether there are more.
        query = Query.of(filters, order, limit, offset, cursor)
        found = await self._at_once(query, limit + 1)
        shown, more = found[:limit], len(found) > limit
        cursor = Cursor(order, shown[-1].at, shown[-1].id).text() if more and shown else None
        return SessionPage(tuple(entry.summary() for entry in shown), cursor)

    async def count(self, filters: Filters) -> int:
        """Return how many sessions there are for which the filters hold."""
        query = Query.of(filters, "newest")
        if not query.where.everything:
            return len([entry.id async for entry in self._entries(query)])
        async for view in self._index.views(self._own, as_kept=True):
            walk = NewestFirst(self._sources(view, _AHEAD), query.where.may_take_of, skip=_END)
            try:
                async for _ in walk.batches():
                    pass
            except PageGone:
                continue
            return walk.skipped
        raise AssertionError("views either come or raise")

    async def running(self, filters: Filters) -> list[SessionSummary]:
        """Return the sessions in the state `running`, the one whose turn began last first."""
        if filters.get("state") is not None:
            raise InvalidOption(f"the filter state is {RUNNING!r} already")
        found = [summary async for summary in self.sessions({**filters, "state": RUNNING})]
        return sorted(found, key=_turn_start, reverse=True)

    async def stuck(self, seconds: float, filters: Filters) -> list[SessionSummary]:
        """Return the sessions whose turn has been running for longer than so many seconds, the longest first."""
        if not seconds >= 0:
            raise InvalidOption(f"seconds is 0 or more, not {seconds!r}")
        before = self._runtime.now() - timedelta(seconds=seconds)
        return [
            found
            for found in reversed(await self.running(filters))
            if found.turn is not None and found.turn.started_at is not None and found.turn.started_at < before
        ]

    async def _at_once(self, query: Query, most: int) -> list[Entry]:
        """Return the first entries of a query, all of one view: so that what follows them stands behind the last."""
        async for view in self._index.views(self._own, as_kept=True):
            self._upkeep.saw(len(view.logged))
            found: list[Entry] = []
            try:
                async with aclosing(self._matching(view, query, query.after, _END, query.offset)) as batches:
                    async for batch in batches:
                        found += batch
                        if len(found) >= most:
                            break
            except PageGone:
                continue
            return found[:most]
        raise AssertionError("views either come or raise")

    async def _summaries(self, query: Query) -> AsyncIterator[SessionSummary]:
        async for entry in self._entries(query):
            yield entry.summary()

    async def _entries(self, query: Query) -> AsyncIterator[Entry]:
        """Yield entries; where pages are gone, because they were merged meanwhile, go on with a new view."""
        if query.limit == 0:
            return
        # No set: that the garbage collector would go over again and again, and there may be millions.
        given: dict[str, None] = {}
        after, began, offset = query.after, _END, query.offset
        async for view in self._index.views(self._own, as_kept=True):
            self._upkeep.saw(len(view.logged))
            try:
                async with aclosing(self._matching(view, query, after, began, offset)) as batches:
                    async for batch in batches:
                        rest = None if query.limit is None else query.limit - len(given)
                        fresh = [entry for entry in batch if entry.id not in given][:rest]
                        if fresh:
                            given |= dict.fromkeys([entry.id for entry in fresh])
                            after, offset = Cursor(query.order, fresh[-1].at, fresh[-1].id), 0
                        for entry in fresh:
                            yield entry
                        if len(given) == query.limit:
                            return
            except PageGone:
                if began == _END:
                    # Newest first, whatever was not given is: it may have come up past this place, on a clock that is
                    # behind others. Only what an offset passed over is told from it by its time alone.
                    began = -1 if query.order == "newest" and not query.offset else _latest(view)
                continue
            return

    async def _matching(
        self, view: View, query: Query, after: Cursor | None, began: int, offset: int
    ) -> AsyncGenerator[list[Entry]]:
        """Yield what a view holds of a query: what comes behind `after`, or has changed since the listing began."""
        where = query.where
        by_counts = where.everything and after is None
        rest = 0 if by_counts else offset

        def wanted(page: PageInfo) -> bool:
            return where.may_take_of(page) and (after is None or after.may_be_behind(page) or page.newest > began)

        sources = self._sources(view, _AHEAD if query.limit is None else 1)
        walk = _DIRECTIONS[query.order](sources, wanted, skip=offset if by_counts else 0)
        async for batch in walk.batches():
            found = [
                entry
                for entry in batch
                if where.takes(entry) and (after is None or after.behind(entry) or entry.at > began)
            ]
            yield found[rest:]
            rest = max(0, rest - len(found))

    def _sources(self, view: View, ahead: int) -> Sources:
        return Sources(list(view.entries.values()), view.manifest.pages, self._index.pages, ahead)


def _latest(view: View) -> int:
    """Return the time after which nothing had changed when the view was taken."""
    times = [*(entry.at for entry in view.entries.values()), *(page.newest for page in view.manifest.pages)]
    return max(times, default=-1)


def _turn_start(summary: SessionSummary) -> tuple[bool, datetime, str]:
    started = None if summary.turn is None else summary.turn.started_at
    return started is not None, started or summary.updated_at, summary.id


def _labels(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidOption("the filter labels is a list of texts")
    labels = frozenset(value)
    if not all(isinstance(label, str) for label in labels):
        raise InvalidOption("the filter labels is a list of texts")
    return labels


def _time(name: str, value: object, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidOption(f"the filter {name} is a datetime with a time zone")
    return microseconds(value)
