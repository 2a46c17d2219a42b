"""Counts what is asked of an object store: for benchmarks, for tests, and to reckon what it would cost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .base import identified
from .tiers import tiered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import ListPage, ObjectStore, ObjectVersion, Part, StartedUpload, StoredObject, Upload
    from .tiers import Storage, Tier


@dataclass(slots=True)
class Counts:
    """How many requests of each kind were made, and how many bytes of bodies they moved.

    A request counts when it is made, whatever the answer; a body that goes up counts also if it is refused. Each
    kind is one price class of S3: `size` and `storage` count as gets, the steps of an upload in parts, moving to
    another class and restoring as puts, giving an upload up and removing a version as deletes, and whatever lists as
    one list.
    """

    gets: int = 0
    puts: int = 0
    deletes: int = 0
    lists: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def requests(self) -> int:
        """All requests together."""
        return self.gets + self.puts + self.deletes + self.lists


class CountingStore:
    """Passes everything on to `store`, blocking or not, and counts it; safe to share between threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._counts = Counts()
        self._lock = threading.Lock()

    @property
    def counts(self) -> Counts:
        """What was counted since the start or the last `reset`, as a copy."""
        with self._lock:
            return replace(self._counts)

    def reset(self) -> Counts:
        """Start again from zero, and return what was counted until now."""
        with self._lock:
            counted, self._counts = self._counts, Counts()
        return counted

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        self._add(Counts(gets=1))
        found = await self._store.get(key, if_none_match=if_none_match, byte_range=byte_range)
        self._add(Counts(bytes_down=len(found.body)))
        return found

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        self._add(Counts(puts=1, bytes_up=len(body)))
        return await self._store.put(key, body, if_match=if_match, if_absent=if_absent)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        self._add(Counts(deletes=1))
        await self._store.delete(key, if_match=if_match)

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        self._add(Counts(lists=1))
        return await self._store.list_page(prefix, after=after, limit=limit)

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        self._add(Counts(gets=1))
        return await self._store.size(key)

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        self._add(Counts(puts=1))
        return await self._store.begin_upload(key, part_size=part_size)

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        self._add(Counts(puts=1, bytes_up=len(body)))
        return await self._store.put_part(upload, number, body)

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        self._add(Counts(lists=1))
        return await self._store.parts(upload)

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        self._add(Counts(puts=1))
        return await self._store.finish_upload(upload, parts)

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        self._add(Counts(deletes=1))
        await self._store.abort_upload(upload)

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        self._add(Counts(lists=1))
        return await self._store.list_uploads(prefix)

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`; it makes no request."""
        return await self._store.presign(key, seconds=seconds, filename=filename, media_type=media_type)

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`."""
        self._add(Counts(lists=1))
        return await self._store.list_versions(prefix)

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`."""
        self._add(Counts(deletes=1))
        await self._store.delete_version(key, version)

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        self._add(Counts(gets=1))
        return await tiered(self._store).storage(key)

    async def set_class(self, key: str, storage_class: str) -> None:
        """See `Tiered.set_class`."""
        self._add(Counts(puts=1))
        await tiered(self._store).set_class(key, storage_class)

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """See `Tiered.restore`."""
        self._add(Counts(puts=1))
        await tiered(self._store).restore(key, days=days, tier=tier)

    async def identity(self) -> str:
        """See `Identified.identity`: that of the store inside."""
        return await identified(self._store).identity()

    async def close(self) -> None:
        """Close the store inside. The counts stay readable."""
        await self._store.close()

    def _add(self, more: Counts) -> None:
        with self._lock:
            self._counts.gets += more.gets
            self._counts.puts += more.puts
            self._counts.deletes += more.deletes
            self._counts.lists += more.lists
            self._counts.bytes_up += more.bytes_up
            self._counts.bytes_down += more.bytes_down
