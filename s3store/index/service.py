"""The index of one archive, put together; the core of `SessionIndex` and `AsyncSessionIndex`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .log import Log
from .publish import Publisher
from .upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..objects.base import ObjectStore
    from ..objects.cached import Local
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy
    from .compact import Compactor
    from .heads import Done
    from .policy import IndexPolicy
    from .query import Listings
    from .reports import Compacted, IndexStatus, Rebuilt, Verified
    from .sizes import IndexSizes
    from .view import Index


class IndexCore:
    """Everything about the index of one archive.

    What a writer needs is there at once; the rest is imported and made when it is first asked for, since most processes
    never list.
    """

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        patience: CommitPolicy,
        policy: IndexPolicy,
        sizes: IndexSizes,
        *,
        reader: ObjectStore | None = None,
        local: Local | None = None,
        bare: ObjectStore | None = None,
    ) -> None:
        self._store = store
        self._bare = bare
        self._reader = reader
        self._local = local
        self._runtime = runtime
        self._patience = patience
        self._sizes = sizes
        self._log = Log(store, runtime)
        self._upkeep = Upkeep(runtime, lambda: self._compactor, policy)
        self.publisher = Publisher(self._log, runtime, patience, policy, self._upkeep, sizes.taken_back)

    @cached_property
    def listings(self) -> Listings:
        """Answers queries."""
        from .query import Listings

        return Listings(self.contents, self._runtime, self.publisher.own, self._upkeep)

    async def status(self) -> IndexStatus:
        """See `SessionIndex.status`."""
        from .reports import IndexStatus

        return IndexStatus.of(await self.contents.view())

    async def compact(self, *, everything: bool) -> Compacted | None:
        """See `SessionIndex.compact`."""
        compacted = await self._compactor.compact(everything=everything)
        await self._compactor.sweep()
        return compacted

    async def verify(self, progress: Callable[[Done], None] | None, *, fix: bool) -> Verified:
        """See `SessionIndex.verify`."""
        from .verify import Verify

        verify = Verify(self._store, self._runtime, self.contents, self._sizes.prefixes)
        found = await verify.run(progress)
        if fix and found.needs_rebuild:
            await self.rebuild(None)
        elif fix:
            await verify.fix(found.differences)
        return found

    async def still_says(self, ids: frozenset[str]) -> int:
        """Return of how many of these deleted sessions the index still holds metadata."""
        from .verify import Verify

        return await Verify(self._store, self._runtime, self.contents, ()).telling(ids)

    async def rebuild(self, progress: Callable[[Done], None] | None) -> Rebuilt:
        """See `SessionIndex.rebuild`."""
        from .rebuild import Rebuild

        rebuild = Rebuild(self._store, self._runtime, self.contents, self._compactor, self._sizes.prefixes)
        return await rebuild.run(progress)

    @cached_property
    def contents(self) -> Index:
        """Reads the index: its log, its manifest, its pages."""
        from .kept import KeptReading
        from .view import Index

        kept = None if self._local is None else KeptReading(self._local)
        return Index(self._store, self._runtime, self._log, reader=self._reader, kept=kept, bare=self._bare)

    @cached_property
    def _compactor(self) -> Compactor:
        from .compact import Compactor

        return Compactor(self._store, self._runtime, self._patience, self.contents, self._sizes)
