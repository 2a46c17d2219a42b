"""The rows of a cache: diskcache's database and its layout, with what it does in between replaced where it must be.

What is not left to diskcache, and why:

- Reading, writing and evicting. It unpickles, it reads the files and removes the files that a row names, whichever
  they are; it evicts ten rows at each write, be they of ten bytes or of ten megabytes; it takes each fault at the
  beginning of a write for a busy database; and its order of eviction follows a clock that may be set back.
- Connections. It applies every setting that stands in the database to each of them, can only close the one of the
  calling thread, and takes them over into a child.
- Waiting. It tries for a minute to get at a busy database while it opens it.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import diskcache

from .connections import Connections
from .disk import INLINE, BytesDisk
from .folder import DATABASE, bodies
from .schema import SETTINGS, check_schema
from .stamp import Foreign, Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_SECONDS = 0.5
_BATCH = 256
_PAGE_BYTES = 4096
# Keys of a space are `prefix/…`; "0" is the character after "/".
_AFTER_SLASH = "0"


class Rows(diskcache.Cache):  # type: ignore[misc]  # diskcache has no types
    """The rows in one folder, for all threads of one process."""

    def __init__(self, folder: Path, size_limit: int) -> None:
        """Open a folder's database; it is created if there is none.

        Raises:
            Foreign: The database has tables, triggers or settings that no cache has.
            OSError, sqlite3.Error: It cannot be opened.
        """
        if os.path.expandvars(folder) != str(folder):
            raise OSError("the directory's name holds a variable, which diskcache would replace")
        self.connections = Connections(self._connect)
        self._limit = size_limit
        self._folder = folder
        self._path = folder / DATABASE
        # SQLite gives its log the mode of the database.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        self.identity = identity(folder)
        if check_schema(self._path, LOCK_SECONDS):
            # diskcache would write every setting anew, in fifty transactions, for which processes that start together
            # wait for each other.
            self._disk = BytesDisk(str(folder))
        else:
            super().__init__(str(folder), timeout=LOCK_SECONDS, disk=BytesDisk, **SETTINGS)

    def find(self, key: str) -> tuple[Stamp, bytes] | None:
        """Return what is kept under a key, checked; None if nothing is.

        Raises:
            Foreign: What is kept is damaged, or nothing that was written under that key.
        """
        select = "SELECT tag, mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
        for _ in range(2):
            row = self._con.execute(select, (key,)).fetchone()
            if row is None:
                return None
            try:
                return self._checked(key, *row)
            except FileNotFoundError:
                continue  # Replaced or evicted since the row was read.
        return None

    def keep(self, key: str, stamp: Stamp, body: bytes) -> None:
        """Keep a body in place of what is kept under the key, and evict what is then too much."""
        if not self.stands():
            raise OSError("the directory of the cache was taken away")
        size, mode, filename, value = self._disk.store(body, read=False)
        columns = (None, stamp.pack(key), size, mode, filename, value)
        try:
            with self._writing() as con:
                found = con.execute("SELECT rowid, filename FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
                if found is None:
                    self._row_insert(key, True, _next_store_time(con), columns)
                else:
                    self._row_update(found[0], _next_store_time(con), columns)
        except BaseException:
            self._disk.remove(filename)
            raise
        if found is not None:
            self._disk.remove(found[1])
        self._evict()
        self._shorten_log()

    def confirm(self, key: str, tag: str, at: float) -> None:
        """Move the time at which a body was last known to be current, if it has that tag; it is then evicted later."""
        packed = self._stamp_of(key)
        if packed is None:
            return
        stamp = Stamp.unpack(key, packed)
        if stamp.tag != tag:
            return
        with self._writing() as con:
            con.execute(
                "UPDATE Cache SET tag = ?, store_time = ? WHERE key = ? AND raw = 1 AND tag = ?",
                (stamp.confirmed(at).pack(key), _next_store_time(con), key, packed),
            )

    def drop(self, key: str) -> None:
        """Remove what is kept under a key."""
        with self._writing() as con:
            rows = con.execute("SELECT rowid, filename FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchall()
            self._delete(con, rows)
        self._remove_files(rows)

    def keys(self, prefix: str, after: str) -> list[str]:
        """Return the next keys with a prefix after a key, in order: a batch of them, and none at the end."""
        end = prefix.partition("/")[0] + _AFTER_SLASH
        found = self._con.execute(
            "SELECT key FROM Cache WHERE key > ? AND key >= ? AND key < ? AND raw = 1 AND typeof(key) = 'text'"
            " ORDER BY key LIMIT ?",
            (after, prefix, end, _BATCH),
        )
        return [key for (key,) in found.fetchall() if key.startswith(prefix)]

    def entries(self, prefix: str = "") -> int:
        """Return how many rows there are; with a space's prefix, its own."""
        if not prefix:
            return int(self._con.execute("SELECT COUNT(*) FROM Cache").fetchone()[0])
        end = prefix.partition("/")[0] + _AFTER_SLASH
        found = self._con.execute("SELECT COUNT(*) FROM Cache WHERE key >= ? AND key < ? AND raw = 1", (prefix, end))
        return int(found.fetchone()[0])

    def remove_all(self, prefix: str = "") -> int:
        """Remove all rows, those with a space's prefix if one is given; return how many there were."""
        removed = 0
        end = prefix.partition("/")[0] + _AFTER_SLASH
        where, values = ("WHERE key >= ? AND key < ? AND raw = 1", (prefix, end)) if prefix else ("", ())
        while True:
            with self._writing() as con:
                rows = con.execute(f"SELECT rowid, filename FROM Cache {where} LIMIT {_BATCH}", values).fetchall()  # noqa: S608
                self._delete(con, rows)
            self._remove_files(rows)
            removed += len(rows)
            if not rows:
                return removed

    def check_rows(self) -> tuple[int, int]:
        """Read every row and remove those that are not right; return how many were read, and how many removed."""
        checked = removed = last = 0
        while True:
            rowids = self._con.execute("SELECT rowid FROM Cache WHERE rowid > ? ORDER BY rowid LIMIT ?", (last, _BATCH))
            batch = [rowid for (rowid,) in rowids.fetchall()]
            if not batch:
                return checked, removed
            for rowid in batch:
                removed += self._check_row(rowid)
            checked, last = checked + len(batch), batch[-1]

    def remove_strays(self) -> int:
        """Remove files that no row names, and set the sums right that eviction goes by; return how many files.

        A file whose row is being written at this moment may be among them: that row is a miss then.
        """
        named = {name for (name,) in self._con.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")}
        strays = [path for path in bodies(self._folder) if f"{path.parent.name}/{path.name}" not in named]
        for path in strays:
            with suppress(OSError):
                path.unlink()
        with self._writing() as con:
            con.execute("UPDATE Settings SET value = (SELECT COALESCE(SUM(size), 0) FROM Cache) WHERE key = 'size'")
            con.execute("UPDATE Settings SET value = (SELECT COUNT(*) FROM Cache) WHERE key = 'count'")
        return len(strays)

    def volume(self) -> int:
        """Return the bytes on disk: pages in use, the log, and files in whole blocks.

        What the log has above its measure does not count: evicting rows would only make it longer (`_shorten_log`).
        """
        pages, free, size = self._con.execute(
            "SELECT page_count, freelist_count, (SELECT value FROM Settings WHERE key = 'size')"
            " FROM pragma_page_count, pragma_freelist_count"
        ).fetchone()
        return int((pages - free) * _PAGE_BYTES + min(self._log_bytes(), self._log_pages * _PAGE_BYTES) + size)

    def stands(self) -> bool:
        """Return whether the database is still the one that its path names: it may have been removed or replaced."""
        return identity(self._folder) == self.identity

    def close(self) -> None:
        """Do nothing: diskcache closes the calling thread's connection here, while it opens."""

    @property
    def _con(self) -> sqlite3.Connection:
        return self.connections.of_thread().con

    @property
    def _sql_retry(self) -> Any:
        # What diskcache retries for a minute, SQLite waits for, and for no longer than is said here.
        return self._con.execute

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        for pragma in (
            "trusted_schema = OFF",
            f"synchronous = {SETTINGS['sqlite_synchronous']}",
            f"cache_size = {SETTINGS['sqlite_cache_size']}",
            f"mmap_size = {SETTINGS['sqlite_mmap_size']}",
            f"wal_autocheckpoint = {self._log_pages}",
            f"journal_size_limit = {self._log_pages * _PAGE_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        # Text that is none would otherwise be an error of the whole database.
        connection.text_factory = _text
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, INLINE * 4)
        return connection

    @property
    def _log_pages(self) -> int:
        """How long SQLite's log gets before it is merged: 3 % of the limit, 4 MB at most."""
        return max(32, min(1000, self._limit // 32 // _PAGE_BYTES))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        con = self._con
        con.execute("BEGIN IMMEDIATE")
        try:
            yield con
            con.execute("COMMIT")
        except BaseException:
            if con.in_transaction:
                con.execute("ROLLBACK")
            raise

    def _log_bytes(self) -> int:
        with suppress(OSError):
            return self._path.with_name(f"{DATABASE}-wal").stat().st_size
        return 0

    def _shorten_log(self) -> None:
        """Cut the log where many readers and writers let it grow; if one is in the way, the next writer tries."""
        if self._log_bytes() > 2 * self._log_pages * _PAGE_BYTES:
            con = self._con
            con.execute("PRAGMA busy_timeout = 0").fetchall()
            try:
                with suppress(sqlite3.OperationalError):
                    con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                con.execute(f"PRAGMA busy_timeout = {int(LOCK_SECONDS * 1000)}").fetchall()

    def _evict(self) -> None:
        while self.volume() > self._limit:
            with self._writing() as con:
                rows: list[tuple[int, object]] = []
                while len(rows) < _BATCH and self.volume() > self._limit:
                    oldest = con.execute(
                        "SELECT rowid, filename FROM Cache ORDER BY store_time, rowid LIMIT 1"
                    ).fetchall()
                    if not oldest:
                        break
                    self._delete(con, oldest)
                    rows += oldest
            self._remove_files(rows)
            if not rows:
                return

    def _checked(self, key: str, tag: object, mode: object, filename: object, value: object) -> tuple[Stamp, bytes]:
        stamp = Stamp.unpack(key, tag)
        if stamp.length > self._limit:
            raise Foreign("a body larger than the cache")
        body = self._disk.load(mode, filename, value, stamp.length)
        if not stamp.fits(body):
            raise Foreign("a body that does not fit its stamp")
        return stamp, body

    def _check_row(self, rowid: int) -> bool:
        """Return whether a row was wrong and is gone."""
        select = "SELECT key, raw, tag, mode, filename, value FROM Cache WHERE rowid = ?"
        row = None
        try:
            row = self._con.execute(select, (rowid,)).fetchone()
            if row is not None:
                self._checked(self._disk.get(row[0], row[1]), *row[2:])
        except (Foreign, OSError, UnicodeError, sqlite3.DataError):
            return self._remove_unchanged(rowid, None if row is None else row[4])
        return False

    def _remove_unchanged(self, rowid: int, filename: object) -> bool:
        # A row that was replaced since it was read names another file.
        with self._writing() as con:
            gone = con.execute("DELETE FROM Cache WHERE rowid = ? AND filename IS ?", (rowid, filename)).rowcount
        if gone:
            self._disk.remove(filename)
        return bool(gone)

    def _stamp_of(self, key: str) -> object:
        found = self._con.execute("SELECT tag FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
        return None if found is None else found[0]

    @staticmethod
    def _delete(con: sqlite3.Connection, rows: list[tuple[int, object]]) -> None:
        con.executemany("DELETE FROM Cache WHERE rowid = ?", [(rowid,) for rowid, _ in rows])

    def _remove_files(self, rows: list[tuple[int, object]]) -> None:
        for _, filename in rows:
            self._disk.remove(filename)


def _next_store_time(con: sqlite3.Connection) -> float:
    """Return a time after that of every row: after the clock was set back, what is stored is still the newest."""
    (latest,) = con.execute("SELECT MAX(store_time) FROM Cache").fetchone()
    now = time.time()
    return max(now, math.nextafter(latest, math.inf)) if type(latest) is float else now


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells the database in a folder from its successors; None if there is none."""
    try:
        found = (folder / DATABASE).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
