"""`s3store sync`: again for nothing, of each tool, with odd files, watching, and putting back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from s3store import SessionStore

    from .conftest import Cli

SAMPLES = Path(__file__).parents[2] / "examples" / "sessions"
WEATHER = "claude-code/-home-mia-weather-cli/5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11"


@pytest.fixture
def homes(tmp_path: Path, cli: Cli) -> Path:
    """Homes of both tools."""
    shutil.copytree(SAMPLES / "claude-code", tmp_path / "claude")
    shutil.copytree(SAMPLES / "codex", tmp_path / "codex" / "sessions")
    cli.env |= {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "CLAUDE_CONFIG_DIR": str(tmp_path / "claude"),
        "CODEX_HOME": str(tmp_path / "codex"),
    }
    return tmp_path


def weather(homes: Path) -> Path:
    return homes / "claude" / "projects" / f"{WEATHER.removeprefix('claude-code/')}.jsonl"


def test_all_sessions_of_a_tool_come_in_and_what_is_new_of_them(cli: Cli, homes: Path) -> None:
    first = cli.json("sync", "claude-code")
    assert (first[-1]["new"], first[-1]["failed"]) == (3, 0)
    assert cli.json("sync", "claude-code") == [{**first[-1], "new": 0, "unchanged": 3, "lines": 0}]
    with weather(homes).open("a") as file:
        file.write('{"type":"user","message":{"role":"user","content":"More"}}\n')
    assert cli.ok("sync", "claude-code").splitlines() == [
        f"grew       {WEATHER}  1 line",
        "1 grew, 2 unchanged; 1 line stored",
    ]
    assert cli.json("sync", "codex")[-1]["new"] == 1
    assert len(cli.json("ls")) == 4


def test_where_nothing_is_new_nothing_is_asked_for(cli: Cli, homes: Path) -> None:
    cli.ok("sync", "claude-code")
    # Any request would find an archive that is no more, and make it anew.
    shutil.move(homes / "archive", homes / "elsewhere")
    assert cli.json("sync", "claude-code")[-1]["unchanged"] == 3
    assert not [path for path in (homes / "archive").rglob("*") if path.is_file()]


def test_without_what_was_seen_nothing_is_stored_twice(cli: Cli, homes: Path, store: SessionStore) -> None:
    cli.ok("sync", "claude-code")
    before = store.info(WEATHER)
    (seen,) = (homes / "state" / "s3store" / "sync").iterdir()
    assert seen.stat().st_mode & 0o777 == 0o600
    for damaged in ("", "[]", '{"format":"s3store.sync/1","files":[]}', '{"format":"other","files":{}}'):
        seen.write_text(damaged)
        assert cli.json("sync", "claude-code")[-1]["unchanged"] == 3
    assert store.info(WEATHER) == before


def test_what_the_tool_deletes_stays_and_comes_back(cli: Cli, homes: Path) -> None:
    cli.ok("sync", "claude-code")
    content = weather(homes).read_bytes()
    shutil.rmtree(homes / "claude" / "projects")
    assert cli("sync", "claude-code").exit_code == 0
    assert cli.ok("sync", "restore", WEATHER) == f"restored  {weather(homes)}\n"
    assert weather(homes).read_bytes() == content
    assert cli.json("sync", "restore", WEATHER)[0]["outcome"] == "there already"
    assert cli.json("sync", "claude-code")[-1]["unchanged"] == 1


def test_another_file_in_its_place_is_an_error_of_the_call(cli: Cli, homes: Path) -> None:
    cli.ok("sync", "claude-code")
    weather(homes).write_text("mine\n")
    refused = cli("sync", "restore", WEATHER)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert cli.ok("sync", "restore", WEATHER, "--force", "--to", homes / "claude")


def test_a_rewritten_file_is_said_also_when_quiet(cli: Cli, homes: Path) -> None:
    assert cli.ok("sync", "claude-code", "--quiet") == ""
    weather(homes).write_text("{}\n")
    assert cli.ok("sync", "claude-code", "--quiet") == (
        f"rewritten  {WEATHER}~2  1 line, beside the version that there was\n"
    )


def test_a_file_that_cannot_be_kept_fails_alone(cli: Cli, homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.importers.lines.MAX_MESSAGE_BYTES", 100)
    weather(homes).write_bytes(b"x" * 200)
    (homes / "claude" / "projects" / "-p").mkdir()
    (homes / "claude" / "projects" / "-p" / "s.jsonl").write_bytes(b"{}\n")
    result = cli("sync", "claude-code")
    assert result.exit_code == 1
    assert "over the limit" in result.stderr
    assert "new        claude-code/-p/s  1 line" in result.stdout


def test_links_and_other_files_are_passed_over(cli: Cli, homes: Path) -> None:
    weather(homes).with_name("link.jsonl").symlink_to(weather(homes))
    weather(homes).with_name("notes.txt").write_text("mine")
    assert cli.json("sync", "claude-code")[-1]["new"] == 3


def test_a_home_of_another_place_and_a_prefix(cli: Cli, homes: Path) -> None:
    report = cli.json("sync", "claude-code", "--home", homes / "claude", "--prefix", "mia/")
    assert {it["id"] for it in report[:-1]} >= {f"mia/{WEATHER}"}
    empty = cli("sync", "codex", "--home", homes / "nowhere")
    assert (empty.exit_code, "no session files" in empty.stderr) == (0, True)


def test_watching_brings_in_what_comes(cli: Cli, homes: Path) -> None:
    with cli.start("sync", "claude-code", "--watch", "--every", "0.1", "--json") as process:
        assert process.stdout is not None
        for _ in range(3):
            assert b'"outcome":"new"' in process.stdout.readline()
        with weather(homes).open("a") as file:
            file.write('{"type":"user"}\n')
        assert b'"outcome":"grew"' in process.stdout.readline()
        process.terminate()


def test_too_short_a_wait_is_refused(cli: Cli, homes: Path) -> None:
    assert cli("sync", "claude-code", "--watch", "--every", "0").exit_code == 2


def test_the_files_of_a_session_come_in_with_it_and_nothing_twice(cli: Cli, homes: Path) -> None:
    result = weather(homes).with_suffix("") / "tool-results" / "toolu_01.txt"
    result.parent.mkdir(parents=True)
    result.write_text("4 degrees")
    weather(homes).rename(homes / "away")
    assert cli.json("sync", "claude-code")[-1]["files"] == 0  # There is no session that they belong to.
    (homes / "away").rename(weather(homes))
    report = cli.json("sync", "claude-code")
    assert (report[-1]["new"], report[-1]["files"]) == (1, 1)
    assert cli.json("sync", "claude-code")[-1]["files"] == 0
    result.write_text("5 degrees")
    assert cli.ok("sync", "claude-code").splitlines() == [
        f"files      {WEATHER}  0 lines, 1 file",
        "3 unchanged; 0 lines, 1 file stored",
    ]
    shutil.rmtree(homes / "claude" / "projects")
    cli.ok("sync", "restore", WEATHER)
    assert result.read_text() == "5 degrees"
