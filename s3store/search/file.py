"""An SQLite file that can be made anew at any time: opened privately, and replaced where it is damaged. It blocks."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..cache.folder import Unsafe, prepare
from ..errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_APPLICATION = 0x73337365
_PATIENCE = 10.0
# A connection must not be used after a fork, nor closed there: it is kept from being collected.
_carried_through_a_fork: list[sqlite3.Connection] = []


class Damaged(Exception):
    """The file was damaged and has been removed: begin again, with an empty one."""


class DerivedFile:
    """A file at `path`, 0600, with the tables that the statements of `schema` make.

    Its folder and the one above are made 0700, and not used where others may write to them: see `s3store.cache.folder`.
    Without a path it is in memory, for this process alone.

    `version` is that of the schema: a file of another one is made anew, as one is that is damaged. Threads take turns;
    processes wait for each other as SQLite has them wait.
    """

    def __init__(self, path: Path | None, schema: Sequence[str], version: int) -> None:
        self._path = path
        self._schema = schema
        self._version = version
        self._lock = threading.Lock()
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def close(self) -> None:
        """Close the file; it is opened again when it is used again."""
        with self._lock:
            self._drop()

    def remove(self) -> None:
        """Close the file and remove it: what SQLite deletes stays in its free pages. Raises `StoreUnavailable`."""
        with self._lock:
            self._drop()
            if self._path is not None:
                try:
                    self._remove()
                except OSError as error:
                    raise StoreUnavailable(f"search: {error.strerror}", may_have_landed=False) from None

    def do(self, work: Callable[[sqlite3.Connection], T], *, writes: bool = False) -> T:
        """Run `work` in a transaction.

        Raises `Damaged` if the file is: it has been removed then, and what was read of it before counts no more.
        Raises `StoreUnavailable` where the file cannot be used: the disk is full, the folder somebody else's.
        """
        with self._lock:
            try:
                return self._in_transaction(work, writes=writes)
            except (sqlite3.Error, OSError, Unsafe) as error:
                self._drop()
                if _tells_of_damage(error):
                    self._remove()
                    raise Damaged from error
                why = error.strerror if isinstance(error, OSError) else str(error)
                raise StoreUnavailable(
                    f"the file {str(self._path)!r} cannot be used ({why}); make room or rights for it, or name another",
                    may_have_landed=False,
                ) from error

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        db = self._connection()
        with _transaction(db, "BEGIN IMMEDIATE" if writes else "BEGIN"):
            return work(db)

    def _connection(self) -> sqlite3.Connection:
        if self._opened is not None and self._opened[0] != os.getpid():
            _carried_through_a_fork.append(self._opened[1])
            self._opened = None
        if self._opened is None:
            self._opened = os.getpid(), self._open()
        return self._opened[1]

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            prepare(self._path.parent.parent, self._path.parent.name)
            # Made here and not by SQLite, so that it, and what SQLite puts beside it, is nobody else's to read.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path or ":memory:", timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            with _transaction(db, "BEGIN IMMEDIATE"):
                self._make_or_check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _make_or_check(self, db: sqlite3.Connection) -> None:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {self._version}")
            for statement in self._schema:
                db.execute(statement)
        elif db.execute("PRAGMA application_id").fetchone() != (_APPLICATION,) or db.execute(
            "PRAGMA user_version"
        ).fetchone() != (self._version,):
            raise sqlite3.DatabaseError("a file of another format")

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)

    def _drop(self) -> None:
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[1].close()
            self._opened = None


def _tells_of_damage(error: Exception) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str) -> Iterator[None]:
    db.execute(begin)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
