"""Locks between processes and threads, as files: they end with the process that holds them."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..errors import StoreNotCapable
from .files import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Iterator


class KeyLocks:
    """One exclusive lock for each of 256 classes of keys, held by one thread of one process at a time."""

    def __init__(self, folder: str) -> None:
        try:
            from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
        except ImportError:
            raise StoreNotCapable(
                "a directory cannot be an archive on this system, which has no fcntl.flock: use S3"
            ) from None
        self._folder = folder
        self._flock, self._exclusive, self._shared, self._unlock = flock, LOCK_EX, LOCK_SH, LOCK_UN

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

    @contextmanager
    def held(self, opened: int, *, exclusive: bool) -> Iterator[None]:
        """Hold the lock of an open file, alone or together with others that do not ask for it alone."""
        self._flock(opened, self._exclusive if exclusive else self._shared)
        try:
            yield
        finally:
            self._flock(opened, self._unlock)

    def _lock_file(self, name: str) -> int:
        path = os.path.join(self._folder, name)
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR)
        created = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        os.fchmod(created, FILE_MODE)
        return created
