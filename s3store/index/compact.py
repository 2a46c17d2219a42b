"""Compaction: the log becomes pages, and small runs of pages become larger ones. Any client may do it.

Safe in this order: read the log, then the manifest; store new pages under fresh names; replace the manifest by
compare-and-swap, on the very manifest that was read; and **only if that surely succeeded** delete what was merged. A
definite loser removes its own new pages. After an unknown outcome nothing is removed, for the swap may still land.

Runs are merged by size: of so many runs of a tier one of the next is made. So an entry is rewritten as often as there
are tiers, which is the logarithm of how many there are.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ..errors import Conflict, OutcomeUnknown, StoreUnavailable
from ..keys import INDEX_PAGES
from ..objects.base import all_keys, remove_all
from ..streams.commit import Proposal, commit
from .manifest import EMPTY, write_manifest
from .pages import PageInfo, write_page
from .reports import Compacted
from .view import PageGone, page_is_missing
from .walk import NewestFirst, Sources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy, Known
    from .entry import Entry
    from .manifest import Manifest, ManifestCell
    from .sizes import IndexSizes
    from .view import Index, View

_AHEAD = 4
_USUAL_BYTES = 300


class IndexChanged(Conflict):
    """Somebody else replaced the manifest meanwhile; nothing of this compaction is left."""


class Compactor:
    """Merges the log and the pages of one archive."""

    def __init__(
        self, store: ObjectStore, runtime: Runtime, policy: CommitPolicy, index: Index, sizes: IndexSizes
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._policy = policy
        self._index = index
        self._sizes = sizes

    async def compact(self, *, least: int = 1, most: int | None = None, everything: bool = False) -> Compacted | None:
        """Merge the log into the pages; None if it has fewer than `least` entries.

        Merges that would rewrite more than `most` entries are left for another time; with `everything`, all pages
        become one run. Raises `IndexChanged` where somebody else was faster, `OutcomeUnknown` where nothing tells
        whether the new manifest stands, and `CorruptObject` for a damaged page.
        """
        view = await self._index.view()
        settled = [logged.key for logged in view.logged if view.settled(logged)]
        if len(settled) < least and not everything:
            return None
        old, tier = list(view.manifest.pages), 0
        if not everything:
            old, tier = _to_merge(view.manifest.pages, len(settled), most, self._sizes.fan_in)
        elif old:
            tier = max(page.tier for page in old)
        if not settled and len({page.run for page in old}) <= 1:
            return None
        new = await self._merge(view, old, tier)
        await self._swap_in(view.known, new, old)
        await self.remove([*settled, *(page.key for page in old)])
        return Compacted(len(settled), len(view.logged) - len(settled), sum(page.count for page in new), len(old))

    async def sweep(self) -> int:
        """Delete the pages that no manifest names, left behind by those who crashed; return how many.

        Pages are listed, then the manifest is swapped once, which shuts out every compaction under way, and then those
        of the listed are deleted that it does not name and that are not of the rebuild which it tells of. No clock is
        needed.
        """
        listed = await self.stored_pages()
        standing = await self.replace(lambda manifest: manifest)
        return await self.remove_unnamed(listed, standing)

    async def replace(
        self,
        change: Callable[[Manifest], Manifest],
        *,
        only: Known[Manifest] | None = None,
        cell: ManifestCell | None = None,
    ) -> list[Manifest]:
        """Swap the manifest for what `change` makes of it; that may raise `IndexChanged` to give up.

        Returns it, and the one that followed it already, if that is so. With `only`, none but that manifest is
        replaced, else `IndexChanged`. `cell` reads the manifest in another way.
        """
        swap = _Swap(self._runtime.ulid(), change, only)
        landed = await commit(self._store, self._runtime, self._policy, cell or self._index.cell, swap, only)
        return [state for state in (landed.proposal and landed.proposal.state, landed.known.state) if state]

    async def remove_unnamed(self, listed: Iterable[str], standing: Iterable[Manifest]) -> int:
        """Delete those of the listed pages that none of the manifests needs; return how many."""
        named = {page.key for manifest in standing for page in manifest.pages}
        orphans = [key for key in listed if key not in named and not any(manifest.spares(key) for manifest in standing)]
        await self.remove(orphans)
        return len(orphans)

    async def remove(self, keys: Iterable[str]) -> None:
        """Delete objects that nothing needs any more. What cannot be deleted now is left to the next sweep."""
        await remove_all(self._store, self._runtime, keys)

    async def write(self, batches: AsyncIterator[list[Entry]], tier: int, *, rebuild: str = "") -> list[PageInfo]:
        """Store entries, each of another session, as the pages of a new run; of a rebuild, where it is named."""
        writer = _RunWriter(self._store, self._runtime, tier, self._sizes, rebuild)
        try:
            async for batch in batches:
                await writer.add(batch)
            return await writer.finish()
        except BaseException:
            # Nothing names them yet, and nothing will.
            await self.remove(page.key for page in writer.written)
            raise

    async def _merge(self, view: View, pages: Sequence[PageInfo], tier: int) -> list[PageInfo]:
        sources = Sources(list(view.entries.values()), pages, self._index.pages, _AHEAD)
        try:
            return await self.write(NewestFirst(sources, lambda _: True).batches(), tier)
        except PageGone:
            now = await self._index.cell.read()
            raise page_is_missing() if now.etag == view.known.etag else _faster() from None

    async def _swap_in(self, known: Known[Manifest], new: Sequence[PageInfo], old: Sequence[PageInfo]) -> None:
        names = {page.name for page in old}
        try:
            await self.replace(
                lambda manifest: manifest.with_pages(
                    [*(page for page in manifest.pages if page.name not in names), *new]
                ),
                only=known,
            )
        except OutcomeUnknown:
            raise
        except (Conflict, StoreUnavailable):
            await self.remove(page.key for page in new)
            raise

    async def stored_pages(self) -> list[str]:
        """List the keys of all pages that are stored, named or not."""
        return await all_keys(self._store, INDEX_PAGES)


class _Swap:
    """One swap of the manifest, as the commit protocol sees it."""

    def __init__(self, commit_id: str, change: Callable[[Manifest], Manifest], only: Known[Manifest] | None) -> None:
        self.commit_id = commit_id
        self._change = change
        self._only = only

    async def propose(self, base: Known[Manifest]) -> Proposal[Manifest]:
        if self._only is not None and base.etag != self._only.etag:
            raise _faster()
        manifest = self._change(base.state or EMPTY).next(self.commit_id)
        return Proposal(manifest, write_manifest(manifest))


def _faster() -> IndexChanged:
    return IndexChanged("the index was compacted by somebody else at the same time")


class _RunWriter:
    """Collects entries into pages and stores each as soon as it is full."""

    def __init__(self, store: ObjectStore, runtime: Runtime, tier: int, sizes: IndexSizes, rebuild: str) -> None:
        self._store = store
        self._runtime = runtime
        self._tier = tier
        self._sizes = sizes
        self._rebuild = rebuild
        self._run = runtime.ulid()
        self._short = _Filling()
        self._long = _Filling()
        self.written: list[PageInfo] = []

    async def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            filling = self._long if entry.at - entry.since > self._sizes.long else self._short
            if filling.is_full(self._sizes):
                await self._store_page(filling)
            filling.add(entry)

    async def finish(self) -> list[PageInfo]:
        for filling in (self._short, self._long):
            if filling.entries:
                await self._store_page(filling)
        return self.written

    async def _store_page(self, filling: _Filling) -> None:
        info, data = write_page(self._rebuild + self._runtime.ulid(), self._run, self._tier, filling.entries)
        filling.clear()
        self.written.append(info)
        await self._store.put(info.key, data)


class _Filling:
    """The entries of a page that is not full yet."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.entries: list[Entry] = []
        self._bytes = 0

    def is_full(self, sizes: IndexSizes) -> bool:
        return len(self.entries) >= sizes.page_entries or self._bytes >= sizes.page_bytes

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        # Nearly all of an entry's length beyond the usual lies in these.
        self._bytes += _USUAL_BYTES + len(entry.id) + len(entry.fields.get("name", ""))


def _to_merge(pages: Sequence[PageInfo], fresh: int, most: int | None, fan_in: int) -> tuple[list[PageInfo], int]:
    """Choose the pages to merge with so many fresh entries, and the tier of the run that is made of all."""
    tiers: defaultdict[int, list[PageInfo]] = defaultdict(list)
    for page in pages:
        tiers[page.tier].append(page)
    chosen: list[PageInfo] = []
    tier = 0
    while len({page.run for page in tiers[tier]}) + 1 >= fan_in:
        merged = [*chosen, *tiers[tier]]
        if most is not None and fresh + sum(page.count for page in merged) > most:
            break
        chosen = merged
        tier += 1
    return chosen, tier
