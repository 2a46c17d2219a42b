"""`s3store export` of many sessions to a file, and `s3store export verify`."""

from __future__ import annotations

import json
import shlex
import signal
import time
from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore
from tests.longterm.glacier import Glacier

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


def test_an_export_and_its_check(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in range(3):
        store.create(f"s{number}", ["x", "y"], agent="a" if number else "b")
    assert cli.ok("export", "--agent", "a", "--format", "parquet", "--out", out).startswith(
        "2 sessions with 4 messages"
    )
    told = cli.ok("export", "verify", out)
    assert told == "2 sessions with 4 messages as they were written, in 2 files; 0 problems\n"
    data = min((out / "data").iterdir())
    data.unlink()
    result = cli("export", "verify", out)
    assert result.exit_code == 9
    assert result.stdout.startswith(f"missing  data/{data.name}: ")
    problem, summary = map(json.loads, cli("export", "verify", out, "--json").stdout.splitlines())
    assert (problem["kind"], summary["sessions"], summary["problems"]) == ("missing", 1, 1)


def test_filters_serve_one_file_each_as_well(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.create("a", ["x"], agent="a")
    store.create("b", ["x"], agent="b")
    cli.ok("export", "--agent", "b", "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.jsonl"]


def test_a_session_called_verify_is_exported(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.append("verify", "x")
    cli.ok("export", "verify", "--out", tmp_path / "out")
    assert (tmp_path / "out" / "verify.jsonl").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("s", "--format", "csv", "--out", "x"),
        ("--all", "--format", "csv", "--out", "-"),
        ("--all", "--format", "csv", "--out", "x", "--force"),
        ("--all", "--agent", "a", "--out", "x"),
        ("--all",),
        ("verify",),
    ],
)
def test_a_wrong_call_ends_with_2(cli: Cli, args: tuple[str, ...], tmp_path: Path) -> None:
    assert cli("export", *args).exit_code == 2
    assert not (tmp_path / "x").exists()


def test_a_folder_without_an_export_ends_with_2(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", "verify", tmp_path).exit_code == 2


@pytest.mark.long
def test_a_process_that_was_killed_is_followed_by_one_that_goes_on(
    cli: Cli, store: SessionStore, tmp_path: Path
) -> None:
    for number in range(60):
        store.extend(f"s{number}", ["x" * 100] * 50)
    out = tmp_path / "out"
    words = ("export", "--all", "--format", "jsonl.zst", "--out", out)
    process = cli.start(*words)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        if len(list(out.glob("manifest/*"))) >= 5:
            process.kill()
            process.wait()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert cli("export", "verify", out).exit_code == 9
    done, *_ = cli.json(*words)
    assert done["kept"] >= 5
    assert (done["partitions"], done["sessions"], done["records"]) == (256, 60, 3000)
    assert cli("export", "verify", out).exit_code == 0


def test_what_must_be_restored_first_is_said_with_the_command_that_does_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    objects = Glacier()
    for command in ("export", "restore"):
        monkeypatch.setattr(f"s3store.cli.cmd_{command}.open_store", lambda **_: SessionStore(objects))
    with SessionStore(objects) as store:
        for name in ("a b", "c"):
            store.create(name, ["x"], agent="of a kind", labels=["x"])
        (pack,) = store.pack(idle=0, storage_class="DEEP_ARCHIVE", id_prefix="a").packs
        store.cleanup(older_than=0)
    args = ("export", "--agent", "of a kind", "--label", "x", "--format", "jsonl.zst", "--out", tmp_path / "out")

    short = cli(*args)

    assert short.exit_code == 1
    assert short.stdout.startswith("1 session with 1 message")
    assert f"must be restored: {pack}" in short.stderr
    assert "1 session missing, in 1 pack" in short.stderr
    command = short.stderr.partition("`")[2].partition("`")[0]
    assert command == "s3store restore --follow --agent 'of a kind' --label x --place cold"
    assert json.loads(cli(*args, "--json").stdout)["missing"] == 1
    assert cli("export", "verify", tmp_path / "out").exit_code == 9
    assert "1 session cannot be read yet" in cli.ok(*shlex.split(command.replace(" --follow", ""))[1:])
    objects.thaw()
    assert cli.ok(*args).startswith("2 sessions with 2 messages")
    cli.ok("export", "verify", tmp_path / "out")
