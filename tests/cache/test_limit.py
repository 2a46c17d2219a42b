"""How much is kept, and what goes first."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from s3store.cache import Cache

MIB = 1 << 20


def on_disk(directory: Path) -> int:
    """Bytes that the file system gives for it, folders and all."""
    # The -shm file is an index in shared memory; SQLite makes it anew whenever it likes.
    return sum(
        path.lstat().st_blocks * 512 for path in (directory, *directory.rglob("*")) if not path.name.endswith("-shm")
    )


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        (MIB, [10, 500, 2_000]),
        (8 * MIB, [33_000, 40_000]),
        (16 * MIB, [200, 3_000, 32_000, 33_000, 150_000, 900_000]),
        (32 * MIB, [100, 100, 100, 100, 5_000_000]),
    ],
    ids=["small", "just-files", "mixed", "extreme"],
)
def test_the_limit_holds_within_a_tenth_under_steady_load(
    open_cache: Callable[..., Cache], directory: Path, limit: int, sizes: list[int]
) -> None:
    dice = random.Random(7)
    cache = open_cache(size_limit=limit)
    written = number = 0
    while written < 3 * limit and number < 6_000:
        number += 1
        size = dice.choice(sizes)
        cache.put(f"name {dice.randrange(3000)}", "t", dice.randbytes(size))
        written += max(size, 500)
        if number % 25 == 0 and size > 30_000:
            assert on_disk(directory) < 1.1 * limit
    assert on_disk(directory) < 1.1 * limit
    if written > 2 * limit:
        # Neither is much more driven out than there must be.
        assert on_disk(directory) > 0.6 * limit
    assert cache.info().bytes <= limit
    assert cache.info().fault is None


def test_what_was_stored_or_confirmed_least_recently_goes_first(open_cache: Callable[..., Cache]) -> None:
    cache = open_cache(size_limit=MIB)
    for number in range(6):
        cache.put(str(number), "t", bytes(100_000))
    cache.get("0")
    cache.confirm("1", "t")
    cache.put("2", "new", bytes(100_000))
    for number in range(6, 10):
        cache.put(str(number), "t", bytes(100_000))
    kept = set(cache.names())
    assert {"1", "2", "9"} <= kept
    assert not {"0", "3"} & kept


def test_what_is_new_is_not_evicted_after_the_clock_was_set_back(
    open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_cache(size_limit=MIB)
    for number in range(20):
        cache.put(f"old {number}", "t", bytes(100_000))
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    for number in range(20):
        cache.put(f"new {number}", "t", bytes(100_000))
        found = cache.get(f"new {number}")
        assert found is not None
        assert found.at == 1_000.0
    assert {name.partition(" ")[0] for name in cache.names()} == {"new"}


def test_a_body_of_half_the_cache_is_not_kept_and_what_it_replaces_is_forgotten(
    open_cache: Callable[..., Cache],
) -> None:
    cache = open_cache(size_limit=MIB)
    cache.put("a", "1", b"x")
    cache.put("b", "1", b"x")
    cache.put("a", "2", bytes(MIB // 2 + 1))
    assert cache.get("a") is None
    assert cache.get("b") is not None


def test_the_smallest_limit_among_writers_holds(open_cache: Callable[..., Cache], directory: Path) -> None:
    large, small = open_cache(size_limit=64 * MIB), open_cache(size_limit=2 * MIB)
    for number in range(60):
        large.put(f"large {number}", "t", bytes(100_000))
    assert large.info().bytes > 5 * MIB
    small.put("small", "t", b"x")
    assert on_disk(directory) < 2.2 * MIB
    assert small.get("small") is not None
    large.put("another", "t", bytes(100_000))
    assert large.info().size_limit == 64 * MIB
    assert large.get("another") is not None
