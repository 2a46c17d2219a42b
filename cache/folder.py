"""The directory of a cache: where it is, whether it may be trusted, and what in it is ours to remove."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Two versions of this package that lay their rows out in different ways live side by side in one directory.
FOLDER = "v1"
DATABASE = "cache.db"
BODY = re.compile(r"[0-9a-f]/[0-9a-f]{31}\.val")
_OF_THE_DATABASE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
_LOCK = "lock"
_NAME = "s3store"


class Unsafe(Exception):
    """Others could read or change what is kept there."""


def default_directory() -> Path:
    r"""Return where a user's caches go on this system; nothing is created.

    `$XDG_CACHE_HOME/s3store` or `~/.cache/s3store`; on macOS `~/Library/Caches/s3store`; on Windows
    `%LOCALAPPDATA%\s3store\cache`. In AWS Lambda, and where the home cannot be written to, a folder of this user's
    own in the system's temporary directory.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        found = _of_the_user(os.environ)
        if found is not None and _may_create(found):
            return found
    owner = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"{_NAME}-cache{owner}"


def prepare(directory: Path, name: str = FOLDER) -> Path:
    """Create the directory, and a folder in it, as far as they are missing; return the folder, which is private.

    Raises:
        Unsafe: One of them belongs to somebody else, may be written to by others, or is a link that others made.
        OSError: It cannot be created.
    """
    with suppress(FileExistsError):
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(0o700)
    if directory.is_symlink():
        # A link of one's own is a wish: the cache shall be on another disk.
        _check_owner(directory.lstat(), directory)
    _check(directory.stat(), directory)
    folder = directory / name
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    found = folder.lstat()
    _check(found, folder)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


@contextmanager
def locked(directory: Path, seconds: float) -> Iterator[None]:
    """Hold the lock that processes take to open a cache or to set a damaged one aside.

    Raises:
        TimeoutError: Another process held it for that long.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(directory / _LOCK, flags, 0o600)
    try:
        _lock(handle, seconds)
        yield
    finally:
        os.close(handle)


def set_aside(folder: Path) -> None:
    """Take a folder away in one step and then remove what in it is ours; what is not ours stays, under the new name.

    Processes that still have its database open go on with what they have, and never write to its successor by mistake.
    """
    aside = folder.with_name(f"{folder.name}.damaged-{os.urandom(8).hex()}")
    folder.rename(aside)
    for name in _OF_THE_DATABASE:
        with suppress(OSError):
            (aside / name).unlink()
    for path in bodies(aside):
        with suppress(OSError):
            path.unlink()
    for path in [*_buckets(aside), aside]:
        with suppress(OSError):
            path.rmdir()


def bodies(folder: Path) -> Iterator[Path]:
    """Yield the files that hold bodies."""
    for bucket in _buckets(folder):
        with suppress(OSError):
            for path in sorted(bucket.iterdir()):
                if BODY.fullmatch(f"{bucket.name}/{path.name}"):
                    yield path


def _buckets(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [
            path
            for path in sorted(folder.iterdir())
            if re.fullmatch("[0-9a-f]", path.name) and path.is_dir() and not path.is_symlink()
        ]
    return []


def _of_the_user(environ: Mapping[str, str]) -> Path | None:
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA", "")
        return Path(local) / _NAME / "cache" if local else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / _NAME
    # The specification has relative paths ignored.
    wished = Path(environ.get("XDG_CACHE_HOME", ""))
    return (wished if wished.is_absolute() else home / ".cache") / _NAME


def _may_create(path: Path) -> bool:
    for there in (path, *path.parents):
        if there.exists():
            return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return False


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise Unsafe(f"{path} is not a directory")
    _check_owner(found, path)
    if hasattr(os, "geteuid") and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unsafe(
            f"{path} may be written to by others; take that right away (chmod go-w) or choose another directory"
        )


def _check_owner(found: os.stat_result, path: Path) -> None:
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise Unsafe(f"{path} belongs to another user; choose a directory of your own")


def _lock(handle: int, seconds: float) -> None:
    if sys.platform == "win32":
        return  # SQLite's own locks remain; what is lost is that a damaged cache is set aside by one process only.
    import fcntl
    import time

    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError("another process is opening the cache and does not come to an end") from None
            time.sleep(0.002)
        else:
            return
