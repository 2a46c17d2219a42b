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

import errno
import hashlib
import heapq
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import (
    AccessDenied,
    BucketNotFound,
    CorruptObject,
    InvalidOption,
    S3StoreError,
    StoreNotCapable,
    StoreUnavailable,
)
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
from .paths import Kind, folder_path, object_path, read_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCKS = ".s3store/locks"
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_FOLDER_ATTEMPTS = 1000

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_OURS = {errno.EISDIR, errno.ENOTDIR, errno.ELOOP}


class DirectoryStore:
    """A blocking store in a directory of a local file system, to be shared by any number of processes.

    `root` is created with its parents if it is missing; below it, files have mode 0600 and folders 0700,
    whatever the umask. With `durable` (the default), what was acknowledged also survives a power failure, at
    the price of two `fsync` calls a write; without it, it survives a crash of every process, but the last
    seconds may be lost if the machine stops. ETags are hashes of the content, so equal bytes have equal
    ETags, and a read of a range reads the whole file.

    Raises `StoreNotCapable` where there is no `fcntl` (Windows), `AccessDenied` or `StoreUnavailable` where
    the directory cannot be made, and `InvalidOption` where `root` is not a directory. An operation raises
    `BucketNotFound` if the directory is gone since, as when a disk was unmounted, and `CorruptObject` where
    something else than a file stands in an object's place.
    """

    def __init__(self, root: Path | str, *, durable: bool = True) -> None:
        self._root = os.path.abspath(root)
        self._durable = durable
        self._identity = f"directory:{os.getuid()}:{os.path.realpath(root)}"
        self._locks = _KeyLocks(os.path.join(self._root, _LOCKS))
        self._open()

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        check_get(key, byte_range)
        body = self._read(key)
        etag = _etag(body)
        if etag == if_none_match:
            raise NotModified(key)
        return StoredObject(body if byte_range is None else body[slice(*byte_range)], etag)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        check_put(key, if_match, if_absent)
        with self._locked(key):
            if if_absent and self._exists(key):
                raise PreconditionFailed(key)
            self._compare(key, if_match)
            self._replace(key, body)
        return _etag(body)

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
        with _reported(f"objects under {prefix!r}", "listed"):
            if not self._locks.exist():
                raise self._gone()
            for listed in self._walk(start, behind):
                if len(found) == limit:
                    return ListPage(tuple(found), found[-1].key)
                found.append(listed)
        return ListPage(tuple(found), None)

    async def identity(self) -> str:
        """See `Identified.identity`: the directory's true path, and who reads it."""
        return self._identity

    async def close(self) -> None:
        """Nothing is held between operations."""

    def _open(self) -> None:
        with _reported(f"directory {self._root!r}", "opened"):
            try:
                if not self._locks.exist():
                    self._make_folders(os.path.join(self._root, _LOCKS))
            except NotADirectoryError:
                raise InvalidOption(f"{self._root!r} cannot hold an archive: it is not a directory") from None

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with _reported(_object(key), "locked"):
            try:
                lock = self._locks.acquire(key)
            except FileNotFoundError:
                raise self._gone() from None
        try:
            yield
        finally:
            self._locks.release(lock)

    def _compare(self, key: str, if_match: str | None) -> None:
        if if_match is not None and _etag(self._read(key)) != if_match:
            raise PreconditionFailed(key)

    def _exists(self, key: str) -> bool:
        with _reported(_object(key), "looked up"):
            try:
                os.lstat(self._path(key))
            except FileNotFoundError:
                return False
            return True

    def _read(self, key: str) -> bytes:
        with _reported(_object(key), "read"):
            try:
                with open(self._path(key), "rb", opener=_open_no_link) as file:
                    return file.read()
            except FileNotFoundError:
                # A disk that is not mounted has lost no object: it cannot be asked.
                if not self._locks.exist():
                    raise self._gone() from None
                raise NoSuchKey(key) from None

    def _replace(self, key: str, body: bytes) -> None:
        path = self._path(key)
        folder, temporary = os.path.dirname(path), _temporary(path)
        with _reported(_object(key), "written"):
            file = self._create(temporary)
            try:
                with os.fdopen(file, "wb") as stream:
                    os.fchmod(file, _FILE_MODE)
                    stream.write(body)
                    stream.flush()
                    self._sync(file)
                # Opened while a failure still means that nothing was changed.
                opened_folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            except BaseException:
                _remove_quietly(temporary)
                raise
        try:
            with _reported(_object(key), "written", may_have_landed=True):
                os.replace(temporary, path)
                self._sync(opened_folder)
                self._sync_above(folder)
        finally:
            os.close(opened_folder)

    def _create(self, temporary: str) -> int:
        # A killed writer's file is in nobody's use: this one holds the key's lock.
        _remove_quietly(temporary)
        for _ in range(_FOLDER_ATTEMPTS):
            # A delete may prune the folder at any moment until the file is in it.
            with suppress(FileNotFoundError):
                return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
            if not self._locks.exist():
                raise self._gone()
            with suppress(FileNotFoundError):
                self._make_folders(os.path.dirname(temporary))
        raise StoreUnavailable(f"{temporary!r}: its folder is removed again and again", may_have_landed=False)

    def _make_folders(self, path: str) -> None:
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            try:
                os.mkdir(folder, _FOLDER_MODE)
                os.chmod(folder, _FOLDER_MODE)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            # Also where another writer has just made it: that one may not have come to this line yet.
            self._sync_folder(os.path.dirname(folder))

    def _remove(self, key: str) -> None:
        path = self._path(key)
        folder = os.path.dirname(path)
        with _reported(_object(key), "deleted"):
            # What a killed writer left would keep the folder from being pruned.
            _remove_quietly(_temporary(path))
            try:
                os.unlink(path)
            except FileNotFoundError:
                return
        with _reported(_object(key), "deleted", may_have_landed=True), suppress(FileNotFoundError):
            self._sync_folder(folder)
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

    def _sync_folder(self, folder: str) -> None:
        if self._durable:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    def _sync_above(self, folder: str) -> None:
        """Sync the folders above one: another process may have made them a moment ago and not have come to it yet."""
        while folder != self._root:
            folder = os.path.dirname(folder)
            with suppress(FileNotFoundError):  # what was written may be deleted already, and its folder pruned
                self._sync_folder(folder)

    def _sync(self, opened: int) -> None:
        if self._durable:
            os.fsync(opened)

    def _gone(self) -> BucketNotFound:
        return BucketNotFound(f"directory {self._root!r} is gone, or is not the archive that was opened")


class _KeyLocks:
    """One exclusive lock for each of 256 classes of keys, held by one thread of one process at a time."""

    def __init__(self, folder: str) -> None:
        try:
            from fcntl import LOCK_EX, LOCK_UN, flock
        except ImportError:
            raise StoreNotCapable(
                "a directory cannot be an archive on this system, which has no fcntl.flock: use S3"
            ) from None
        self._folder = folder
        self._flock, self._exclusive, self._unlock = flock, LOCK_EX, LOCK_UN

    def exist(self) -> bool:
        """Tell whether the folder of the lock files is there, which marks a directory as an archive's."""
        try:
            os.stat(self._folder)
        except FileNotFoundError:
            return False
        return True

    def acquire(self, key: str) -> int:
        """Wait for the lock of a key and return what `release` takes."""
        lock = self._lock_file(hashlib.blake2b(key.encode(), digest_size=1).hexdigest())
        try:
            self._flock(lock, self._exclusive)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def release(self, lock: int) -> None:
        """Give the lock back."""
        try:
            # Closing alone would leave it held by a child that was forked meanwhile.
            self._flock(lock, self._unlock)
        finally:
            os.close(lock)

    def _lock_file(self, name: str) -> int:
        path = os.path.join(self._folder, name)
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR)
        created = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        os.fchmod(created, _FILE_MODE)
        return created


@contextmanager
def _reported(what: str, done: str, *, may_have_landed: bool = False) -> Iterator[None]:
    """Turn an error of the operating system into one of `s3store.errors`."""
    try:
        yield
    except OSError as error:
        raise _translated(error, f"{what} cannot be {done}", may_have_landed=may_have_landed) from error


def _translated(error: OSError, message: str, *, may_have_landed: bool) -> S3StoreError:
    message = f"{message}: {error.strerror or type(error).__name__}"
    if may_have_landed:
        return StoreUnavailable(message)
    if error.errno in _DENIED:
        return AccessDenied(message)
    if error.errno in _NOT_OURS:
        return CorruptObject(f"{message} (something else than s3store's own file or folder is in its place)")
    if error.errno == errno.ENAMETOOLONG:
        return InvalidOption(f"{message} (the paths of the directory and of the key are too long together)")
    return StoreUnavailable(message, may_have_landed=False)


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


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _remove_quietly(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _etag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def _object(key: str) -> str:
    return f"object {key!r}"
