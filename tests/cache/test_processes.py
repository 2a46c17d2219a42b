"""Many processes and threads on one directory; forks, kills, a busy database, a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import s3store

from .cache_process import body_of, hammer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.cache import Cache

PROGRAM = Path(__file__).with_name("cache_process.py")
PACKAGE = Path(s3store.__path__[0]).parent
MIB = 1 << 20


def start(program: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(PROGRAM), program, str(directory)],
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(program: str, directory: Path) -> list[str]:
    with start(program, directory) as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return output.split()


def test_sixteen_processes_at_once_find_nothing_but_what_is_right(cache: Cache, directory: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(start("hammer", directory)) for _ in range(16)]
        output = [process.communicate("go\n", timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 16
    assert sum(int(found) for found, _ in output) > 16 * 5
    assert {usable for _, usable in output} == {"True"}
    assert cache.verify().dropped == 0


def test_sixteen_threads_at_once_find_nothing_but_what_is_right(open_cache: Callable[..., Cache]) -> None:
    cache = open_cache(size_limit=2 * MIB)
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda number: hammer(cache, f"t{number}", 60), range(16)))
        assert sum(found) > 16 * 10
        cache.close()
    assert cache.verify().dropped == 0
    assert cache.info().fault in (None, "database is locked")  # Sixteen writers may keep one waiting for too long.


def test_threads_that_use_a_cache_while_it_is_closed_get_misses(open_cache: Callable[..., Cache]) -> None:
    cache = open_cache(size_limit=2 * MIB)
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(hammer, cache, f"t{number}", 40) for number in range(8)]
        while not all(done.done() for done in running):
            cache.close()
        for done in running:
            done.result()
    assert cache.verify().dropped == 0


def test_it_survives_a_fork_while_other_threads_use_it(directory: Path) -> None:
    assert run("fork", directory) == ["done", "0"]


def test_processes_killed_while_they_write_leave_nothing_wrong(cache: Cache, directory: Path) -> None:
    for progress in (3, 20):
        with ExitStack() as stack:
            writers = [stack.enter_context(start("forever", directory)) for _ in range(3)]
            for writer in writers:
                assert writer.stdout is not None
                for _ in range(progress):
                    assert writer.stdout.readline()
            for writer in writers:
                writer.kill()
        for name in cache.names():
            cached = cache.get(name)
            assert cached is not None
            assert cached.body == body_of(name, cached.tag)
    verified = cache.verify()
    assert verified.checked > 0
    assert verified.dropped == 0
    assert verified.fault is None
    assert cache.verify().stray_files == 0


@pytest.fixture
def busy(cache: Cache, directory: Path) -> Iterator[sqlite3.Connection]:
    """Another process that holds the database's lock and does not come to an end."""
    cache.put("a", "t", b"body")
    with closing(sqlite3.connect(directory / "v1" / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_busy_database_is_read_and_not_written(cache: Cache, busy: sqlite3.Connection) -> None:
    assert cache.get("a") is not None
    cache.put("b", "t", b"body")
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.info().fault == "database is locked"
    busy.execute("ROLLBACK")
    cache.put("b", "t", b"body")
    assert cache.get("b") is not None


def test_a_busy_database_is_opened_and_read(cache: Cache, busy: sqlite3.Connection) -> None:
    cache.close()
    assert cache.get("a") is not None
    assert cache.info().fault is None


def test_a_busy_database_that_is_still_to_be_set_up_is_a_miss(cache: Cache, busy: sqlite3.Connection) -> None:
    cache.close()
    busy.execute("DELETE FROM Settings WHERE key = 'cull_limit'")
    busy.execute("COMMIT")
    busy.execute("BEGIN IMMEDIATE")
    assert cache.get("a") is None
    assert cache.info().fault == "database is locked"
    busy.execute("ROLLBACK")
    cache.close()
    assert cache.get("a") is not None


def test_a_full_disk_is_a_miss(directory: Path) -> None:
    assert run("full", directory) == ["True", "True", "True", "0"]


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", str(directory)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk; test_a_full_disk_is_a_miss limits the files' size instead")
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small disk ({done.stderr.strip()}); see test_a_full_disk_is_a_miss")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_disk_that_is_really_full_is_a_miss(open_cache: Callable[..., Cache], small_disk: Path) -> None:
    cache = open_cache(size_limit=64 * MIB)
    names = [f"name {number}" for number in range(100)]
    for name in names:
        cache.put(name, "t", body_of(name, "t") + bytes(30_000))
    found = [cached for cached in map(cache.get, names) if cached is not None]
    assert 0 < len(found) < len(names)
    assert {cached.body[-30_000:] for cached in found} == {bytes(30_000)}
    assert cache.info().fault is not None
    cache.clear()
    assert len(list(small_disk.glob("v1/?/*"))) == 0
    cache.close()
    cache.put("after", "t", b"body")
    assert cache.get("after") is not None
