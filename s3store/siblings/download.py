"""The way down of a body: in ranges, several in flight, into a file that an interrupted download goes on with."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from typing import IO, TYPE_CHECKING

from ..errors import CorruptObject, InvalidOption
from ..objects.base import parsed
from .upload import IN_FLIGHT, PART

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .model import ArtifactInfo, Progress


async def read_body(store: ObjectStore, runtime: Runtime, key: str, size: int, sha256: str) -> bytes:
    """Read a body whole. Raises `NoSuchKey`, and `CorruptObject` unless it has this size and hash.

    One that went up whole may come from a cache; what comes in ranges is never kept there.
    """
    if size > PART:
        return b"".join([piece async for piece in body_pieces(store, runtime, key, size, sha256)])

    def check(data: bytes) -> bytes:
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise _corrupt(key)
        return data

    return (await parsed(await store.get(key), check)).value


async def body_pieces(store: ObjectStore, runtime: Runtime, key: str, size: int, sha256: str) -> AsyncIterator[bytes]:
    """Yield a body in pieces, some read ahead. Raises as `read_body`; the hash is known wrong only at the end."""
    if size <= PART:
        yield await read_body(store, runtime, key, size, sha256)
        return
    digest = hashlib.sha256()
    for window in _windows(0, size):
        for piece in await runtime.gather([_fetch(store, key, each) for each in window]):
            await runtime.offload(lambda piece=piece: digest.update(piece))  # type: ignore[misc]
            yield piece
    if digest.hexdigest() != sha256:
        raise _corrupt(key)


class PartFile:
    """What has come down of a content, in a file beside the one to be; locked, so that only one goes on with it."""

    def __init__(self, folder: Path, sha256: str) -> None:
        self.path = folder / f".s3store-{sha256[:32]}.part"
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._file = self._open()
        while not self._is_there():
            # Another download has just put the file that was opened in its place.
            self._file.close()
            self._file = self._open()

    def begin(self, size: int) -> int:
        """Take what is there as the start of a content of `size` bytes, and return how many bytes that is."""
        if os.fstat(self._file.fileno()).st_size > size:
            self._file.truncate(0)
        while chunk := self._file.read(PART):
            self._digest.update(chunk)
        return self._file.tell()

    def write(self, piece: bytes) -> None:
        """Add what comes next."""
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]

    def is_right(self) -> bool:
        """Tell whether what was written is the content."""
        return self._digest.hexdigest() == self._sha256

    def become(self, target: Path) -> None:
        """Put the whole content in its place, in one step."""
        os.fsync(self._file.fileno())
        os.replace(self.path, target)

    def discard(self) -> None:
        """Remove what was written."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._file.close()

    def _open(self) -> IO[bytes]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            _check_ours(self.path, os.fstat(descriptor))
            os.fchmod(descriptor, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InvalidOption(f"{self.path}: another download of this content is under way here") from None
        except BaseException:
            file.close()
            raise
        return file

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.path))
        except FileNotFoundError:
            return False


def _check_ours(path: Path, found: os.stat_result) -> None:
    """Refuse what others put in the place of a part file, where the folder is open to them."""
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        raise InvalidOption(f"{path}: is not a file of a download of yours; remove it, or choose another folder")


async def body_to_file(
    store: ObjectStore,
    runtime: Runtime,
    key: str,
    info: ArtifactInfo,
    part: PartFile,
    progress: Progress | None,
) -> None:
    """Bring a body into a part file, going on where that ends.

    Raises `NoSuchKey`, and `CorruptObject`, after which nothing of it is left, unless it is the content.
    """
    size = info.size
    start = await runtime.offload(lambda: part.begin(size))
    told = _teller(start, size, progress)

    async def write(pieces: list[bytes]) -> bytes:
        for piece in pieces:
            await runtime.offload(lambda piece=piece: part.write(piece))  # type: ignore[misc]
            told(len(piece))
        return b""

    waiting: list[bytes] = []
    if size <= PART:
        waiting = [(await read_body(store, runtime, key, size, info.sha256))[start:]]
        start = size
    for window in _windows(start, size):
        # What came last is written while the next is on its way.
        *waiting, _ = await runtime.gather([*(_fetch(store, key, each) for each in window), write(waiting)])
    await write(waiting)
    if not part.is_right():
        part.discard()
        raise _corrupt(key)


async def _fetch(store: ObjectStore, key: str, piece: tuple[int, int]) -> bytes:
    data = (await store.get(key, byte_range=piece)).body
    if len(data) != piece[1] - piece[0]:
        raise _corrupt(key)
    return data


def _windows(start: int, size: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the ranges from `start` on, as many together as are read side by side."""
    for first in range(start, size, PART * IN_FLIGHT):
        last = min(size, first + PART * IN_FLIGHT)
        yield [(at, min(at + PART, last)) for at in range(first, last, PART)]


def _teller(start: int, size: int, progress: Progress | None) -> Callable[[int], None]:
    done = start

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, size)

    return tell


def _corrupt(key: str) -> CorruptObject:
    return CorruptObject(f"{key}: not the content that the artifact's record names (size or SHA-256 differs)")
