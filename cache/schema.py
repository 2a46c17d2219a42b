"""What the database of a cache may hold before diskcache opens it.

diskcache sets an attribute of itself for each row of its table of settings, and runs a PRAGMA for each whose name
begins with `sqlite_`. A database with settings, tables or triggers that no cache has is therefore not opened by it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from diskcache.core import DEFAULT_SETTINGS, METADATA

from .disk import INLINE
from .stamp import Foreign

if TYPE_CHECKING:
    from pathlib import Path

# Every setting is named, so that none is taken over from the database. Limits are kept by `rows`, each process its own:
# `cull_limit` 0 has diskcache evict nothing.
SETTINGS = {
    **DEFAULT_SETTINGS,
    "cull_limit": 0,
    "disk_min_file_size": INLINE,
    "disk_pickle_protocol": 0,
    "eviction_policy": "least-recently-stored",
    # 8 MB for each thread at most.
    "sqlite_cache_size": 2048,
    # A process that reads from mapped memory is killed when somebody cuts the file short.
    "sqlite_mmap_size": 0,
}
# diskcache adds these where it is opened with other settings.
_OPTIONAL = {"Cache_access_time", "Cache_access_count", "Cache_tag_rowid"}
_OBJECTS = {
    "table": {"Settings", "Cache"},
    "index": {
        *("sqlite_autoindex_Settings_1", "Cache_key_raw", "Cache_expire_time", "Cache_store_time"),
        *_OPTIONAL,
    },
    "trigger": {
        *("Settings_count_insert", "Settings_count_delete"),
        *("Settings_size_insert", "Settings_size_update", "Settings_size_delete"),
    },
}
_REQUIRED = {(kind, name) for kind, names in _OBJECTS.items() for name in names - _OPTIONAL}


def stands(path: Path, seconds: float) -> bool:
    """Return whether a database is there, is complete, and is a cache's."""
    try:
        return path.exists() and check_schema(path, seconds)
    except (Foreign, sqlite3.Error):
        return False


def check_schema(path: Path, seconds: float) -> bool:
    """Look at a database that is about to be opened; return whether it is complete. An empty one is fine too.

    Raises:
        Foreign: It holds something that no cache has.
        sqlite3.Error: It cannot be read.
    """
    with closing(sqlite3.connect(path, seconds, isolation_level=None)) as con:
        con.execute("PRAGMA trusted_schema = OFF").fetchall()
        found = con.execute("SELECT type, name FROM sqlite_master").fetchall()
        if any(name not in _OBJECTS.get(kind, set()) for kind, name in found):
            raise Foreign("a database with tables or triggers of others")
        if ("table", "Settings") not in found:
            return False
        settings = con.execute("SELECT key, value FROM Settings").fetchall()
    _check_settings(settings)
    return set(found) >= _REQUIRED and SETTINGS.keys() | METADATA.keys() <= dict(settings).keys()


def _check_settings(rows: list[tuple[object, object]]) -> None:
    for key, value in rows:
        if key not in SETTINGS and key not in METADATA:
            raise Foreign("a database with settings of others")
        if key in METADATA and (type(value) is not int or value < 0):
            raise Foreign("a database whose sums are none")
