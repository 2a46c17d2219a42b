"""Objects in this process's memory, answering as AWS does: for tests, examples and the simulator."""

from __future__ import annotations

import hashlib
import secrets
import threading
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import StoreNotCapable
from .base import (
    InvalidPart,
    ListedObject,
    ListPage,
    NoSuchKey,
    NoSuchUpload,
    NotModified,
    Part,
    PreconditionFailed,
    StartedUpload,
    StoredObject,
    Upload,
    check_begin,
    check_finish,
    check_get,
    check_key,
    check_list,
    check_part,
    check_part_size,
    check_prefix,
    check_presign,
    check_put,
    check_sizes,
    objects_as_versions,
)
from .tiers import OneClass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base import ObjectVersion


@dataclass(slots=True)
class _Begun:
    """An upload in parts that is not over."""

    started: StartedUpload
    part_size: int
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


class MemoryStore(OneClass):
    """A dictionary with S3's manners: MD5 ETags (so equal bytes have equal ETags), and AWS's answers.

    One lock makes each operation atomic; it may be shared between threads and tasks. Nothing survives it.
    `clock` gives the times of writes.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[StoredObject, datetime]] = {}
        self._sorted: list[tuple[bytes, str]] = []
        self._uploads: dict[Upload, _Begun] = {}
        self._upload_count = 0
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
        stored = StoredObject(bytes(body), f'"{_md5(body).hexdigest()}"')
        with self._lock:
            self._check(key, if_match)
            if if_absent and key in self._objects:
                raise PreconditionFailed(key)
            self._store(key, stored)
        return stored.etag

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

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        return len((await self.get(key)).body)

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        check_begin(key, part_size)
        with self._lock:
            started = self._clock()
            self._upload_count += 1
            upload = Upload(key, f"{self._upload_count}")
            self._uploads[upload] = _Begun(StartedUpload(upload, started), part_size)
        return upload

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        check_part(upload, number)
        part = Part(number, f'"{_md5(body).hexdigest()}"', len(body))
        with self._lock:
            begun = self._begun(upload)
            check_part_size(upload, part, begun.part_size)
            begun.parts[number] = (part, bytes(body))
        return part

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        check_key(upload.key)
        with self._lock:
            return [part for _, (part, _) in sorted(self._begun(upload).parts.items())]

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        check_finish(upload, parts)
        with self._lock:
            begun = self._begun(upload)
            check_sizes(upload, parts, begun.part_size)
            arrived = [begun.parts.get(part.number) for part in parts]
            bodies = [found[1] for part, found in zip(parts, arrived, strict=True) if found and found[0] == part]
            if len(bodies) < len(parts):
                raise InvalidPart(upload.key)
            digests = b"".join(_md5(body).digest() for body in bodies)
            stored = StoredObject(b"".join(bodies), f'"{_md5(digests).hexdigest()}-{len(parts)}"')
            self._store(upload.key, stored)
            del self._uploads[upload]
        return stored.etag

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        check_key(upload.key)
        with self._lock:
            self._uploads.pop(upload, None)

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        check_prefix(prefix)
        with self._lock:
            found = [begun.started for upload, begun in self._uploads.items() if upload.key.startswith(prefix)]
        return sorted(found, key=lambda started: started.upload.key.encode())

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`. Raises `StoreNotCapable`."""
        check_presign(key, seconds, filename, media_type)
        raise StoreNotCapable("what is in memory has no URL: only an archive on S3 can give presigned URLs")

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`; there are no versions here."""
        return await objects_as_versions(self, prefix)

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`; there are no versions here but the empty one, the object itself."""
        check_key(key)
        if not version:
            await self.delete(key)

    async def identity(self) -> str:
        """See `Identified.identity`: another one for each store, since no other holds the same objects."""
        return self._identity

    async def close(self) -> None:
        """Nothing to give back; the objects stay as long as the store does."""

    def _store(self, key: str, stored: StoredObject) -> None:
        if key not in self._objects:
            insort(self._sorted, (key.encode(), key))
        self._objects[key] = (stored, self._clock())

    def _begun(self, upload: Upload) -> _Begun:
        begun = self._uploads.get(upload)
        if begun is None:
            raise NoSuchUpload(upload.key)
        return begun

    def _check(self, key: str, if_match: str | None) -> None:
        if if_match is None:
            return
        stored = self._objects.get(key)
        if stored is None:
            raise NoSuchKey(key)
        if stored[0].etag != if_match:
            raise PreconditionFailed(key)


def _md5(body: bytes) -> hashlib._Hash:
    return hashlib.md5(body, usedforsecurity=False)
