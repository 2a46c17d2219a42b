"""Making the index anew from the heads, whatever has become of the one there is. No head is written or changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Conflict, CorruptObject, OutcomeUnknown, StoreUnavailable
from ..keys import MANIFEST
from ..streams.commit import Known
from .compact import IndexChanged
from .heads import all_heads
from .manifest import EMPTY, ManifestCell
from .reports import Rebuilt
from .view import PageGone
from .walk import NewestFirst, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .compact import Compactor
    from .entry import Entry
    from .heads import Done
    from .manifest import Manifest
    from .pages import PageInfo
    from .view import Index

_HELD = 128 * 1024
_AHEAD = 4


class Rebuild:
    """Makes the index of one archive anew, beside readers and writers who go on with theirs.

    What has been merged into pages since it began stays; so does the log. What was there before goes: also a damaged
    manifest, damaged pages, and keys of the log that hold no entry.
    """

    def __init__(
        self, store: ObjectStore, runtime: Runtime, index: Index, compactor: Compactor, prefixes: Sequence[str]
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._compactor = compactor
        self._prefixes = prefixes
        self._id = runtime.ulid()
        self._sessions = self._deleted = 0
        self._damaged: list[str] = []

    async def run(self, progress: Callable[[Done], None] | None = None) -> Rebuilt:
        """Read every head and put a new index in place. Raises `UnsupportedFormat` for a manifest of a newer form."""
        strays = await self._index.log.strays()
        listed = await self._compactor.stored_pages()
        before = await self._begin()
        try:
            new = await self._write_runs(progress)
        except PageGone:
            raise _another() from None
        standing = await self._put_in_place(new, before)
        # Listed before the swap, which shut out every other one under way: what it does not name, nothing will.
        await self._compactor.remove_unnamed(listed, standing)
        await self._compactor.remove(strays)
        return Rebuilt(self._sessions, self._deleted, tuple(self._damaged))

    async def _begin(self) -> Known[Manifest]:
        """Have the manifest tell of this rebuild, so that sweeps spare its pages; return what it was before.

        A damaged one is left as it is: nobody can sweep by it, and listings go on to say that it is damaged.
        """
        found = await _LenientCell(self._store).read()
        if _is_damaged(found):
            return found
        begun, *_ = await self._compactor.replace(lambda manifest: replace(manifest, rebuild=self._id))
        return Known(begun, None)

    async def _put_in_place(self, new: Sequence[PageInfo], before: Known[Manifest]) -> list[Manifest]:
        damaged = _is_damaged(before)
        old = {page.name for page in (before.state or EMPTY).pages}

        def finished(manifest: Manifest) -> Manifest:
            if not damaged and manifest.rebuild != self._id:
                raise _another()
            kept = (page for page in manifest.pages if page.name not in old)
            return replace(manifest.with_pages([*new, *kept]), rebuild="")

        try:
            return await self._compactor.replace(
                finished, cell=_LenientCell(self._store), only=before if damaged else None
            )
        except OutcomeUnknown:
            raise
        except (Conflict, StoreUnavailable):
            await self._compactor.remove(page.key for page in new)
            raise

    async def _write_runs(self, progress: Callable[[Done], None] | None) -> list[PageInfo]:
        """Write all heads as one run, holding only a part of them at a time."""
        parts: list[PageInfo] = []
        held: list[Entry] = []
        async for heads in all_heads(self._store, self._runtime, self._index, self._prefixes, progress):
            self._damaged += heads.damaged
            self._deleted += sum(entry.deleted for entry in heads.entries)
            self._sessions += sum(not entry.deleted for entry in heads.entries)
            held += heads.entries
            if len(held) >= _HELD:
                parts += await self._write(held, ())
                held = []
        whole = await self._write(held, parts)
        await self._compactor.remove(page.key for page in parts)
        return whole

    async def _write(self, entries: Sequence[Entry], pages: Sequence[PageInfo]) -> list[PageInfo]:
        sources = Sources(entries, pages, self._index.pages, _AHEAD)
        return await self._compactor.write(NewestFirst(sources, lambda _: True).batches(), tier=0, rebuild=self._id)


def _another() -> IndexChanged:
    return IndexChanged("another rebuild of the index began meanwhile")


def _is_damaged(found: Known[Manifest]) -> bool:
    return found.state is EMPTY


class _LenientCell(ManifestCell):
    """The manifest, which may be damaged: then it is as good as an empty one, and replaced all the same."""

    async def read(self) -> Known[Manifest]:
        try:
            found = await super().read()
        except CorruptObject:
            return Known(EMPTY, (await self._store.get(MANIFEST)).etag)
        return found if found.state is not None else Known(None, None)
