"""The index of one archive, put together; the core of `SessionIndex` and `AsyncSessionIndex`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .compact import Compactor
from .publish import Publisher
from .query import Listings
from .reports import IndexStatus
from .upkeep import Upkeep
from .view import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy
    from .heads import Done
    from .policy import IndexPolicy
    from .reports import Compacted, Rebuilt, Verified


class IndexCore:
    """Everything about the index of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, patience: CommitPolicy, policy: IndexPolicy) -> None:
        self._store = store
        self._runtime = runtime
        self._index = Index(store, runtime)
        self._compactor = Compactor(store, runtime, patience, self._index)
        upkeep = Upkeep(runtime, self._compactor, policy)
        self.publisher = Publisher(self._index.log, runtime, patience, policy, self._compactor, upkeep)
        self.listings = Listings(self._index, runtime, self.publisher.own, upkeep)

    async def status(self) -> IndexStatus:
        """See `SessionIndex.status`."""
        view = await self._index.view()
        pages = view.manifest.pages
        return IndexStatus(
            len(view.logged),
            sum(not view.settled(logged) for logged in view.logged),
            len(pages),
            sum(page.count for page in pages),
            sum(page.size for page in pages),
            Counter(tier for _, tier in {(page.run, page.tier) for page in pages}),
            view.manifest.version,
        )

    async def compact(self, *, everything: bool) -> Compacted | None:
        """See `SessionIndex.compact`."""
        compacted = await self._compactor.compact(everything=everything)
        await self._compactor.sweep()
        return compacted

    async def verify(self, progress: Callable[[Done], None] | None, *, fix: bool) -> Verified:
        """See `SessionIndex.verify`."""
        from .verify import Verify

        verify = Verify(self._store, self._runtime, self._index)
        found = await verify.run(progress)
        if fix and found.needs_rebuild:
            await self.rebuild(None)
        elif fix:
            await verify.fix(found.differences)
        return found

    async def rebuild(self, progress: Callable[[Done], None] | None) -> Rebuilt:
        """See `SessionIndex.rebuild`."""
        from .rebuild import Rebuild

        return await Rebuild(self._store, self._runtime, self._index, self._compactor).run(progress)
