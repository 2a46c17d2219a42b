"""What a cache does for its owner while nothing goes wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from s3store.cache import SMALLEST_SIZE_LIMIT, Cache, Cached, Verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZES = [0, 1, 2_000, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_is_found_by_this_object_and_by_others(open_cache: Callable[..., Cache], size: int) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    first = open_cache()
    first.put("a/b", '"etag"', body, at=12.5)
    for cache in (first, open_cache()):
        assert cache.get("a/b") == Cached('"etag"', body, 12.5)


@pytest.mark.parametrize("name", ["", "/", "../../x", "a\0b", "日本/😀", "x" * 5000, "%", "a'b\"c"])
def test_a_name_is_any_text(cache: Cache, name: str) -> None:
    cache.put(name, "t", b"body")
    assert list(cache.names()) == [name]
    found = cache.get(name)
    assert found is not None
    assert found.body == b"body"
    cache.forget(name)
    assert cache.get(name) is None


def test_a_name_that_cannot_be_written_is_a_miss(cache: Cache) -> None:
    cache.put("\ud800", "t", b"body")
    assert cache.get("\ud800") is None
    assert list(cache.names("\ud800")) == []
    assert "\\ud800" not in repr(cache.info())
    cache.put("fine", "t", b"body")
    assert cache.get("fine") is not None


@pytest.mark.parametrize(("old", "new"), [(10, 20), (10, 90_000), (90_000, 10), (90_000, 90_000)])
def test_the_state_put_last_counts(cache: Cache, directory: Path, old: int, new: int) -> None:
    cache.put("a", "1", b"x" * old)
    cache.put("a", "2", b"y" * new)
    found = cache.get("a")
    assert found is not None
    assert (found.tag, found.body) == ("2", b"y" * new)
    assert len(list(directory.glob("v1/?/*"))) == (new > 50_000)


def test_the_time_is_now_if_none_is_given(cache: Cache) -> None:
    before = time.time()
    cache.put("a", "t", b"")
    found = cache.get("a")
    assert found is not None
    assert before <= found.at <= time.time()


@pytest.mark.parametrize("size", [10, 90_000])
def test_confirm_moves_the_time_of_that_state_alone(cache: Cache, size: int) -> None:
    body = b"x" * size
    cache.put("a", "1", body, at=1.0)
    cache.confirm("a", "1", at=7.0)
    assert cache.get("a") == Cached("1", body, 7.0)
    cache.confirm("a", "other", at=9.0)
    cache.confirm("not kept", "1", at=9.0)
    assert cache.get("a") == Cached("1", body, 7.0)
    cache.confirm("a", "1", at=3.0)  # The clock was set back.
    assert cache.get("a") == Cached("1", body, 3.0)
    assert cache.get("not kept") is None


def test_spaces_see_nothing_of_each_other(open_cache: Callable[..., Cache]) -> None:
    spaces = {space: open_cache(space=space) for space in ("", "a", "a/b", "b")}
    for space, cache in spaces.items():
        cache.put("same", "t", space.encode())
        cache.put("b/same", "t", space.encode())
    for space, cache in spaces.items():
        found = cache.get("same")
        assert found is not None
        assert found.body == space.encode()
        assert list(cache.names()) == ["b/same", "same"]
        assert (cache.info().entries, cache.info().all_entries) == (2, 8)
    assert spaces["a"].clear() == 2
    assert list(spaces["a"].names()) == []
    assert list(spaces["b"].names()) == ["b/same", "same"]
    assert spaces["b"].clear(all=True) == 6
    assert spaces[""].info().all_entries == 0


def test_names_come_in_order_and_by_prefix(cache: Cache) -> None:
    names = sorted(f"{kind}/{number:04}" for kind in ("heads", "pages") for number in range(400))
    for name in reversed(names):
        cache.put(name, "t", b"")
    assert list(cache.names()) == names
    assert list(cache.names("pages/")) == names[400:]
    assert list(cache.names("heads/03")) == names[300:400]
    assert list(cache.names("other")) == []


def test_info_counts(cache: Cache, directory: Path) -> None:
    assert cache.info().entries == 0
    cache.put("a", "t", b"x" * 100)
    cache.put("b", "t", b"x" * 100_000)
    cache.get("a")
    cache.get("nothing")
    info = cache.info()
    assert (info.entries, info.hits, info.misses) == (2, 1, 1)
    assert info.usable
    assert info.fault is None
    assert info.directory == directory
    on_disk = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file() and path.suffix != ".db-shm")
    assert info.bytes == pytest.approx(on_disk, abs=64 * 1024)
    assert info.bytes > 100_000


def test_verify_finds_nothing_wrong_and_takes_files_away_that_no_entry_names(cache: Cache, directory: Path) -> None:
    cache.put("small", "t", b"x")
    cache.put("large", "t", b"x" * 100_000)
    stray = directory / "v1" / "a" / ("b" * 31 + ".val")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a process that was killed")
    not_ours = directory / "v1" / "a" / "notes.txt"
    not_ours.write_bytes(b"")
    assert cache.verify() == Verified(checked=2, dropped=0, stray_files=1, fault=None)
    assert not stray.exists()
    assert not_ours.exists()
    assert list(cache.names()) == ["large", "small"]


def test_it_opens_again_after_close(cache: Cache) -> None:
    cache.put("a", "t", b"body")
    cache.close()
    cache.close()
    assert cache.get("a") is not None


def test_nothing_is_made_before_the_first_call(cache: Cache, directory: Path) -> None:
    assert not directory.exists()
    cache.get("a")
    assert directory.exists()


def test_a_limit_that_nothing_fits_in_is_refused(directory: Path) -> None:
    with pytest.raises(ValueError, match="at least 1048576 bytes"):
        Cache(directory, size_limit=SMALLEST_SIZE_LIMIT - 1)
