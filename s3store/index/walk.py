"""A view in order: each session once, at its newest entry, opening no more pages than that takes.

A session has at most one entry in each run of pages, and one in the log; only the newest counts. Within an incarnation
the time of an entry only grows. So **newest first**, the first entry met is the one that counts. **Oldest first** it is
the last one: before a page is opened, every page that may hold newer entries of its sessions is looked through. Which
these are, the manifest tells: a session that began after a page ends is not on that page.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter
from typing import TYPE_CHECKING

from .entry import in_order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
    from typing import TypeAlias

    from .entry import Entry, Order
    from .pages import PageInfo

    Load: TypeAlias = Callable[[Sequence[PageInfo]], Awaitable[list[list[Entry]]]]

_LOG = ""
"""Stands for the log where entries are kept by their run of pages."""
_time = itemgetter(0)
_NEVER = 2**63


@dataclass(frozen=True)
class Sources:
    """What is walked over."""

    entries: Collection[Entry]
    """The entries of the log, one for each session."""
    pages: Sequence[PageInfo]
    load: Load
    ahead: int = 1
    """How many pages are fetched side by side; more than one is worth it where most of it is read."""

    def newer_than_log(self) -> list[PageInfo]:
        """Return the pages that may hold newer entries than the log: it has late ones, and those just merged."""
        times = sorted(entry.at for entry in self.entries)
        return [page for page in self.pages if bisect_left(times, page.since) < bisect_right(times, page.newest)]


class Walk:
    """What both directions have in common. Deleted sessions are walked over as well."""

    def __init__(self, sources: Sources, pages: Sequence[PageInfo], skip: int) -> None:
        self._sources = sources
        self._unopened = list(pages)
        # By the run of pages that they came from, in order.
        self._waiting: dict[str, list[Entry]] = {_LOG: in_order(sources.entries)}
        self._fetched: dict[str, list[Entry]] = {}
        # No set: that the garbage collector would go over again and again, and there may be millions.
        self._done: dict[str, None] = {}
        self._in_a_row = 0
        self._skip = skip
        self.skipped = 0
        """How many sessions were passed over."""

    async def batches(self) -> AsyncIterator[list[Entry]]:
        """Yield the newest entry of each session, in order, some at a time, the skipped ones left out."""
        while self._unopened or any(self._waiting.values()):
            batch = self._without_skipped(self._newest_of(self._take_ready()))
            if batch:
                yield batch
            if self._unopened:
                page = self._unopened.pop()
                if 0 < page.live <= self._skip and self._can_pass_over(page):
                    self._skip -= page.live
                    self.skipped += page.live
                    self._in_a_row = 0
                    self._fetched.pop(page.name, None)
                else:
                    await self._open(page)

    async def _open(self, page: PageInfo) -> None:
        # As long as pages may be passed over, no more are fetched ahead than the last ones that could not be.
        self._in_a_row += 1
        ahead = min(self._sources.ahead, self._in_a_row) if self._skip else self._sources.ahead
        await self._fetch([page, *self._unopened[:-ahead:-1]])
        # Sorted parts one behind the other, here and below, which is what Python's sort is quickest at.
        self._waiting[page.run] = in_order([*self._waiting.get(page.run, ()), *self._fetched.pop(page.name)])

    async def _fetch(self, pages: Sequence[PageInfo]) -> None:
        missing = [page for page in pages if page.name not in self._fetched]
        loaded = await self._sources.load(missing) if missing else []
        self._fetched |= {page.name: entries for page, entries in zip(missing, loaded, strict=True)}

    def _without_skipped(self, batch: list[Entry]) -> list[Entry]:
        if not self._skip:
            return batch
        kept = []
        for entry in batch:
            if self._skip and not entry.deleted:
                self._skip -= 1
                self.skipped += 1
            else:
                kept.append(entry)
        return kept

    def _take_ready(self) -> list[Entry]:
        """Take what comes before everything on the pages that are not opened yet, in the order of the walk."""
        raise NotImplementedError

    def _newest_of(self, ready: Sequence[Entry]) -> list[Entry]:
        """Return the entries that count."""
        raise NotImplementedError

    def _can_pass_over(self, page: PageInfo) -> bool:
        raise NotImplementedError

    def _room_for(self, page: PageInfo, among: dict[str, list[Entry]], beside: Iterable[PageInfo]) -> bool:
        """Tell whether a page can be skipped together with the entries that stand among its own, and the pages that do.

        Those of its own run are other sessions, so they only have to be counted with it; of any other run they may be
        the same ones.
        """
        pages = [page, *beside]
        live = sum(other.live for other in pages) + sum(not entry.deleted for entry in among.pop(page.run, ()))
        return live <= self._skip and all(other.run == page.run for other in pages) and not any(among.values())


class NewestFirst(Walk):
    """From the session that changed last to the one that has been idle for longest.

    Only pages that `wanted` takes are opened, and those that may hold newer entries of their sessions; the caller has
    to leave out what it did not want. `skip` sessions at the start are passed over, without opening their pages where
    the counts of the manifest are exact.
    """

    def __init__(self, sources: Sources, wanted: Callable[[PageInfo], bool], *, skip: int = 0) -> None:
        chosen = {page.name: page for page in sources.pages if wanted(page)}
        newer = {
            page.name: page
            for page in sources.pages
            if any(page.may_hold_newer_than(other) for other in chosen.values())
        }
        newer |= {page.name: page for page in sources.newer_than_log()}
        super().__init__(sources, sorted({**chosen, **newer}.values(), key=lambda page: page.newest), skip)
        # For each run, a time before which none of its entries met so far replaces another.
        self._since = {_LOG: min((entry.since for entry in sources.entries), default=_NEVER)}

    def _take_ready(self) -> list[Entry]:
        ready = []
        for entries in self._waiting.values():
            start = bisect_right(entries, self._unopened[-1].newest, key=_time) if self._unopened else 0
            ready += entries[start:]
            del entries[start:]
        return in_order(ready)[::-1]

    def _newest_of(self, ready: Sequence[Entry]) -> list[Entry]:
        found = []
        for entry in ready:
            if entry.id not in self._done:
                self._done[entry.id] = None
                found.append(entry)
        return found

    async def _open(self, page: PageInfo) -> None:
        self._note(page)
        await super()._open(page)

    def _can_pass_over(self, page: PageInfo) -> bool:
        exact = (
            all(since > page.newest for run, since in self._since.items() if run != page.run)
            and not any(page.may_hold_newer_than(other) for other in self._unopened)
            and self._room_for(
                page,
                {run: _since(entries, page.oldest) for run, entries in self._waiting.items()},
                takewhile(lambda other: other.newest >= page.oldest, reversed(self._unopened)),
            )
        )
        if exact:
            self._note(page)
        return exact

    def _note(self, page: PageInfo) -> None:
        self._since[page.run] = min(page.since, self._since.get(page.run, _NEVER))


class OldestFirst(Walk):
    """From the session that has been idle for longest to the one that changed last; as `NewestFirst`."""

    def __init__(self, sources: Sources, wanted: Callable[[PageInfo], bool], *, skip: int = 0) -> None:
        pages = [page for page in sources.pages if wanted(page)]
        super().__init__(sources, sorted(pages, key=lambda page: page.oldest, reverse=True), skip)
        self._newest: dict[str, Order] = {entry.id: entry.order for entry in sources.entries}
        self._since = min((entry.since for entry in sources.entries), default=_NEVER)
        self._looked_through: set[str] = set()

    def _take_ready(self) -> list[Entry]:
        ready = []
        for entries in self._waiting.values():
            end = bisect_left(entries, self._unopened[-1].oldest, key=_time) if self._unopened else len(entries)
            ready += entries[:end]
            del entries[:end]
        return in_order(ready)

    def _newest_of(self, ready: Sequence[Entry]) -> list[Entry]:
        found = []
        for entry in ready:
            if entry.id not in self._done and entry.order >= self._newest.get(entry.id, entry.order):
                self._done[entry.id] = None
                found.append(entry)
        return found

    async def batches(self) -> AsyncIterator[list[Entry]]:
        """Yield as `NewestFirst` does."""
        await self._look_through(self._sources.newer_than_log())
        async for batch in super().batches():
            yield batch

    async def _open(self, page: PageInfo) -> None:
        await self._look_through([other for other in self._sources.pages if other.may_hold_newer_than(page)])
        await super()._open(page)

    async def _look_through(self, pages: Sequence[PageInfo]) -> None:
        left = [page for page in pages if page.name not in self._looked_through]
        self._looked_through.update(page.name for page in left)
        for at in range(0, len(left), self._sources.ahead):
            for entries in await self._sources.load(left[at : at + self._sources.ahead]):
                for entry in entries:
                    if self._newest.get(entry.id, entry.order) <= entry.order:
                        self._newest[entry.id] = entry.order

    def _can_pass_over(self, page: PageInfo) -> bool:
        return (
            self._since > page.newest
            and not any(other.may_hold_newer_than(page) for other in self._sources.pages)
            and self._room_for(
                page,
                {run: _until(entries, page.newest) for run, entries in self._waiting.items()},
                takewhile(lambda other: other.oldest <= page.newest, reversed(self._unopened)),
            )
        )


def _since(entries: list[Entry], time: int) -> list[Entry]:
    return entries[bisect_left(entries, time, key=_time) :]


def _until(entries: list[Entry], time: int) -> list[Entry]:
    return entries[: bisect_right(entries, time, key=_time)]
