"""How bodies lie on disk: small ones in their row, larger ones in a file each.

diskcache's own `Disk`, and its `JSONDisk` too, unpickle whatever a row claims to be a pickle. This one stores text keys
and bytes alone and refuses all else, on the way in and on the way out; it opens and removes no file but its own.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW, UNKNOWN

from .folder import BODY
from .stamp import Foreign

INLINE = 32 * 1024
_BLOCK = 4096
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
# A pipe that somebody put in the place of a file would hold up whoever opens it.
_READING: int = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_WRITING: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


class BytesDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Text keys, and values that are bytes."""

    def put(self, key: object) -> tuple[str, bool]:
        """Return the columns `key` and `raw`."""
        if type(key) is not str:
            raise Foreign("a key that is no text")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """Return the key in a row."""
        if type(key) is not str or raw != 1:
            raise Foreign("a key that is no text")
        return key

    def store(self, value: object, read: object, key: object = UNKNOWN) -> tuple[int, int, str | None, bytes | None]:
        """Return the columns `size, mode, filename, value`; a larger value is in its file by then.

        `size` is what the file takes on disk, in whole blocks.
        """
        if type(value) is not bytes or read:
            raise Foreign("a value that is not bytes")
        if len(value) < INLINE:
            return 0, MODE_RAW, None, value
        filename, full_path = self.filename()
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(full_path), 0o700)
        try:
            _write(full_path, value)
        except BaseException:
            self.remove(filename)
            raise
        return -(-len(value) // _BLOCK) * _BLOCK, MODE_BINARY, filename, None

    def fetch(self, mode: object, filename: object, value: object, read: object) -> NoReturn:
        """Refuse: without the length that its stamp states, no value is read."""
        raise Foreign("a read that knows no length")

    def load(self, mode: object, filename: object, value: object, length: int) -> bytes:
        """Return the value in a row that has so many bytes.

        Raises:
            Foreign: It is not such a value.
            OSError: Its file cannot be read; it was replaced since, mostly.
        """
        if mode == MODE_RAW and filename is None and type(value) is bytes:
            return value
        if mode == MODE_BINARY and value is None and type(filename) is str and self.owns(filename):
            return _read(os.path.join(self._directory, filename), length)
        raise Foreign("a value that is not bytes")

    def owns(self, filename: object) -> bool:
        """Return whether a row's file name is one that this class gives."""
        return type(filename) is str and BODY.fullmatch(filename) is not None

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> tuple[str, str]:
        """Return a new file's name and its full path.

        Sixteen folders, not diskcache's two levels of 256: with these each file would have a folder of its own, and
        the folders would take an eighth of the space, which nobody counts.
        """
        token = os.urandom(16).hex()
        name = f"{token[:1]}/{token[1:]}.val"
        return name, os.path.join(self._directory, name)

    def remove(self, file_path: object) -> None:
        """Remove the file of a row that is gone, if it is one of ours."""
        if self.owns(file_path):
            with suppress(OSError):
                Path(self._directory, str(file_path)).unlink()


def _write(path: str, body: bytes) -> None:
    handle = os.open(path, _WRITING, 0o600)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _read(path: str, length: int) -> bytes:
    handle = os.open(path, _READING)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != length:
            raise Foreign("a file that is not the one that was written")
        body = os.read(handle, length)
        if len(body) != length:
            body += _rest(handle, length - len(body))
        return body
    finally:
        os.close(handle)


def _rest(handle: int, missing: int) -> bytes:
    """Read on: one call gives 2 GiB at most, and less where a signal came in between."""
    parts = []
    while missing and (part := os.read(handle, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
