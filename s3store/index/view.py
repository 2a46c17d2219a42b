"""The index as it is read: **first the whole log, then the manifest, then the pages that it names**.

A compaction deletes what it merged only after its manifest has landed. So whatever is gone from the log by the time it
is listed is in the manifest that is read afterwards; the other way round a reader could miss both.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeGuard

from ..errors import CorruptObject, NotCached, StoreUnavailable
from ..keys import MANIFEST, transcript_head
from ..objects.base import NoSuchKey, parsed
from ..streams.head import unpack_transcript_head
from .entry import Entry, Stub, entry_of_head
from .kept import Reading
from .manifest import EMPTY, Manifest, ManifestCell
from .pages import PageInfo, read_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import Known
    from .kept import KeptReading
    from .log import Log, Logged

_REMEMBERED_ENTRIES = 32 * 1024
_RESTARTS = 8


class PageGone(Exception):
    """A page that the manifest named is gone: a newer manifest exists, and the view has to be taken again."""


@dataclass(frozen=True)
class View:
    """The index at one moment."""

    known: Known[Manifest]
    logged: Sequence[Logged]
    entries: Mapping[str, Entry]
    """What the log says, the newest entry of each session by its id, with nothing left that is uncertain."""
    heads: Mapping[str, Entry | None]
    """What was asked of heads because the log alone could not tell, by their keys; None where there is no head."""

    @property
    def manifest(self) -> Manifest:
        """The manifest; an empty one where there is none yet."""
        return self.known.state or EMPTY

    def settled(self, logged: Logged) -> bool:
        """Tell whether nothing more can come of an entry of the log, so that it may be merged.

        One that was written before its head is unsettled as long as that head may still land: it can, until the
        session has reached the version that it would have.
        """
        entry = logged.entry
        known = self.heads.get(entry.head) if isinstance(entry, Stub) else self.entries.get(entry.id)
        return entry.final or (known is not None and known.version >= entry.version)


class Index:
    """Reads the index of one archive. What it remembers between calls never changes in the store.

    With `kept`, what is read is kept on this machine. `reader` reads heads for those who are content with what is kept,
    `bare` for upkeep, which goes through all there are and would drive out of a cache what is of use there.
    """

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        log: Log,
        *,
        reader: ObjectStore | None = None,
        kept: KeptReading | None = None,
        bare: ObjectStore | None = None,
    ) -> None:
        self.log = log
        self.cell = ManifestCell(store)
        self._store = store
        self._reader = reader or store
        self._bare = bare or store
        self._kept = kept
        self._runtime = runtime
        self._pages: OrderedDict[str, list[Entry]] = OrderedDict()
        self._remembered = 0

    async def view(self, own: Iterable[Entry] = (), *, as_kept: bool = False) -> View:
        """Read the log, then the manifest. `own` are entries that this process has not published yet.

        Only with `as_kept` may it be what this machine has kept, where the caller of the archive is content with that.
        """
        logged, known = (await self._find() if as_kept else None) or await self._read()
        entries = newest_of_each([*own, *(each.entry for each in logged if _is_sure(each.entry))])
        heads = await self._ask(logged, entries, self._reader if as_kept else self._store)
        entries = newest_of_each([*entries.values(), *(entry for entry in heads.values() if entry is not None)])
        return View(known, logged, entries, heads)

    async def views(self, own: Callable[[], Iterable[Entry]] = tuple, *, as_kept: bool = False) -> AsyncIterator[View]:
        """Yield a view, and another whenever the caller comes back because a page was gone.

        With `as_kept` the first may be what this machine has kept; whoever comes back gets what the store says now.
        Raises `CorruptObject` if a page is gone though the manifest has not changed, and `StoreUnavailable` if it
        changes so often that no view can be read to its end.
        """
        etag = None
        for turn in range(_RESTARTS):
            view = await self.view(own(), as_kept=as_kept and turn == 0)
            if etag is not None and etag == view.known.etag:
                raise page_is_missing()
            yield view
            etag = view.known.etag
        raise StoreUnavailable("the index was compacted again and again while it was read", may_have_landed=False)

    async def pages(self, wanted: Sequence[PageInfo]) -> list[list[Entry]]:
        """Read pages side by side, the entries of each the oldest first.

        Raises `PageGone` if one is not there any more, and `CorruptObject` if one is damaged.
        """
        return await self._runtime.gather([self._page(info) for info in wanted])

    async def _page(self, info: PageInfo) -> list[Entry]:
        known = self._pages.get(info.name)
        if known is not None:
            return known
        try:
            entries, _ = await parsed(await self._store.get(info.key), partial(read_page, info))
        except NoSuchKey:
            raise PageGone(info.key) from None
        self._remember(info.name, entries)
        return entries

    def _remember(self, name: str, entries: list[Entry]) -> None:
        self._remembered += len(entries) - len(self._pages.get(name, ()))
        self._pages[name] = entries
        while self._remembered > _REMEMBERED_ENTRIES and self._pages:
            self._remembered -= len(self._pages.popitem(last=False)[1])

    async def _find(self) -> tuple[list[Logged], Known[Manifest]] | None:
        kept = None if self._kept is None else await self._kept.find()
        try:
            return None if kept is None else (self.log.read(kept.log), kept.known)
        except CorruptObject:
            return None

    async def _read(self) -> tuple[list[Logged], Known[Manifest]]:
        began = 0.0 if self._kept is None else self._kept.now()
        logged = await self.log.entries()
        known = await self.cell.read()
        if self._kept is not None:
            await self._kept.keep(Reading([key for key, _ in logged], known), began)
        return logged, known

    async def _ask(
        self, logged: Sequence[Logged], sure: Mapping[str, Entry], store: ObjectStore
    ) -> dict[str, Entry | None]:
        """Ask the heads of what the log alone does not settle."""
        unsure: dict[str, None] = {}
        for _, entry in logged:
            if isinstance(entry, Stub):
                unsure[entry.head] = None
            elif not entry.final and (entry.id not in sure or sure[entry.id].version < entry.version):
                unsure[transcript_head(entry.id)] = None
        return dict(zip(unsure, await self._runtime.gather([_head(store, key) for key in unsure]), strict=True))

    async def head(self, key: str) -> Entry | None:
        """Return what the head under a key says, None if there is none. Raises `CorruptObject` if it is damaged."""
        return await _head(self._bare, key)


async def _head(store: ObjectStore, key: str) -> Entry | None:
    try:
        found, _ = await parsed(await store.get(key), partial(unpack_transcript_head, key, tail=False))
    except (NoSuchKey, NotCached):
        # Offline, what this machine knows nothing more of is not shown.
        return None
    return entry_of_head(*found)


def page_is_missing() -> CorruptObject:
    """Return the error that says that a page is gone though no newer manifest exists."""
    return CorruptObject(f"{MANIFEST}: names a page that is missing; `s3store index rebuild` makes it anew")


def newest_of_each(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the newest entry of each session."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        known = newest.get(entry.id)
        if known is None or known.order < entry.order:
            newest[entry.id] = entry
    return newest


def _is_sure(entry: Entry | Stub) -> TypeGuard[Entry]:
    return isinstance(entry, Entry) and entry.final
