"""Search over one archive, put together; the core of `SessionStore.search`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InvalidOption
from ..index.query import Where
from .catchup import CatchUp
from .database import MARKS
from .results import Found, Hit
from .words import any_word, terms_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..index.entry import Entry
    from ..index.view import Index
    from ..model import Filters, SessionSummary
    from ..runtime import Runtime
    from ..streams.stream import Streams
    from .database import Database

_MARKED = re.compile(f"({MARKS[0]}[^{MARKS[1]}]*{MARKS[1]})")


class SearchCore:
    """Answers searches from `database`, after bringing it up to date."""

    def __init__(
        self, index: Index, streams: Streams, runtime: Runtime, database: Database, own: Callable[[], Iterable[Entry]]
    ) -> None:
        self._index = index
        self._streams = streams
        self._runtime = runtime
        self._database = database
        self._own = own

    async def search(self, query: str, limit: int, filters: Filters) -> Found:
        """See `SessionStore.search`."""
        terms, where = terms_of(query), Where.of(filters)
        _check_limit(limit)
        unreadable = await self._catch_up()
        ranked = await self._runtime.local(lambda: self._database.ranked(terms, where.takes, limit))
        hits = tuple(Hit(match.entry.summary(), match.seq, _pieces(snippet)) for match, snippet in ranked)
        return Found(hits, unreadable)

    async def by_any_word(self, keyword: str, prefix: str, limit: int) -> list[SessionSummary]:
        """Return the sessions whose id starts with `prefix` that have one of the words in a message or in their key.

        The one with the oldest matching message comes first: what zeroclaw's contract asks of a search.
        """
        _check_limit(limit)
        expression = any_word(keyword)
        if expression is None:
            return []
        await self._catch_up()
        found = await self._runtime.local(lambda: self._database.in_order(expression, prefix, limit))
        return [entry.summary() for entry in found]

    async def close(self) -> None:
        """Close the file."""
        await self._runtime.local(self._database.close)

    async def _catch_up(self) -> tuple[str, ...]:
        return await CatchUp(self._index, self._streams, self._runtime, self._database, self._own).run()


def _check_limit(limit: int) -> None:
    if type(limit) is not int or limit < 0:
        raise InvalidOption(f"limit is 0 or more, not {limit!r}")


def _pieces(snippet: str) -> tuple[tuple[str, bool], ...]:
    pieces = [piece for piece in _MARKED.split(snippet) if piece]
    return tuple((piece.strip("".join(MARKS)), piece.startswith(MARKS[0])) for piece in pieces)
