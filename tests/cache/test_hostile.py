"""Rows that others wrote: each is a miss, none runs code, none reaches a file that is not the cache's."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import diskcache
import pytest
from s3store.cache import SMALLEST_SIZE_LIMIT, Cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BODY = b"the body of the victim" * 10
LARGE = b"the body of the larger victim" * 3000
FILE = "c/" + "d" * 31 + ".val"


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "code-was-run"


@pytest.fixture
def bomb(marker: Path) -> bytes:
    return pickle.dumps(Bomb(marker))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the cache, with just the bytes that the victim has."""
    path = tmp_path / "outside.val"
    path.write_bytes(LARGE)
    return path


@pytest.fixture
def victim(cache: Cache) -> Cache:
    cache.put("small", "t", BODY)
    cache.put("large", "t", LARGE)
    cache.close()
    return cache


def use_in_every_way(cache: Cache) -> None:
    """Call all there is; the limit is made so small that the row is evicted at last."""
    assert cache.get("small") is None
    list(cache.names())
    cache.info()
    cache.confirm("small", "t")
    cache.verify()
    assert cache.get("small") is None


def evict_everything(directory: Path) -> None:
    smaller = Cache(directory, size_limit=SMALLEST_SIZE_LIMIT)
    for number in range(30):
        smaller.put(f"filling {number}", "t", bytes(100_000))
    assert smaller.get("small") is None
    assert smaller.get("filling 29") is not None
    smaller.clear(all=True)
    smaller.close()


@pytest.mark.parametrize("disk", [diskcache.Disk, diskcache.JSONDisk])
def test_control_diskcache_itself_runs_such_a_row(
    victim: Cache, directory: Path, sql: Callable[..., list[Any]], bomb: bytes, marker: Path, disk: type
) -> None:
    sql("UPDATE Cache SET mode = 4, value = ? WHERE value IS NOT NULL", bomb)
    sql("UPDATE Cache SET raw = 1")
    (key,) = sql("SELECT key FROM Cache WHERE value IS NOT NULL")[0]
    with diskcache.Cache(str(directory / "v1"), disk=diskcache.Disk) as bare:
        bare.get(key)
    assert marker.exists()


def hostile_columns(bomb: bytes) -> dict[str, tuple[str, tuple[object, ...]]]:
    return {
        "pickle": ("mode = 4, value = ?", (bomb,)),
        "pickle in a file": ("mode = 4, value = NULL, filename = ?", (FILE,)),
        "pickle in a file named as bytes are": ("mode = 2, value = NULL, filename = ?", (FILE,)),
        "text": ("value = ?", ("text",)),
        "text that is none": ("value = CAST(x'ff' AS TEXT)", ()),
        "number": ("value = 7", ()),
        "nothing": ("value = NULL", ()),
        "text file": ("mode = 3, value = NULL, filename = ?", (FILE,)),
        "unknown mode": ("mode = 99", ()),
        "mode of another type": ("mode = 'x'", ()),
        "file name of bytes": ("mode = 2, value = NULL, filename = x'ff'", ()),
        "file name that is no text": ("mode = 2, value = NULL, filename = CAST(x'ff' AS TEXT)", ()),
        "file above": ("mode = 2, value = NULL, filename = '../../outside.val'", ()),
        "a value and a file": ("filename = ?", (FILE,)),
        "the database as a file": ("mode = 2, value = NULL, filename = 'cache.db'", ()),
        "stamp is text": ("tag = 'text'", ()),
        "stamp is a number": ("tag = 1.5", ()),
        "no stamp": ("tag = NULL", ()),
        "empty stamp": ("tag = x''", ()),
        "stamp cut short": ("tag = substr(tag, 1, length(tag) - 1)", ()),
        "stamp with more": ("tag = tag || x'00'", ()),
        "another time": ("tag = substr(tag, 1, 5) || x'41d0000000000000' || substr(tag, 14)", ()),
        "body cut short": ("value = substr(value, 1, length(value) - 1)", ()),
        "body with more": ("value = value || x'00'", ()),
        "body flipped": ("value = x'ff' || substr(value, 2)", ()),
        "huge": ("value = zeroblob(50000000)", ()),
        "hostile in every column": (
            (
                "mode = 4, value = ?, tag = ?, filename = '../../outside.val', size = 'x', store_time = 'x',"
                " access_time = 'x', access_count = 'x', expire_time = 'x'"
            ),
            (bomb, bomb),
        ),
    }


@pytest.mark.parametrize("case", hostile_columns(b""))
def test_a_hostile_row_is_a_miss(
    victim: Cache,
    directory: Path,
    sql: Callable[..., list[Any]],
    bomb: bytes,
    marker: Path,
    outside: Path,
    case: str,
) -> None:
    change, values = hostile_columns(bomb)[case]
    (directory / "v1" / "c").mkdir(exist_ok=True)
    (directory / "v1" / FILE).write_bytes(bomb)
    sql(f"UPDATE Cache SET {change} WHERE filename IS NULL", *values)
    use_in_every_way(victim)
    evict_everything(directory)
    assert not marker.exists()
    assert outside.read_bytes() == LARGE


@pytest.mark.parametrize("where", ["relative", "absolute", "link", "pipe", "directory", "gone"])
def test_a_file_that_is_not_the_one_written_is_a_miss(
    victim: Cache, directory: Path, sql: Callable[..., list[Any]], outside: Path, where: str
) -> None:
    (file,) = directory.glob("v1/?/*.val")
    name = {"relative": "../../outside.val", "absolute": str(outside)}.get(where)
    if name is not None:
        sql("UPDATE Cache SET filename = ? WHERE filename IS NOT NULL", name)
    else:
        file.unlink()
        make: dict[str, Callable[[], object]] = {
            "link": lambda: file.symlink_to(outside),
            "pipe": lambda: os.mkfifo(file),
            "directory": file.mkdir,
            "gone": lambda: None,
        }
        make[where]()
    assert victim.get("large") is None
    assert victim.get("small") is not None
    assert victim.verify().dropped == 1
    assert victim.verify().dropped == 0
    assert list(victim.names()) == ["small"]
    assert outside.read_bytes() == LARGE


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer"])
def test_a_damaged_file_is_a_miss_until_it_is_put_again(victim: Cache, directory: Path, damage: str) -> None:
    (file,) = directory.glob("v1/?/*.val")
    file.write_bytes({"flipped": LARGE[:-1] + b"?", "cut": LARGE[:-1], "longer": LARGE + b"?"}[damage])
    assert victim.get("large") is None
    victim.put("large", "t", LARGE)
    found = victim.get("large")
    assert found is not None
    assert found.body == LARGE


def test_rows_that_were_swapped_are_misses(victim: Cache, sql: Callable[..., list[Any]]) -> None:
    victim.put("other", "t", BODY[::-1])
    victim.close()
    keys = [key for (key,) in sql("SELECT key FROM Cache WHERE filename IS NULL")]
    for old, new in ((keys[0], "parked"), (keys[1], keys[0]), ("parked", keys[1])):
        sql("UPDATE Cache SET key = ? WHERE key = ?", new, old)
    assert victim.get("small") is None
    assert victim.get("other") is None
    assert victim.get("large") is not None


def test_the_value_of_another_row_is_a_miss(victim: Cache, sql: Callable[..., list[Any]]) -> None:
    victim.put("other", "t", BODY[::-1])
    victim.close()
    sql("UPDATE Cache SET value = ? WHERE filename IS NULL", BODY[::-1])
    assert victim.get("small") is None
    assert victim.get("other") is not None


def test_a_row_of_another_space_is_a_miss(
    victim: Cache, open_cache: Callable[..., Cache], sql: Callable[..., list[Any]]
) -> None:
    other = open_cache(space="other")
    other.put("marks the space", "t", b"")
    victim.close()
    other.close()
    space = next(key.partition("/")[0] for (key,) in sql("SELECT key FROM Cache") if "marks" in key)
    sql("UPDATE Cache SET key = ? || substr(key, instr(key, '/')) WHERE key LIKE '%/small'", space)
    assert other.get("small") is None
    assert victim.get("small") is None


@pytest.mark.parametrize("raw", [0, 1, 7, "x", None])
def test_a_key_that_is_a_pickle_is_not_unpickled(
    victim: Cache, directory: Path, sql: Callable[..., list[Any]], bomb: bytes, marker: Path, raw: object
) -> None:
    sql("UPDATE Cache SET key = ?, raw = ? WHERE filename IS NULL", bomb, raw)
    use_in_every_way(victim)
    evict_everything(directory)
    assert not marker.exists()


def test_rows_that_diskcache_wrote_are_misses(victim: Cache, directory: Path, marker: Path, sql: Any) -> None:
    (key,) = sql("SELECT key FROM Cache WHERE filename IS NULL")[0]
    with diskcache.Cache(str(directory / "v1"), disk_min_file_size=10) as bare:
        bare.set(key, Bomb(marker), tag="tag")
        bare.set(("a", "key", "that", "is", "pickled"), Bomb(marker), tag=b"tag", expire=0)
        bare.set(7, "seven", expire=10)
        bare.set(b"bytes", 7.5)
    use_in_every_way(victim)
    evict_everything(directory)
    assert not marker.exists()


def test_rows_that_diskcache_wrote_as_json_are_misses(victim: Cache, directory: Path) -> None:
    with diskcache.Cache(str(directory / "v1"), disk=diskcache.JSONDisk) as bare:
        for number in range(20):
            bare.set(["small", number], {"a": "value"})
    found = victim.get("small")
    assert found is not None
    assert victim.verify().dropped == 20
    assert list(victim.names()) == ["large", "small"]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO Settings VALUES ('_directory', '/nowhere')",
        "INSERT INTO Settings VALUES ('sqlite_temp_store_directory', '/nowhere')",
        "INSERT INTO Settings VALUES ('disk__directory', '/nowhere')",
        "INSERT INTO Settings VALUES (x'80049500', 1)",
        "UPDATE Settings SET value = 'x' WHERE key = 'size'",
        "UPDATE Settings SET value = -1 WHERE key = 'size'",
        "CREATE TRIGGER theirs AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE VIEW theirs AS SELECT 1",
        "CREATE TABLE theirs (x)",
    ],
)
def test_a_database_with_more_than_a_cache_has_makes_room_for_a_new_one(
    victim: Cache, sql: Callable[..., list[Any]], statement: str
) -> None:
    sql(statement)
    assert victim.get("small") is None
    victim.put("small", "t", BODY)
    assert victim.get("small") is not None
    assert list(victim.names()) == ["small"]
    assert victim.verify().fault is None


@pytest.mark.usefixtures("no_pause")
def test_a_table_that_lacks_a_column_makes_room_for_a_new_one(victim: Cache, sql: Callable[..., list[Any]]) -> None:
    sql("ALTER TABLE Cache DROP COLUMN access_count")
    victim.put("another", "t", BODY)
    assert list(victim.names()) == []
    victim.put("another", "t", BODY)
    assert list(victim.names()) == ["another"]


def test_settings_that_another_opener_changed_do_not_count(victim: Cache, directory: Path) -> None:
    with diskcache.Cache(
        str(directory / "v1"), size_limit=1, cull_limit=100, eviction_policy="least-recently-used", statistics=1
    ):
        pass
    victim.put("another", "t", BODY)
    assert list(victim.names()) == ["another", "large", "small"]


def test_a_large_count_of_hostile_rows_is_gone_after_verify(victim: Cache, sql: Callable[..., list[Any]]) -> None:
    sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
        " INSERT INTO Cache (key, raw, value) SELECT 'x' || i, 1, x'00' FROM n"
    )
    assert victim.verify().dropped == 1000
    assert sql("SELECT COUNT(*) FROM Cache") == [(2,)]
