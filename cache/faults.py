"""What went wrong, and what follows from it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from .folder import Unsafe
from .stamp import Foreign

if TYPE_CHECKING:
    from .rows import Rows

# An error of a statement that is right means that the tables are not those of a cache.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_PASSING = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL),
    *(sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT),
}


def damaged(error: Exception) -> bool:
    """Return whether this error of the database says that it will never work again."""
    return _code(error) in _DAMAGED


def needs_opening(error: Exception, rows: Rows) -> bool:
    """Return whether rows that gave this error are to be opened anew, or go on."""
    if isinstance(error, sqlite3.Error):
        return _code(error) not in _PASSING
    return isinstance(error, OSError) and not rows.stands()


def described(error: Exception) -> str:
    """Return what to say of a fault; nothing of what is kept is in it."""
    if isinstance(error, Foreign | Unsafe | TimeoutError | sqlite3.Error):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, ImportError):
        return f"{error.name} cannot be imported"
    return type(error).__name__


def _code(error: Exception) -> int | None:
    # Extended codes say more in their upper bytes.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
