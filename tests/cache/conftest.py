from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from s3store.cache import Cache
from s3store.cache import cache as implementation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def open_cache(directory: Path) -> Iterator[Callable[..., Cache]]:
    """Open caches on one directory, and close them at the end."""
    opened: list[Cache] = []

    def open_cache(**arguments: Any) -> Cache:
        opened.append(Cache(directory, **arguments))
        return opened[-1]

    yield open_cache
    for cache in opened:
        cache.close()


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    return open_cache()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a cache that failed opened again at the next call."""
    monkeypatch.setattr(implementation, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
def sql(directory: Path) -> Callable[..., list[Any]]:
    """Run a statement on the database from outside, as anybody can who may write to it."""

    def sql(statement: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(directory / "v1" / "cache.db", isolation_level=None)) as con:
            return con.execute(statement, values).fetchall()

    return sql
