"""Files and folders as the directory store needs them: private, synced, and with errors of `s3store.errors`."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..errors import AccessDenied, CorruptObject, InvalidOption, S3StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_OURS = {errno.EISDIR, errno.ENOTDIR, errno.ELOOP}


class Tree:
    """The folders below `root`. With `durable`, what is synced has reached the disk; without, nothing is waited for."""

    def __init__(self, root: str, *, durable: bool) -> None:
        self.root = root
        self._durable = durable

    def make_folders(self, path: str) -> None:
        """Make a folder and those above it that are missing, private whatever the umask."""
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            try:
                os.mkdir(folder, FOLDER_MODE)
                os.chmod(folder, FOLDER_MODE)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            # Also where another writer has just made it: that one may not have come to this line yet.
            self.sync_folder(os.path.dirname(folder))

    def sync_folder(self, folder: str) -> None:
        """Sync the names in a folder."""
        if self._durable:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    def sync_above(self, folder: str) -> None:
        """Sync the folders above one: another process may have made them a moment ago and not have come to it yet."""
        while folder != self.root:
            folder = os.path.dirname(folder)
            with suppress(FileNotFoundError):  # what was written may be deleted already, and its folder pruned
                self.sync_folder(folder)

    def sync(self, opened: int) -> None:
        """Sync an open file or folder."""
        if self._durable:
            os.fsync(opened)


@contextmanager
def reported(what: str, done: str, *, may_have_landed: bool = False) -> Iterator[None]:
    """Turn an error of the operating system into one of `s3store.errors`: `what` cannot be `done`."""
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


def open_no_link(path: str, flags: int) -> int:
    """Open a file of the store, and never what a link points to; an opener for `open`."""
    return os.open(path, flags | os.O_NOFOLLOW)


def remove_quietly(path: str) -> None:
    """Remove a file that nobody needs, if that can be done."""
    with suppress(OSError):
        os.unlink(path)


def named(key: str) -> str:
    """Return how messages name an object."""
    return f"object {key!r}"
