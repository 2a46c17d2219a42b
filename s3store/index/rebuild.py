"""Making the index anew from the heads, whatever has become of the one there is. No head is written or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CorruptObject
from ..keys import MANIFEST
from ..streams.commit import Known
from .heads import all_heads
from .manifest import EMPTY, ManifestCell
from .reports import Rebuilt
from .walk import NewestFirst, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
        self, store: ObjectStore, runtime: Runtime, index: Index, compactor: Compactor, prefixes: Iterable[str]
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._compactor = compactor
        self._prefixes = prefixes
        self._sessions = self._deleted = 0
        self._damaged: list[str] = []

    async def run(self, progress: Callable[[Done], None] | None = None) -> Rebuilt:
        """Read every head and put a new index in place. Raises `UnsupportedFormat` for a manifest of a newer form."""
        strays = await self._index.log.strays()
        listed = await self._compactor.stored_pages()
        found = (await _LenientCell(self._store).read()).state or EMPTY
        before = {page.name for page in found.pages}
        new = await self._write_runs(progress)
        named = await self._compactor.replace(
            lambda pages: [*new, *(page for page in pages if page.name not in before)],
            cell=_LenientCell(self._store),
        )
        # Listed before the swap, which shut out every other one under way: what it does not name, nothing will.
        await self._compactor.remove([*sorted(set(listed) - named), *strays])
        return Rebuilt(self._sessions, self._deleted, tuple(self._damaged))

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
        return await self._compactor.write(NewestFirst(sources, lambda _: True).batches(), tier=0)


class _LenientCell(ManifestCell):
    """The manifest, which may be damaged: then it is as good as an empty one, and replaced all the same."""

    async def read(self) -> Known[Manifest]:
        try:
            found = await super().read()
        except CorruptObject:
            return Known(EMPTY, (await self._store.get(MANIFEST)).etag)
        return found if found.state is not None else Known(None, None)
