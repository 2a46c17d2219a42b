"""Search over one archive, put together; the core of `SessionStore.search`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from ..errors import InvalidOption, StoreUnavailable
from ..index.query import Where
from .catchup import CatchUp
from .database import MARKS, Database
from .file import Damaged
from .results import Found, Hit
from .words import any_word, terms_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from ..index.entry import Entry
    from ..index.view import Index
    from ..model import Filters, SessionSummary
    from ..runtime import Runtime
    from ..streams.stream import Streams

T = TypeVar("T")

_TRIES = 3
_MARKED = re.compile(f"({MARKS[0]}[^{MARKS[1]}]*{MARKS[1]})")


class SearchCore:
    """Answers searches from a file, after bringing it up to date. `place` says where it is; None for in memory."""

    def __init__(
        self,
        index: Index,
        streams: Streams,
        runtime: Runtime,
        own: Callable[[], Iterable[Entry]],
        place: Callable[[], Awaitable[Path | None]],
    ) -> None:
        self._index = index
        self._streams = streams
        self._runtime = runtime
        self._own = own
        self._place = place
        self._opened: Database | None = None

    async def search(self, query: str, limit: int, filters: Filters) -> Found:
        """See `SessionStore.search`."""
        terms, where = terms_of(query), Where.of(filters)
        _check_limit(limit)
        ranked, unreadable = await self._answered(lambda database: database.ranked(terms, where.takes, limit))
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
        found, _ = await self._answered(lambda database: database.in_order(expression, prefix, limit))
        return [entry.summary() for entry in found]

    async def forget(self) -> None:
        """Remove the file with all texts; the next search makes it anew."""
        database = self._opened or Database(await self._place())
        await self._runtime.offload(database.remove)

    async def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            await self._runtime.offload(self._opened.close)

    async def _answered(self, ask: Callable[[Database], T]) -> tuple[T, tuple[str, ...]]:
        """Ask the file once it is up to date; from the start, where it turns out to be damaged on the way.

        What went on with an empty one would believe that what the damaged one had taken in is in there.
        """
        for _ in range(_TRIES):
            try:
                database, unreadable = await self._up_to_date()
                return await self._runtime.offload(lambda database=database: ask(database)), unreadable  # type: ignore[misc]
            except Damaged:
                continue
        raise StoreUnavailable("search: the file is damaged again and again; look at its disk", may_have_landed=False)

    async def _up_to_date(self) -> tuple[Database, tuple[str, ...]]:
        if self._opened is None:
            self._opened = Database(await self._place())
        catch_up = CatchUp(self._index, self._streams, self._runtime, self._opened, self._own)
        return self._opened, await catch_up.run()


def _check_limit(limit: int) -> None:
    if type(limit) is not int or limit < 0:
        raise InvalidOption(f"limit is 0 or more, not {limit!r}")


def _pieces(snippet: str) -> tuple[tuple[str, bool], ...]:
    pieces = [piece for piece in _MARKED.split(snippet) if piece]
    return tuple((piece.strip("".join(MARKS)), piece.startswith(MARKS[0])) for piece in pieces)
