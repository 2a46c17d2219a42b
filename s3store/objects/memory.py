"""Objects in this process's memory, answering as AWS does: for tests, examples and the simulator."""

from __future__ import annotations

import hashlib
import secrets
import threading
from bisect import bisect_left, bisect_right, insort
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .base import (
    ListedObject,
    ListPage,
    NoSuchKey,
    NotModified,
    PreconditionFailed,
    StoredObject,
    check_get,
    check_key,
    check_list,
    check_put,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class MemoryStore:
    """A dictionary with S3's manners: MD5 ETags (so equal bytes have equal ETags), and AWS's answers.

    One lock makes each operation atomic; it may be shared between threads and tasks. Nothing survives it.
    `clock` gives the times of writes.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[StoredObject, datetime]] = {}
        self._sorted: list[tuple[bytes, str]] = []
        self._lock = threading.Lock()
        self._identity = f"memory:{secrets.token_hex(16)}"

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        check_get(key, byte_range)
        stored = self._objects.get(key)
        if stored is None:
            raise NoSuchKey(key)
        found = stored[0]
        if if_none_match == found.etag:
            raise NotModified(key)
        if byte_range is None:
            return found
        return StoredObject(found.body[slice(*byte_range)], found.etag)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        check_put(key, if_match, if_absent)
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        with self._lock:
            self._check(key, if_match)
            if key not in self._objects:
                insort(self._sorted, (key.encode(), key))
            elif if_absent:
                raise PreconditionFailed(key)
            self._objects[key] = (StoredObject(bytes(body), etag), self._clock())
        return etag

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        raw = check_key(key)
        with self._lock:
            self._check(key, if_match)
            if self._objects.pop(key, None) is not None:
                del self._sorted[bisect_left(self._sorted, (raw, key))]

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        start, behind = check_list(prefix, after, limit)
        with self._lock:
            if behind is None or behind < start:
                at = bisect_left(self._sorted, (start, ""))
            else:
                at = bisect_right(self._sorted, behind, key=lambda entry: entry[0])
            keys = []
            for raw, key in self._sorted[at : at + limit + 1]:
                if not raw.startswith(start):
                    break
                keys.append(key)
            listed = tuple(
                ListedObject(key, len(stored.body), modified)
                for key, (stored, modified) in ((key, self._objects[key]) for key in keys[:limit])
            )
        return ListPage(listed, listed[-1].key if len(keys) > limit else None)

    async def identity(self) -> str:
        """See `Identified.identity`: another one for each store, since no other holds the same objects."""
        return self._identity

    async def close(self) -> None:
        """Nothing to give back; the objects stay as long as the store does."""

    def _check(self, key: str, if_match: str | None) -> None:
        if if_match is None:
            return
        stored = self._objects.get(key)
        if stored is None:
            raise NoSuchKey(key)
        if stored[0].etag != if_match:
            raise PreconditionFailed(key)
