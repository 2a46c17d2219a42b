"""What is left on this machine: private, in its place, and never in a place that others can write to."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store import CachePolicy, InvalidOption, SessionStore, StoreUnavailable
from s3store.objects.memory import MemoryStore
from s3store.siblings.upload import PART

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3store.objects.base import StoredObject

LARGE = os.urandom(PART + 10)
NAMES = [
    "../../x",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\0b",
    "x" * 2000,
    "é" * 1000,
    "a/../../b",
    "C:\\x",
    "~root",
    "\u202ex",
]


@pytest.fixture(params=[0o000, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


class Breaks(MemoryStore):
    """Fails to give the end of a large object."""

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        if byte_range is not None and byte_range[1] > PART:
            raise StoreUnavailable("the connection broke")
        return await super().get(key, if_none_match=if_none_match, byte_range=byte_range)


def found_below(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


@pytest.mark.usefixtures("umask")
def test_whatever_is_written_is_private_whatever_the_umask(tmp_path: Path) -> None:
    root = tmp_path / "all" / "of" / "it"
    policy = CachePolicy(root / "cache")
    with SessionStore(f"file://{root}/archive", cache=policy) as store:
        store.create("a", ["word"])
        store.artifacts("a").put("n", LARGE)
        store.load("a")
        store.search("word")
    modes = found_below(tmp_path / "all")
    assert {mode for name, mode in modes.items() if (tmp_path / "all" / name).is_dir()} == {0o700}
    assert {mode for name, mode in modes.items() if (tmp_path / "all" / name).is_file()} == {0o600}
    assert any(name.endswith(".sqlite") for name in modes)
    assert any(name.endswith("cache.db") for name in modes)


@pytest.mark.usefixtures("umask")
def test_the_folder_of_a_search_file_is_private_where_there_is_no_cache_yet(tmp_path: Path) -> None:
    with SessionStore((tmp_path / "archive").as_uri()) as store:
        store.create("a", ["word"])
        store.search("word")
    made = Path(os.environ["XDG_CACHE_HOME"]) / "s3store"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert set(found_below(made).values()) == {0o700, 0o600}


@pytest.mark.usefixtures("umask")
def test_a_download_is_private_finished_or_not(tmp_path: Path) -> None:
    objects = Breaks()
    with SessionStore(objects) as store:
        artifacts = store.artifacts("a")
        artifacts.put("large", LARGE)
        artifacts.put("small", "text")
        with pytest.raises(StoreUnavailable):
            artifacts.get_to("large", tmp_path / "large")
        artifacts.get_to("small", tmp_path / "small")
    found = found_below(tmp_path)
    assert len(found) == 2
    assert set(found.values()) == {0o600}


def test_a_part_file_that_was_readable_to_others_is_not_any_more(tmp_path: Path) -> None:
    with SessionStore(MemoryStore()) as store:
        artifacts = store.artifacts("a")
        info = artifacts.put("n", "text")
        part = tmp_path / f".s3store-{info.sha256[:32]}.part"
        part.touch()
        part.chmod(0o666)
        artifacts.get_to("n", tmp_path / "out")
    assert found_below(tmp_path) == {"out": 0o600}


@pytest.mark.parametrize("planted", ["link", "hard-link", "others"])
def test_a_part_file_that_others_planted_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    with SessionStore(MemoryStore()) as store:
        artifacts = store.artifacts("a")
        info = artifacts.put("n", "text")
        part = tmp_path / f".s3store-{info.sha256[:32]}.part"
        if planted == "link":
            part.symlink_to(victim)
        elif planted == "hard-link":
            part.hardlink_to(victim)
        else:
            part.write_bytes(b"")
            monkeypatch.setattr(os, "geteuid", lambda: part.stat().st_uid + 1)
        with pytest.raises((InvalidOption, OSError)):
            artifacts.get_to("n", tmp_path / "out")
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["cache", "cache/search"])
def test_nothing_is_searched_in_a_folder_that_others_may_write_to(tmp_path: Path, where: str) -> None:
    (tmp_path / "cache" / "search").mkdir(parents=True, mode=0o700)
    (tmp_path / where).chmod(0o777)
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        store.create("a", ["secret"])
        with pytest.raises(StoreUnavailable, match="written to by others"):
            store.search("secret")
    assert list((tmp_path / "cache" / "search").iterdir()) == []


def test_nothing_is_searched_through_a_link_in_the_place_of_the_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "search").symlink_to(elsewhere)
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        store.create("a", ["secret"])
        with pytest.raises(StoreUnavailable):
            store.search("secret")
    assert list(elsewhere.iterdir()) == []


HOSTILE = [
    "UPDATE sessions SET fields = x'ff'",
    "UPDATE sessions SET fields = 'text'",
    "UPDATE sessions SET fields = 7",
    "UPDATE sessions SET fields = '[]'",
    "UPDATE sessions SET fields = '{\"id\": 1}'",
    f"UPDATE sessions SET fields = '{'[' * 10_000}'",
    "DROP TABLE texts",
    "DROP TABLE words",
    "DROP TABLE sessions",
    "DROP TABLE pages",
    "DROP VIEW searched",
]


def found_or_told(store: SessionStore) -> list[str] | str:
    try:
        return sorted(hit.session.id for hit in store.search("word"))
    except StoreUnavailable as error:
        return str(error)


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_search_file_that_others_changed_costs_time_or_is_told(tmp_path: Path, statement: str) -> None:
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        store.create("a", ["word"])
        store.create("b", ["word"])
        store.index.compact()
        store.search("word")
    [file] = (tmp_path / "cache" / "search").glob("*.sqlite")
    with closing(sqlite3.connect(file)) as db:
        db.execute(statement)
        db.commit()
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        found = found_or_told(store)
    assert found == ["a", "b"] or str(file) in found


def test_a_search_file_damaged_where_it_is_read_late_loses_no_session(tmp_path: Path) -> None:
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        for number in range(300):
            store.create(f"{number}", [f"word {number} " * 20])
        store.index.compact()
        store.search("word")
        store.append("7", "more")
    [file] = (tmp_path / "cache" / "search").glob("*.sqlite")
    pages = bytearray(file.read_bytes())
    # The first page, and with it the tables' places and what was taken in, is left; everything behind is not.
    pages[4 * 4096 :] = bytes(len(pages) - 4 * 4096)
    file.write_bytes(pages)
    with SessionStore((tmp_path / "archive").as_uri(), cache=tmp_path / "cache") as store:
        assert len(store.search("word", limit=1000)) == 300


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_an_artifact_leads_out_of_the_archive(tmp_path: Path, name: str) -> None:
    root = tmp_path / "in" / "archive"
    with SessionStore(root.as_uri()) as store:
        for session_id in ("a", name):
            artifacts = store.artifacts(session_id)
            artifacts.put(name, b"small")
            artifacts.put(name + "large", bytes(20_000))
            assert artifacts.get(name).data == b"small"
            store.traces(session_id).append({"kind": name})
            store.save_all(session_id, transcript=[name])
    outside = [path for path in tmp_path.rglob("*") if root not in path.parents and path not in (root, *root.parents)]
    assert outside == []
    assert set(found_below(root).values()) <= {0o700, 0o600}
