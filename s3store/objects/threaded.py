"""A blocking object store for asyncio: operations run in threads, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from ..runtime import run
from .base import identified
from .tiers import tiered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from .base import ListPage, ObjectStore, ObjectVersion, Part, StartedUpload, StoredObject, Upload
    from .tiers import Storage, Tier

T = TypeVar("T")


class ThreadedStore:
    """Runs the operations of a blocking store in a pool of `max_threads` (at least 1) threads of its own.

    A caller that is cancelled goes on at once. Its operation is never cut in half: it does not start if it
    was still waiting for a thread, and else runs to its end, so that a write may land after the cancellation.
    """

    def __init__(self, store: ObjectStore, *, max_threads: int = 16) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(max_threads, thread_name_prefix="s3store-objects")

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        return await self._in_thread(lambda: self._store.get(key, if_none_match=if_none_match, byte_range=byte_range))

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        return await self._in_thread(lambda: self._store.put(key, body, if_match=if_match, if_absent=if_absent))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        await self._in_thread(lambda: self._store.delete(key, if_match=if_match))

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        return await self._in_thread(lambda: self._store.list_page(prefix, after=after, limit=limit))

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        return await self._in_thread(lambda: self._store.size(key))

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        return await self._in_thread(lambda: self._store.begin_upload(key, part_size=part_size))

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        return await self._in_thread(lambda: self._store.put_part(upload, number, body))

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        return await self._in_thread(lambda: self._store.parts(upload))

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        return await self._in_thread(lambda: self._store.finish_upload(upload, parts))

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        await self._in_thread(lambda: self._store.abort_upload(upload))

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        return await self._in_thread(lambda: self._store.list_uploads(prefix))

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`."""
        return await self._in_thread(
            lambda: self._store.presign(key, seconds=seconds, filename=filename, media_type=media_type)
        )

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`."""
        return await self._in_thread(lambda: self._store.list_versions(prefix))

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`."""
        await self._in_thread(lambda: self._store.delete_version(key, version))

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        return await self._in_thread(lambda: tiered(self._store).storage(key))

    async def set_class(self, key: str, storage_class: str) -> None:
        """See `Tiered.set_class`."""
        await self._in_thread(lambda: tiered(self._store).set_class(key, storage_class))

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """See `Tiered.restore`."""
        await self._in_thread(lambda: tiered(self._store).restore(key, days=days, tier=tier))

    async def identity(self) -> str:
        """See `Identified.identity`: that of the store inside."""
        return await self._in_thread(lambda: identified(self._store).identity())

    async def close(self) -> None:
        """Wait for the operations that have started, end the threads, and close the store inside."""
        await asyncio.to_thread(self._close)

    async def _in_thread(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        # The coroutine is made in the thread, so that an operation that never starts leaves none behind.
        return await asyncio.wrap_future(self._threads.submit(lambda: run(operation())))

    def _close(self) -> None:
        self._threads.shutdown()
        run(self._store.close())
