"""`s3store show`, `tail`, `stat`: in a pipe, as JSON, and with hostile content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli

HOSTILE = "a\x1b]0;owned\x07b\x1b[2J\x9b31mc\u202e[red]d[/red]\x08"


def calls() -> list[dict[str, Any]]:
    """A conversation with a tool call and a long result."""
    call = {"id": "1", "type": "function", "function": {"name": "list_files", "arguments": '{"path":"."}'}}
    return [
        {"role": "user", "content": "what is there?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "\n".join(f"file {number}" for number in range(30))},
        {"role": "assistant", "content": "Thirty files."},
    ]


def test_a_session_cannot_fake_a_line_or_drive_the_terminal(cli: Cli, store: SessionStore) -> None:
    store.create("evil\nb\t9", [{"role": HOSTILE, "content": HOSTILE}], name=f"{HOSTILE}\nx\ty", state=HOSTILE)
    [listed] = cli.ok("ls").splitlines()
    assert listed.count("\t") == 4
    for told in (listed, cli.ok("show", "evil\nb\t9"), cli.ok("stat", "evil\nb\t9"), cli.ok("tail", "evil\nb\t9")):
        assert not {"\x1b", "\x07", "\x08", "\x9b", "\u202e"} & set(told)
    assert "[red]d[/red]" in cli.ok("show", "evil\nb\t9")


def test_show_tells_roles_and_tools_apart_and_shortens_output(cli: Cli, store: SessionStore) -> None:
    store.create("s", calls(), name="Files", labels={"x"})
    told = cli.ok("show", "s")
    lines = told.splitlines()
    assert lines[:2] == ["s", "Files"]
    assert "labels x" in lines
    assert '  ▸ list_files {"path":"."}' in lines
    assert "  ◂ file 0" in lines
    assert "    file 9" in lines
    assert "file 10" not in told
    assert "--full" in told
    assert lines[-1] == "  Thirty files."
    assert "    file 29" in cli.ok("show", "s", "--full").splitlines()
    assert "\x1b" not in told


def test_show_leaves_tools_out(cli: Cli, store: SessionStore) -> None:
    store.create("s", calls())
    told = cli.ok("show", "s", "--no-tools")
    assert "list_files" not in told
    assert "file 0" not in told
    assert "Thirty files." in told


def test_show_and_tail_take_the_last(cli: Cli, store: SessionStore) -> None:
    store.create("s", calls())
    assert [record["seq"] for record in cli.json("show", "s", "--last", 2)] == [2, 3]
    assert [record["seq"] for record in cli.json("tail", "s", "-n", 1)] == [3]
    assert [record["seq"] for record in cli.json("tail", "s")] == [0, 1, 2, 3]


def test_json_comes_out_as_it_went_in(cli: Cli, store: SessionStore) -> None:
    messages = [{"n": 2**70, "x": 0.1, "t": "ü😀\u2028", "b": {"z": 1, "a": [None, True]}}, "\ud800", [], "\x1b"]
    store.extend("s", messages, keys=["k", None, None, None])
    assert [json.loads(line) for line in cli.ok("show", "s", "--raw").split("\n")[:-1]] == messages
    first = cli.json("show", "s")[0]
    assert (first["seq"], first["key"], first["message"]) == (0, "k", messages[0])
    assert first["at"].endswith("Z")
    assert list(first["message"]["b"]) == ["z", "a"]


def test_show_through_a_pager(cli: Cli, store: SessionStore) -> None:
    store.create("s", calls())
    assert "Thirty files." in cli.ok("show", "s", "--pager")


def test_json_and_raw_do_not_go_together(cli: Cli, store: SessionStore) -> None:
    store.append("s", "x")
    assert cli("show", "s", "--json", "--raw").exit_code == 2


def test_stat_tells_everything(cli: Cli, store: SessionStore) -> None:
    info = store.create("s", ["1"], name="N", agent="A", labels={"x"}, attributes={"score": 0.5, "in": {"a": [1]}})
    [found] = cli.json("stat", "s")
    assert (found["id"], found["version"], found["count"], found["size"]) == ("s", 1, 1, info.size)
    assert (found["incarnation"], found["name"], found["agent"], found["labels"]) == (info.incarnation, "N", "A", ["x"])
    assert found["attributes"] == {"score": 0.5, "in": {"a": [1]}}
    lines = [line.split(None, 1) for line in cli.ok("stat", "s").splitlines()]
    assert ["attributes.in.a", "[1]"] in lines
    assert ["attributes.score", "0.5"] in lines


@pytest.mark.parametrize("command", ["show", "tail", "stat"])
def test_an_unknown_session_ends_with_3(cli: Cli, command: str) -> None:
    result = cli(command, "nobody")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "s3store: session 'nobody': not found\n"


def test_a_damaged_session_ends_with_7(cli: Cli, store: SessionStore) -> None:
    from pathlib import Path
    from urllib.parse import urlsplit

    store.append("s", "a secret")
    [head] = Path(urlsplit(cli.url).path).rglob("transcript.jsonl.zst")
    head.write_bytes(head.read_bytes()[:-5])
    result = cli("show", "s")
    assert result.exit_code == 7
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


@pytest.mark.parametrize("words", [("ls",), ("show", "x"), ("stat", "x"), ("tail", "x"), ("rm", "x", "--yes")])
def test_a_mistyped_directory_is_no_empty_archive(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    missing = tmp_path / "no" / "archive"
    result = cli(*words, "--url", missing.as_uri())
    assert result.exit_code == 6
    assert "no such directory" in result.stderr
    assert not missing.parent.exists()
