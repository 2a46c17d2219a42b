"""`s3store export`: what is written, where, and what is not written over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from s3store import keys

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli


def test_messages_and_records_as_lines(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.extend("s", [{"n": 2**70}, "ü", "\ud800"], keys=["k", None, None])
    told = cli.ok("export", "s", "--out", tmp_path / "out")
    assert told == f"1 session with 3 messages written to {tmp_path / 'out'}\n"
    lines = (tmp_path / "out" / "s.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [{"n": 2**70}, "ü", "\ud800"]
    cli.ok("export", "s", "--out", tmp_path / "out", "--format", "records")
    records = [json.loads(line) for line in (tmp_path / "out" / "s.records.jsonl").read_bytes().splitlines()]
    assert [(record["seq"], record["key"]) for record in records] == [(0, "k"), (1, None), (2, None)]


def test_files_are_private(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.append("s", "x")
    cli.ok("export", "--all", "--out", tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "out" / "s.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("session_id", ["../../up", "/etc/x", "..", ".", "", "a/b", "a\0b", "-x", "\n", "é" * 300])
def test_no_id_leads_out_of_the_folder(cli: Cli, store: SessionStore, tmp_path: Path, session_id: str) -> None:
    store.append(session_id, "x")
    before = set(tmp_path.rglob("*"))
    cli.ok("export", "--all", "--out", tmp_path / "out")
    new = set(tmp_path.rglob("*")) - before
    assert new == {tmp_path / "out", tmp_path / "out" / (keys.encode_id(session_id) + ".jsonl")}


def test_a_file_is_written_over_only_by_force(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.append("s", "new")
    there = tmp_path / "s.jsonl"
    there.write_text("old")
    result = cli("export", "s", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert there.read_text() == "old"
    cli.ok("export", "s", "--out", tmp_path, "--force")
    assert there.read_text() == '"new"\n'


def test_a_link_in_the_folder_leads_nowhere(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.append("s", "new")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "s.jsonl").symlink_to(elsewhere)
    assert cli("export", "s", "--out", tmp_path / "out").exit_code == 2
    cli.ok("export", "s", "--out", tmp_path / "out", "--force")
    assert elsewhere.read_text() == "mine"
    assert (tmp_path / "out" / "s.jsonl").read_text() == '"new"\n'


def test_one_unknown_of_many_fails_alone(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.append("a", "x")
    result = cli("export", "nobody", "a", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    failed, done, summary = map(json.loads, result.stdout.splitlines())
    assert failed["id"] == "nobody"
    assert "not found" in failed["error"]
    assert done == {"type": "session", "id": "a", "file": str(tmp_path / "out" / "a.jsonl"), "messages": 1}
    assert (summary["sessions"], summary["failed"]) == (1, 1)


def test_one_unknown_alone_ends_with_3_and_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", "nobody", "--out", tmp_path / "out").exit_code == 3
    assert list((tmp_path / "out").iterdir()) == []


def test_a_session_damaged_half_way_leaves_no_file(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    # Random enough to be sealed, so that the damage is met after the first lines were written.
    for part in range(3):
        store.extend("s", [f"{number * 0x9E3779B97F4A7C15**8:x}" for number in range(part * 4000, part * 4000 + 4000)])
    segment = max((tmp_path / "archive").rglob("transcript/*.zst"))
    segment.write_bytes(segment.read_bytes()[:-1])
    assert cli("export", "s", "--out", tmp_path / "out").exit_code == 7
    assert list((tmp_path / "out").iterdir()) == []


def test_to_the_output(cli: Cli, store: SessionStore) -> None:
    store.extend("s", ["x", "y"])
    assert cli.ok("export", "s", "--out", "-") == '"x"\n"y"\n'


@pytest.mark.parametrize(
    "args", [("--out", "-"), ("--all", "--out", "-"), ("a", "b", "--out", "-"), ("a", "--all", "--out", "x")]
)
def test_a_wrong_call_ends_with_2(cli: Cli, args: tuple[str, ...]) -> None:
    assert cli("export", *args).exit_code == 2


def test_raw_lines_come_out_byte_for_byte(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "chats" / "odd.jsonl"
    path.parent.mkdir()
    content = b'{"role":"user","content":"x"}\nno json\n\xff\xfe\n\n{"a":1,"a":2}\r\n{"role":"user","cont'
    path.write_bytes(content)
    cli.ok("import", path)
    cli.ok("export", "--all", "--out", tmp_path / "out")
    [written] = (tmp_path / "out").iterdir()
    assert written.read_bytes() == content


def test_a_document_that_went_on_in_the_archive_is_no_file_any_more(
    cli: Cli, store: SessionStore, tmp_path: Path
) -> None:
    path = tmp_path / "chats" / "talk.json"
    path.parent.mkdir()
    path.write_text('{"messages": [{"role": "user", "content": "x"}], "title": "T"}')
    cli.ok("import", path)
    [info] = store.scan()
    store.append(info.id, "more")
    assert cli("export", info.id, "--format", "source", "--out", tmp_path / "out").exit_code == 2
    cli.ok("export", info.id, "--out", tmp_path / "out")
