"""The directory: where it is, who may use it, and what happens when it is damaged or goes away."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from s3store.cache import Cache, default_directory

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = b"x" * 100_000
needs_another_user = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_all_of_it_is_private_whatever_the_umask(cache: Cache, directory: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        # With a umask that takes every right away, only root gets further than the directory.
        cache.put("small", "t", b"x")
        cache.put("large", "t", LARGE)
        for number in range(20):
            cache.put(str(number), "t", LARGE)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (directory, *directory.rglob("*"))}
    assert {mode & 0o077 for mode in modes.values()} == {0}
    if umask != 0o777:
        assert cache.get("large") is not None
        assert {oct(mode) for path, mode in modes.items() if path.is_file()} == {"0o600"}
        assert {oct(mode) for path, mode in modes.items() if path.is_dir()} == {"0o700"}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o720])
def test_a_directory_that_others_may_write_to_is_not_used(cache: Cache, directory: Path, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    cache.put("a", "t", b"body")
    assert cache.get("a") is None
    info = cache.info()
    assert not info.usable
    assert info.fault is not None
    assert "may be written to by others" in info.fault
    assert list(directory.iterdir()) == []


def test_a_folder_in_it_that_others_may_write_to_is_not_used(cache: Cache, directory: Path) -> None:
    (directory / "v1").mkdir(parents=True)
    (directory / "v1").chmod(0o777)
    directory.chmod(0o755)
    assert cache.get("a") is None
    assert "may be written to by others" in str(cache.info().fault)


def test_a_link_in_the_place_of_the_folder_is_not_followed(cache: Cache, directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    directory.mkdir(mode=0o700)
    (directory / "v1").symlink_to(elsewhere)
    cache.put("a", "t", b"body")
    assert not cache.info().usable
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["v1/cache.db", "lock"])
def test_a_link_in_the_place_of_a_file_is_not_followed(
    cache: Cache, directory: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    (directory / "v1").mkdir(mode=0o700, parents=True)
    directory.chmod(0o700)
    (directory / name).symlink_to(target)
    cache.put("a", "t", b"body")
    assert not cache.info().usable
    assert target.read_bytes() == b""


def test_a_link_of_ones_own_to_the_directory_is_followed(cache: Cache, directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    directory.symlink_to(elsewhere)
    cache.put("a", "t", b"body")
    assert cache.get("a") is not None
    assert (elsewhere / "v1").is_dir()


@needs_another_user
def test_a_directory_of_another_user_is_not_used(cache: Cache, directory: Path) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, 12345, -1)
    assert cache.get("a") is None
    assert "belongs to another user" in str(cache.info().fault)


@needs_another_user
def test_a_link_that_another_user_planted_is_not_followed(cache: Cache, directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    directory.symlink_to(elsewhere)
    os.lchown(directory, 12345, -1)
    assert cache.get("a") is None
    assert "belongs to another user" in str(cache.info().fault)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_to_is_a_miss(cache: Cache, directory: Path) -> None:
    cache.put("a", "t", b"body")
    cache.close()
    for path in (*directory.rglob("*"), directory):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        cache.put("b", "t", LARGE)
        assert cache.get("b") is None
        assert cache.info().fault is not None
    finally:
        for path in (directory, directory / "v1"):
            path.chmod(0o700)


def test_a_directory_that_cannot_be_created_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "cache")
    cache.put("a", "t", b"body")
    assert cache.get("a") is None
    assert list(cache.names()) == []
    assert cache.clear() == 0
    assert cache.verify().fault is not None
    cache.forget("a")
    cache.confirm("a", "t")
    assert not cache.info().usable


def test_a_name_with_a_variable_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", "elsewhere")
    cache = Cache(tmp_path / "$ELSEWHERE")
    cache.put("a", "t", b"body")
    assert "holds a variable" in str(cache.info().fault)
    assert not (tmp_path / "elsewhere").exists()


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def overwrite_behind_the_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\xa5" * (len(content) - 200))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("damage", [overwrite, overwrite_behind_the_header, cut])
def test_a_damaged_database_makes_room_for_a_new_one(
    cache: Cache, directory: Path, damage: Callable[[Path], None]
) -> None:
    for number in range(50):
        cache.put(f"a{number}", "t", b"body" * 500)
    cache.put("large", "t", LARGE)
    cache.close()
    (directory / "v1" / "notes.txt").write_bytes(b"of the user")
    damage(directory / "v1" / "cache.db")
    assert cache.get("a1") is None
    cache.put("a1", "t", b"body")
    assert cache.get("a1") is not None
    assert cache.verify().fault is None
    (aside,) = directory.glob("v1.damaged-*")
    assert [path.name for path in aside.iterdir()] == ["notes.txt"]


@pytest.mark.usefixtures("no_pause")
def test_a_database_that_is_damaged_while_in_use_makes_room_for_a_new_one(cache: Cache, directory: Path) -> None:
    for number in range(200):
        cache.put(f"a{number}", "t", b"body" * 500)
    database = directory / "v1" / "cache.db"
    cache.close()
    content = bytearray(database.read_bytes())
    # The tables of settings and of the schema stand in the first pages: it opens, and fails when it is used.
    content[30 * 4096 :] = b"\xa5" * (len(content) - 30 * 4096)
    database.write_bytes(content)
    for _ in range(3):
        for number in range(200):
            found = cache.get(f"a{number}")
            assert found is None or found.body == b"body" * 500
    cache.put("after", "t", b"body")
    assert cache.get("after") is not None
    assert cache.verify().fault is None
    assert list(directory.glob("v1.damaged-*")) == []


@pytest.mark.usefixtures("no_pause")
def test_a_database_that_is_cut_short_while_in_use_makes_room_for_a_new_one(cache: Cache, directory: Path) -> None:
    for number in range(200):
        cache.put(f"a{number}", "t", b"body" * 500)
    cache.close()
    assert cache.get("a1") is not None
    os.truncate(directory / "v1" / "cache.db", 20_000)
    for number in range(200):
        cache.get(f"a{number}")
        cache.put(f"b{number}", "t", b"body" * 500)
    found = cache.get("b199")
    assert found is not None
    assert found.body == b"body" * 500
    assert cache.verify().fault is None


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("size", [100, 100_000])
def test_it_goes_on_in_a_new_directory_when_the_old_one_is_removed(cache: Cache, directory: Path, size: int) -> None:
    cache.put("a", "t", b"x" * size)
    shutil.rmtree(directory)
    cache.put("b", "t", b"x" * size)
    cache.put("c", "t", b"x" * size)
    assert list(cache.names()) == ["c"]
    assert cache.get("a") is None
    assert cache.get("c") is not None
    assert (directory / "v1" / "cache.db").exists()


def test_a_cache_that_fails_is_not_opened_at_each_call(
    cache: Cache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr("s3store.cache.cache.time.monotonic", lambda: moment)
    directory.mkdir()
    directory.chmod(0o777)
    assert cache.get("a") is None
    directory.chmod(0o700)
    cache.put("a", "t", b"body")
    assert cache.get("a") is None
    moment += 1.0
    cache.put("a", "t", b"body")
    assert cache.get("a") is not None


def test_each_fault_is_logged_once_and_names_no_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, no_pause: None
) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "cache", space="a secret space")
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            cache.put("a secret name", "a secret tag", b"a secret body")
            cache.get("a secret name")
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text
    assert caplog.records[0].name == "s3store.cache"
    assert "secret" not in str(cache.info().fault)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    for name in ("XDG_CACHE_HOME", "AWS_LAMBDA_FUNCTION_NAME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"set": monkeypatch.setenv, "platform": lambda name: monkeypatch.setattr(sys, "platform", name)}


def test_the_default_directory_is_in_the_users_caches(environ: dict[str, Any], tmp_path: Path) -> None:
    assert default_directory() == tmp_path / ".cache" / "s3store"
    environ["set"]("XDG_CACHE_HOME", "relative/is/ignored")
    assert default_directory() == tmp_path / ".cache" / "s3store"
    environ["set"]("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_directory() == tmp_path / "xdg" / "s3store"
    environ["platform"]("darwin")
    assert default_directory() == tmp_path / "Library" / "Caches" / "s3store"
    environ["platform"]("win32")
    environ["set"]("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_directory() == tmp_path / "local" / "s3store" / "cache"
    assert not list(tmp_path.iterdir())


def test_the_default_directory_is_temporary_in_lambda_and_without_a_home(
    environ: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    temporary = Path(tempfile.gettempdir()) / f"s3store-cache-{os.getuid()}"
    assert default_directory() == temporary
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_directory() != temporary
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    assert default_directory() == temporary
