"""Rows of the cache whose bytes anybody may have changed: what was put, or a miss."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3store.cache import Cache

from .test_decoders import broken

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"the body of the victim" * 10
COLUMNS = ["key", "raw", "store_time", "expire_time", "access_time", "access_count", "tag", "size", "mode", "filename",
           "value"]  # fmt: skip
VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=30) | st.binary()


@settings(
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_row_that_was_changed_gives_the_body_or_is_a_miss(tmp_path: Path, data: st.DataObject) -> None:
    directory = tmp_path / "cache"
    with closing(Cache(directory)) as cache:
        cache.clear(all=True)
        cache.put("name", "tag", BODY)
    with closing(sqlite3.connect(directory / "v1" / "cache.db", isolation_level=None)) as db:
        column = data.draw(st.sampled_from(COLUMNS))
        [(now,)] = db.execute(f"SELECT {column} FROM Cache")
        value = data.draw(broken(now) if isinstance(now, bytes) else VALUES)
        try:
            db.execute(f"UPDATE Cache SET {column} = ?", (value,))
        except sqlite3.Error:
            return  # no such row can be made
    with closing(Cache(directory)) as cache:
        found = cache.get("name")
        assert found is None or (found.body, found.tag) == (BODY, "tag")
        list(cache.names())
        cache.verify()
        cache.put("name", "tag", BODY)
        again = cache.get("name")
        assert again is not None
        assert again.body == BODY
