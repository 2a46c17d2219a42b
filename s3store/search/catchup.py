"""The file is brought up to date from the index: only what changed since is read.

Pages of the index never change, so those that the file has taken in need not be looked at again: what is new stands on
other pages, or in the log. No clock is asked. A session that has only grown is read from its last known record on: as
long as that is of the same commit, nothing before it has changed, for whatever changes a record replaces all behind it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..errors import (
    CorruptObject,
    RestoreRequired,
    SessionDeleted,
    SessionNotFound,
    StoreUnavailable,
    UnsupportedFormat,
)
from ..index.view import PageGone, newest_of_each
from ..streams.terms import Terms
from .database import Known, Reading
from .texts import text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from ..index.entry import Entry
    from ..index.view import Index, View
    from ..model import Record
    from ..runtime import Runtime
    from ..streams.stream import Streams
    from .database import Database

_PAGES_TOGETHER = 4
_SESSIONS_TOGETHER = 16
_TRIES = 5


class CatchUp:
    """Brings a file up to date with an archive. `own` gives what this process has not told the index yet."""

    def __init__(
        self, index: Index, streams: Streams, runtime: Runtime, database: Database, own: Callable[[], Iterable[Entry]]
    ) -> None:
        self._index = index
        self._streams = streams
        self._runtime = runtime
        self._database = database
        self._own = own
        self._unreadable: dict[str, None] = {}

    async def run(self) -> tuple[str, ...]:
        """Take in all that was acknowledged before; return the ids of changed sessions that could not be read."""
        async for view in self._index.views(self._own, as_kept=True):
            try:
                await self._take_in(view)
            except PageGone:
                continue
            break
        return tuple(self._unreadable)

    async def _take_in(self, view: View) -> None:
        taken = await self._runtime.offload(self._database.pages)
        pages = {page.name: page for page in view.manifest.pages}
        # Where nothing that the file took in is left, sessions may have gone from the index without a trace.
        anew = bool(taken) and taken.isdisjoint(pages)
        seen: dict[str, None] = {}
        async for entries in self._entries(view, taken):
            if anew:
                seen |= dict.fromkeys([entry.id for entry in entries])
            await self._take(entries)
        if anew:
            await self._runtime.offload(lambda: self._database.forget_all_but(seen))
        await self._runtime.offload(lambda: self._database.finish(pages))

    async def _entries(self, view: View, taken: frozenset[str]) -> AsyncIterator[list[Entry]]:
        yield list(view.entries.values())
        pages = [page for page in view.manifest.pages if page.name not in taken]
        # The newest first: what is superseded on older pages is then known to be.
        pages.sort(key=lambda page: page.newest, reverse=True)
        for at in range(0, len(pages), _PAGES_TOGETHER):
            loaded = await self._index.pages(pages[at : at + _PAGES_TOGETHER])
            yield list(newest_of_each(entry for entries in loaded for entry in entries).values())

    async def _take(self, entries: Sequence[Entry]) -> None:
        left = list(entries)
        for _ in range(_TRIES):
            stale = await self._runtime.offload(partial(self._database.stale, left))
            left = []
            for at in range(0, len(stale), _SESSIONS_TOGETHER):
                found = await self._runtime.gather([self._read(*each) for each in stale[at : at + _SESSIONS_TOGETHER]])
                readings = [reading for reading in found if reading is not None]
                left += await self._runtime.offload(partial(self._database.store, readings))
            if not left:
                return
        raise StoreUnavailable("search: others bring the same file up to date again and again", may_have_landed=False)

    async def _read(self, entry: Entry, known: Known | None) -> Reading | None:
        """Read what changed of a session; None if it cannot be read, or is gone and the index will soon say so."""
        if entry.deleted:
            return Reading(entry, known, 0, 0, None, ())
        try:
            start = _goes_on_at(entry, known)
            records = await self._records(entry, start)
            if start and (not records or known is None or records[0].commit != known.last_commit):
                start, records = 0, await self._records(entry, 0)
        except (SessionNotFound, SessionDeleted):
            return None
        except (CorruptObject, UnsupportedFormat, RestoreRequired):
            self._unreadable[entry.id] = None
            return None
        last = records[-1] if records else None
        read = 0 if last is None else last.seq + 1
        texts = [text_of(record) for record in records]
        return Reading(entry, known, start, read, None if last is None else last.commit, texts)

    async def _records(self, entry: Entry, start: int) -> list[Record]:
        terms = Terms(incarnation=entry.incarnation)
        return [record async for part in self._streams.parts(entry.id, terms, start=start) for record in part]


def _goes_on_at(entry: Entry, known: Known | None) -> int:
    """Return the number of the record to read from on."""
    if known is None or known.incarnation != entry.incarnation or not 0 < known.read <= entry.fields["count"]:
        return 0
    return known.read - 1
