"""Objects as files below a directory, with a compare-and-swap that holds between processes and threads.

Every write and delete takes an exclusive `flock` on one of 256 lock files, chosen by a hash of the key.
Inside it, the object's ETag is compared, and the new content is written to a temporary file beside the
target, synced, and renamed over it. A reader takes no lock: it sees the old file or the new one. A writer
that is killed at any moment leaves the one or the other, and perhaps a temporary file, which no listing shows
and the next write to the key replaces. Locks end with their process, so nothing is ever left locked.

The directory must be on a local file system with POSIX renames and locks; network file systems often keep
neither promise between machines. The names on disk are explained in `s3store.objects.paths`; names that start
with a dot are the store's own, and files that it did not make are not seen.
"""

from __future__ import annotations

import heapq
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import BucketNotFound, InvalidOption, StoreNotCapable, StoreUnavailable
from .base import (
    ListedObject,
    ListPage,
    NoSuchKey,
    NotModified,
    PreconditionFailed,
    StoredObject,
    check_begin,
    check_finish,
    check_get,
    check_key,
    check_list,
    check_part,
    check_prefix,
    check_presign,
    check_put,
    objects_as_versions,
)
from .directory_uploads import Uploads
from .etags import etag_of, etag_of_body, is_large, stamp
from .files import FILE_MODE, Tree, named, open_no_link, remove_quietly, reported
from .locks import KeyLocks
from .paths import Kind, folder_path, object_path, read_name
from .tiers import OneClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from .base import ObjectVersion, Part, StartedUpload, Upload

_LOCKS = ".s3store/locks"
_FOLDER_ATTEMPTS = 1000


class DirectoryStore(OneClass):
    """A blocking store in a directory of a local file system, to be shared by any number of processes.

    `root` is created with its parents if it is missing; below it, files have mode 0600 and folders 0700,
    whatever the umask. With `durable` (the default), what was acknowledged also survives a power failure, at
    the price of two `fsync` calls a write; without it, it survives a crash of every process, but the last
    seconds may be lost if the machine stops. ETags of objects up to 1 MiB are hashes of the content, so
    equal bytes have equal ETags; a larger one has one of its own at each write (see `s3store.objects.etags`), and
    a read of a range reads no more than that.

    Raises `StoreNotCapable` where there is no `fcntl` (Windows), `AccessDenied` or `StoreUnavailable` where
    the directory cannot be made, and `InvalidOption` where `root` is not a directory. An operation raises
    `BucketNotFound` if the directory is gone since, as when a disk was unmounted, and `CorruptObject` where
    something else than a file stands in an object's place.
    """

    def __init__(self, root: Path | str, *, durable: bool = True) -> None:
        self._root = os.path.abspath(root)
        self._tree = Tree(self._root, durable=durable)
        self._locks = KeyLocks(os.path.join(self._root, _LOCKS))
        self._uploads = Uploads(self._tree, self._locks)
        self._identity = f"directory:{os.getuid()}:{os.path.realpath(root)}"
        self._open()

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        check_get(key, byte_range)
        start, end = byte_range or (0, -1)
        with self._opened(key) as file:
            body = None if is_large(file) else file.read()
            etag = etag_of(file) if body is None else etag_of_body(body)
            if etag == if_none_match:
                raise NotModified(key)
            if body is None:
                file.seek(start)
                return StoredObject(file.read(end - start if byte_range else -1), etag)
            return StoredObject(body[slice(*byte_range)] if byte_range else body, etag)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        check_put(key, if_match, if_absent)
        with self._locked(key):
            if if_absent and self._exists(key):
                raise PreconditionFailed(key)
            self._compare(key, if_match)
            return self._replace(key, body)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        with self._locked(key):
            self._compare(key, if_match)
            self._remove(key)

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        start, behind = check_list(prefix, after, limit)
        found: list[ListedObject] = []
        with reported(f"objects under {prefix!r}", "listed"):
            self._require()
            for listed in self._walk(start, behind):
                if len(found) == limit:
                    return ListPage(tuple(found), found[-1].key)
                found.append(listed)
        return ListPage(tuple(found), None)

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        check_key(key)
        with self._opened(key) as file:
            return os.fstat(file.fileno()).st_size

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        check_begin(key, part_size)
        self._require()
        return self._uploads.begin(key, part_size)

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        check_part(upload, number)
        self._require()
        return self._uploads.put_part(upload, number, body)

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        check_key(upload.key)
        self._require()
        return self._uploads.parts(upload)

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        check_finish(upload, parts)
        self._require()
        with self._uploads.whole(upload, parts) as (data, etag), self._locked(upload.key):
            self._publish(data, upload.key)
        return etag

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        check_key(upload.key)
        self._require()
        self._uploads.abort(upload)

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        check_prefix(prefix)
        self._require()
        return self._uploads.listed(prefix)

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`. Raises `StoreNotCapable`."""
        check_presign(key, seconds, filename, media_type)
        raise StoreNotCapable("a directory has no URL: only an archive on S3 can give presigned URLs")

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`; there are no versions here."""
        return await objects_as_versions(self, prefix)

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`; there are no versions here but the empty one, the object itself."""
        check_key(key)
        if not version:
            await self.delete(key)

    async def identity(self) -> str:
        """See `Identified.identity`: the directory's true path, and who reads it."""
        return self._identity

    async def close(self) -> None:
        """Nothing is held between operations."""

    def _open(self) -> None:
        with reported(f"directory {self._root!r}", "opened"):
            try:
                if not self._locks.exist():
                    self._tree.make_folders(os.path.join(self._root, _LOCKS))
            except NotADirectoryError:
                raise InvalidOption(f"{self._root!r} cannot hold an archive: it is not a directory") from None

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with reported(named(key), "locked"):
            try:
                lock = self._locks.acquire(key)
            except FileNotFoundError:
                raise self._gone() from None
        try:
            yield
        finally:
            self._locks.release(lock)

    def _compare(self, key: str, if_match: str | None) -> None:
        if if_match is None:
            return
        with self._opened(key) as file:
            if etag_of(file) != if_match:
                raise PreconditionFailed(key)

    def _exists(self, key: str) -> bool:
        with reported(named(key), "looked up"):
            try:
                os.lstat(self._path(key))
            except FileNotFoundError:
                return False
            return True

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
        with reported(named(key), "read"):
            try:
                file = open(self._path(key), "rb", opener=open_no_link)  # noqa: SIM115 - closed below
            except FileNotFoundError:
                # A disk that is not mounted has lost no object: it cannot be asked.
                self._require()
                raise NoSuchKey(key) from None
            with file:
                yield file

    def _replace(self, key: str, body: bytes) -> str:
        path = self._path(key)
        folder, temporary = os.path.dirname(path), _temporary(path)
        with reported(named(key), "written"):
            file = self._create(temporary)
            try:
                with os.fdopen(file, "wb") as stream:
                    os.fchmod(file, FILE_MODE)
                    stream.write(body)
                    stream.flush()
                    large = is_large(stream)
                    if large:
                        stamp(file)
                    etag = etag_of(stream) if large else etag_of_body(body)
                    self._tree.sync(file)
                # Opened while a failure still means that nothing was changed.
                opened_folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            except BaseException:
                remove_quietly(temporary)
                raise
        try:
            with reported(named(key), "written", may_have_landed=True):
                os.replace(temporary, path)
                self._tree.sync(opened_folder)
                self._tree.sync_above(folder)
        finally:
            os.close(opened_folder)
        return etag

    def _publish(self, data: str, key: str) -> None:
        """Put a complete file in an object's place. There is no file beside it that a crash could leave."""
        path = self._path(key)
        folder = os.path.dirname(path)
        with reported(named(key), "written", may_have_landed=True):
            for _ in range(_FOLDER_ATTEMPTS):
                self._tree.make_folders(folder)
                # A delete may prune the folder at any moment until the file is in it.
                with suppress(FileNotFoundError):
                    os.replace(data, path)
                    break
                self._require()
            else:
                raise self._pruned(path)
            self._tree.sync_folder(folder)
            self._tree.sync_above(folder)

    def _create(self, temporary: str) -> int:
        # A killed writer's file is in nobody's use: this one holds the key's lock.
        remove_quietly(temporary)
        for _ in range(_FOLDER_ATTEMPTS):
            # A delete may prune the folder at any moment until the file is in it.
            with suppress(FileNotFoundError):
                return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            self._require()
            with suppress(FileNotFoundError):
                self._tree.make_folders(os.path.dirname(temporary))
        raise self._pruned(temporary)

    def _remove(self, key: str) -> None:
        path = self._path(key)
        folder = os.path.dirname(path)
        with reported(named(key), "deleted"):
            # What a killed writer left would keep the folder from being pruned.
            remove_quietly(_temporary(path))
            try:
                os.unlink(path)
            except FileNotFoundError:
                return
        with reported(named(key), "deleted", may_have_landed=True), suppress(FileNotFoundError):
            self._tree.sync_folder(folder)
        self._prune(folder)

    def _prune(self, folder: str) -> None:
        with suppress(OSError):
            while folder != self._root:
                os.rmdir(folder)
                folder = os.path.dirname(folder)

    def _walk(self, prefix: bytes, after: bytes | None) -> Iterator[ListedObject]:
        """Yield objects in the order of their keys, opening a folder only when a key in it may come next.

        The heap holds what was seen but not yet reached, each under the least key that it may stand for.
        """
        top = prefix[: prefix.rfind(b"/") + 1]
        heap = [(top, False, folder_path(top) if top else "")]
        while heap:
            key, is_object, path = heapq.heappop(heap)
            if is_object:
                listed = self._describe(key, path)
                if listed is not None:
                    yield listed
                continue
            for found in self._scan(key, path):
                if _may_hold(found, prefix, after):
                    heapq.heappush(heap, found)

    def _scan(self, key: bytes, path: str) -> Iterator[tuple[bytes, bool, str]]:
        try:
            entries = os.scandir(os.path.join(self._root, path))
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                read = read_name(entry.name)
                if read is None:
                    continue
                part, kind = read
                is_object = kind is Kind.OBJECT
                if is_object == entry.is_file(follow_symlinks=False):
                    yield key + part, is_object, f"{path}/{entry.name}" if path else entry.name

    def _describe(self, raw: bytes, path: str) -> ListedObject | None:
        try:
            key = raw.decode()
            check_key(key)
            if object_path(key) != path:
                return None  # a name that this store never makes, put there by something else
            status = os.lstat(os.path.join(self._root, path))
        except (UnicodeDecodeError, InvalidOption, FileNotFoundError):
            return None
        return ListedObject(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def _path(self, key: str) -> str:
        return os.path.join(self._root, object_path(key))

    def _require(self) -> None:
        if not self._locks.exist():
            raise self._gone()

    def _pruned(self, path: str) -> StoreUnavailable:
        return StoreUnavailable(f"{path!r}: its folder is removed again and again", may_have_landed=False)

    def _gone(self) -> BucketNotFound:
        return BucketNotFound(f"directory {self._root!r} is gone, or is not the archive that was opened")


def _may_hold(found: tuple[bytes, bool, str], prefix: bytes, after: bytes | None) -> bool:
    key, is_object, _ = found
    if is_object:
        return key.startswith(prefix) and (after is None or key > after)
    if not (key.startswith(prefix) or prefix.startswith(key)):
        return False
    return after is None or key > after or after.startswith(key)


def _temporary(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.tmp")
