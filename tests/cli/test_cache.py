"""`s3store cache`, and the settings that say what is kept on this machine."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from s3store import CachePolicy, SessionStore
from s3store.cli.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .conftest import Cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def written(cli: Cli) -> None:
    with SessionStore(cli.url) as store:
        for name in "abc":
            store.create(name, [f"of {name}"], agent=f"agent-{name}")


def gone(cli: Cli) -> None:
    """Leave nothing of the archive but an empty directory."""
    directory = cli.url.removeprefix("file://")
    shutil.rmtree(directory)
    SessionStore(cli.url).close()


def test_warmed_sessions_are_listed_and_shown_offline(cli: Cli, written: None, folder: Path) -> None:
    told = cli.ok("cache", "warm", "--newest", "2", "--cache", folder)
    assert told.startswith("2 sessions here, ")
    gone(cli)
    offline = ("--offline", "--cache", folder)
    assert [line.split("\t")[0] for line in cli.ok("ls", *offline).splitlines()] == ["c", "b", "a"]
    assert "of c" in cli.ok("show", "c", *offline)
    missing = cli("show", "a", *offline)
    assert missing.exit_code == 5
    assert "not in the cache" in missing.stderr


def test_warm_takes_the_filters_of_ls_and_tells_in_json(cli: Cli, written: None, folder: Path) -> None:
    [told] = cli.json("cache", "warm", "--agent", "agent-a", "--cache", folder)
    assert told["sessions"] == 1
    assert told["bytes"] > 0


def test_warming_without_a_cache_says_how_to_have_one(cli: Cli, written: None) -> None:
    refused = cli("cache", "warm", "--cache", "off")
    assert refused.exit_code == 2
    assert "cache" in refused.stderr


def test_info_clear_and_verify(cli: Cli, written: None, folder: Path) -> None:
    options = ("--cache", folder, "--cache-size", "50M")
    cli.ok("cache", "warm", *options)
    [info] = cli.json("cache", "info", *options)
    assert info["directory"] == str(folder)
    assert info["usable"]
    assert info["entries"] > 3
    assert info["size_limit"] == 50 << 20
    assert f"directory\t{folder}" in cli.ok("cache", "info", *options)
    assert f"{info['entries']} objects read, 0 damaged" in cli.ok("cache", "verify", *options)
    assert cli.json("cache", "verify", *options)[0]["checked"] == info["entries"]
    assert cli.ok("cache", "clear", *options) == f"{info['entries']} objects removed\n"
    assert cli.json("cache", "clear", *options) == [{"removed": 0}]
    assert cli("show", "a", "--offline", *options).exit_code == 5


def test_a_cache_that_cannot_be_used_is_told(cli: Cli, tmp_path: Path) -> None:
    occupied = tmp_path / "a-file"
    occupied.write_text("x")
    assert "usable\tno: " in cli.ok("cache", "info", "--cache", occupied)
    assert cli("cache", "verify", "--cache", occupied).exit_code == 1


def test_looking_after_a_cache_that_is_off_says_who_switched_it_off(cli: Cli) -> None:
    for name in ("info", "clear", "verify"):
        refused = cli("cache", name, "--url", "s3://b", env={"S3STORE_CACHE": "off"})
        assert refused.exit_code == 2
        assert "S3STORE_CACHE" in refused.stderr


@pytest.mark.parametrize(
    ("environment", "policy"),
    [
        ({}, None),
        ({"CACHE": "off"}, False),
        ({"CACHE": "/somewhere"}, CachePolicy("/somewhere")),
        ({"CACHE_SIZE": "2G"}, CachePolicy(size=2 << 30)),
        ({"CACHE_SIZE": "500 MiB"}, CachePolicy(size=500 << 20)),
        ({"CACHE_SIZE": "3000000"}, CachePolicy(size=3_000_000)),
        ({"MAX_AGE": "30"}, CachePolicy(max_age=30)),
        ({"MAX_AGE": "1.5m"}, CachePolicy(max_age=90)),
        ({"MAX_AGE": "2h", "CACHE": "/x"}, CachePolicy("/x", max_age=7200)),
        ({"OFFLINE": "1"}, CachePolicy(offline=True)),
        ({"OFFLINE": "0"}, CachePolicy()),
    ],
)
def test_settings_say_what_is_kept(environment: Mapping[str, str], policy: object) -> None:
    variables = {f"S3STORE_{name}": value for name, value in environment.items()}
    assert resolve({"url": "s3://bucket"}, variables).cache() == policy


def test_what_is_set_for_s3_leaves_a_directory_alone(cli: Cli, folder: Path) -> None:
    variables = {"S3STORE_OFFLINE": "1", "S3STORE_CACHE": str(folder)}
    assert resolve({"url": "file:///somewhere"}, variables).cache() is None
    assert resolve({"url": "file:///somewhere", "offline": True}, variables).cache() == CachePolicy(offline=True)
    cli.ok("ls")
    assert not folder.exists()


def test_the_file_takes_numbers_and_texts(cli: Cli, tmp_path: Path) -> None:
    named = tmp_path / "mine.toml"
    named.write_text('cache = "/x"\ncache_size = 5000000\nmax_age = 2.5\noffline = false\n')
    found = resolve({"url": "s3://b", "config": str(named)}, {})
    assert found.cache() == CachePolicy("/x", 5_000_000, 2.5)
    shown = json.loads(cli.ok("config", "--config", named, "--json"))["settings"]
    assert shown["cache_size"]["value"] == "5000000"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cache-size", "much"), "--cache-size"),
        (("--cache-size", "1k"), "size"),
        (("--max-age", "soon"), "--max-age"),
        (("--offline", "--cache", "off"), "offline"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, options: tuple[str, ...], told: str) -> None:
    refused = cli("ls", *options)
    assert refused.exit_code == 2
    assert told in refused.stderr
