"""The cache that its owner sees: no call raises for a fault of the cache."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from .folder import DATABASE, locked, prepare, set_aside
from .model import Cached, CacheInfo, Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .rows import Rows

SMALLEST_SIZE_LIMIT = 1 << 20
# An empty cache takes some 50 KB of this; a body that takes half of a cache would only drive out what is of use.
_LARGEST_PART = 2
_OPEN_SECONDS = 2.0
# A cache that failed is opened again, but a fault that lasts shall not cost an opening at each call.
_PAUSE_SECONDS = 1.0

T = TypeVar("T")


class Cache:
    """Bytes under names, in a directory that threads and processes share.

    Nothing is opened before the first call. Any number of threads may use one object; it survives a fork. A fault of
    any kind is a miss: the directory cannot be written to, belongs to others, was taken away; the disk is full; the
    database is busy for more than half a second, or damaged. A damaged one is set aside and a new one begun. Each kind
    of fault is logged once, by the logger `s3store.cache`, and the last one stands in `info()`. Bytes that are not
    exactly those that were kept under that name, in that space, are never given back.

    A call takes microseconds, but it blocks: half a second at worst on a busy database, and as long as the disk takes.
    Asyncio code calls it in a thread.
    """

    def __init__(self, directory: str | os.PathLike[str], *, space: str = "", size_limit: int = 1 << 30) -> None:
        """Choose a cache.

        Args:
            directory: Where it is; `~` stands for the home. It is created with mode 0700. One that belongs to somebody
                else, or that others may write to, is not used: `info()` says so.
            space: Keeps entries of one owner apart from those of others in the same directory. Any text; only a digest
                of it is stored.
            size_limit: What may be on disk, in bytes, all spaces together; `SMALLEST_SIZE_LIMIT` at least. What was
                stored or confirmed least recently goes first. Each writer keeps to its own limit, so that the smallest
                among them holds. A body larger than half of it is not kept.

        Raises:
            ValueError: `size_limit` is too small.
        """
        if size_limit < SMALLEST_SIZE_LIMIT:
            raise ValueError(f"size_limit must be at least {SMALLEST_SIZE_LIMIT} bytes, not {size_limit}")
        self._directory = Path(os.path.abspath(Path(directory).expanduser()))
        self._space = space
        self._size_limit = size_limit
        self._lock = threading.RLock()
        self._rows: Rows | None = None
        self._prefix: str | None = None
        self._not_before = 0.0
        self._damaged: tuple[int, int] | None = None
        self._fault: str | None = None
        self._logged: set[str] = set()
        self._hits = self._misses = 0
        _caches.add(self)

    def get(self, name: str) -> Cached | None:
        """Return the state kept last under a name; None if there is none, or for any fault."""
        found = self._attempt(lambda rows: rows.find(self._key(name)), None)
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        stamp, body = found
        return Cached(stamp.tag, body, stamp.at)

    def put(self, name: str, tag: str, body: bytes, *, at: float | None = None) -> None:
        """Keep a state in place of what is kept under a name; after a fault it is not kept.

        Args:
            name: Any text.
            tag: What the owner calls this state.
            body: The bytes.
            at: When it was known to be current, in seconds since 1970; now if None.
        """
        if len(body) > self._size_limit // _LARGEST_PART:
            # What is kept is older than this: it must not stay.
            self.forget(name)
            return
        self._attempt(lambda rows: _keep(rows, self._key(name), tag, body, at), None)

    def confirm(self, name: str, tag: str, *, at: float | None = None) -> None:
        """Move the time at which a state was known to be current, if one with that tag is kept.

        Args:
            name: Any text.
            tag: The state that is still current.
            at: When it was known to be current, in seconds since 1970; now if None.
        """
        moment = time.time() if at is None else at
        self._attempt(lambda rows: rows.confirm(self._key(name), tag, moment), None)

    def forget(self, name: str) -> None:
        """Remove what is kept under a name. After a fault it may still be there."""
        self._attempt(lambda rows: rows.drop(self._key(name)), None)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names in this space that begin with a prefix, in order; a fault ends them.

        What is stored or removed meanwhile may be among them or not.
        """
        after = ""
        while True:
            batch = self._names_after(prefix, after)
            if not batch:
                return
            skipped = len(self._key(""))
            yield from (key[skipped:] for key in batch)
            after = batch[-1]

    def _names_after(self, prefix: str, after: str) -> list[str]:
        return self._attempt(lambda rows: rows.keys(self._key(prefix), after), [])

    def info(self) -> CacheInfo:
        """Return how the cache stands; it is opened for that."""
        counts = self._attempt(lambda rows: (rows.entries(self._key("")), rows.entries(), rows.volume()), None)
        entries, all_entries, volume = counts or (0, 0, 0)
        return CacheInfo(
            directory=self._directory,
            entries=entries,
            all_entries=all_entries,
            bytes=volume,
            size_limit=self._size_limit,
            usable=counts is not None,
            fault=self._fault,
            hits=self._hits,
            misses=self._misses,
        )

    def clear(self, *, all: bool = False) -> int:  # noqa: A002 - says it best where it is called
        """Remove the entries of this space, or of all spaces in the directory; return how many. 0 after a fault."""
        return self._attempt(lambda rows: rows.remove_all("" if all else self._key("")), 0)

    def verify(self) -> Verified:
        """Read every entry of all spaces, remove what is damaged or foreign and files that no entry names."""
        done = self._attempt(lambda rows: (*rows.check_rows(), rows.remove_strays()), None)
        if done is None:
            return Verified(0, 0, 0, self._fault)
        return Verified(*done, None)

    def close(self) -> None:
        """Close what is open, in all threads. A later call opens it again."""
        with self._lock:
            rows, self._rows = self._rows, None
            self._not_before = 0.0
        if rows is not None:
            rows.connections.close()

    def _key(self, name: str) -> str:
        if self._prefix is None:
            from .stamp import prefix_of

            self._prefix = prefix_of(self._space)
        return self._prefix + name

    def _attempt(self, work: Callable[[Rows], T], otherwise: T) -> T:
        """Do something with the rows; for any fault, and while there are none, return what is given for that."""
        rows = self._rows
        try:
            if rows is None:
                rows = self._opened()
            return otherwise if rows is None else _using(rows, work, otherwise)
        except Exception as error:  # noqa: BLE001 - a cache that fails must not fail its owner
            self._failed(error, rows)
            return otherwise

    def _opened(self) -> Rows | None:
        with self._lock:
            if self._rows is None and time.monotonic() >= self._not_before:
                self._not_before = time.monotonic() + _PAUSE_SECONDS
                self._rows = _open(self._directory, self._size_limit, self._damaged)
            return self._rows

    def _failed(self, error: Exception, rows: Rows | None) -> None:
        from .faults import damaged, described, needs_opening

        self._note(described(error))
        if rows is None or not needs_opening(error, rows):
            return
        with self._lock:
            if self._rows is rows:
                self._rows = None
                self._damaged = rows.identity if damaged(error) else None
        rows.connections.close()

    def _note(self, fault: str) -> None:
        self._fault = fault
        if fault not in self._logged:
            self._logged.add(fault)
            import logging

            logging.getLogger("s3store.cache").warning("the cache in %s: %s", self._directory, fault)

    def _before_fork(self) -> None:
        """Wait for calls of other threads: what they hold would be held for ever in the child."""
        self._lock.acquire()
        if self._rows is not None:
            self._rows.connections.hold()

    def _after_fork(self) -> None:
        if self._rows is not None:
            self._rows.connections.let_go()
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        """Begin anew: SQLite's connections do not work across a fork."""
        if self._rows is not None:
            self._rows.connections.close_held()
        self._after_fork()
        self._rows = None
        self._not_before = 0.0


_caches: WeakSet[Cache] = WeakSet()
_forking: list[Cache] = []


def _before_fork() -> None:
    _forking.extend(_caches)
    for cache in _forking:
        cache._before_fork()  # noqa: SLF001 - it is of this module


def _after_fork_in_parent() -> None:
    for cache in _forking:
        cache._after_fork()  # noqa: SLF001 - it is of this module
    _forking.clear()


def _after_fork_in_child() -> None:
    for cache in _forking:
        cache._after_fork_in_child()  # noqa: SLF001 - it is of this module
    _forking.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _using(rows: Rows, work: Callable[[Rows], T], otherwise: T) -> T:
    from .connections import Closed

    try:
        connection = rows.connections.use()
    except Closed:
        return otherwise
    try:
        return work(rows)
    finally:
        connection.done()


def _keep(rows: Rows, key: str, tag: str, body: bytes, at: float | None) -> None:
    from .stamp import Stamp

    rows.keep(key, Stamp.of(tag, time.time() if at is None else at, body), body)


def _open(directory: Path, size_limit: int, known_damaged: tuple[int, int] | None) -> Rows:
    """Open the rows; a database that is damaged, or not a cache's, makes room for a new one."""
    from .faults import damaged
    from .rows import LOCK_SECONDS, Rows, identity
    from .schema import stands
    from .stamp import Foreign

    folder = prepare(directory)
    if known_damaged is None and stands(folder / DATABASE, LOCK_SECONDS):
        return Rows(folder, size_limit)
    with locked(directory, _OPEN_SECONDS):
        # Another process may have set it aside since.
        if known_damaged is not None and identity(folder) == known_damaged:
            set_aside(folder)
            folder = prepare(directory)
        try:
            return Rows(folder, size_limit)
        except Exception as error:
            if not isinstance(error, Foreign) and not damaged(error):
                raise
            set_aside(folder)
            return Rows(prepare(directory), size_limit)
