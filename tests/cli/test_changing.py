"""`s3store append`, `set`, `rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli


def test_append_takes_json_text_or_a_file(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"n": 1}\n\n[2]\n')
    cli.ok("append", "s", '{"big": 123456789012345678901234567890}')
    cli.ok("append", "s", "--role", "assistant", "--text", "hi")
    cli.ok("append", "s", "--text", "hello")
    cli.ok("append", "s", "--file", lines)
    cli.ok("append", "s", "--file", "-", stdin='"from the input"\n')
    assert store.load("s").messages == [
        {"big": 123456789012345678901234567890},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "hello"},
        {"n": 1},
        [2],
        "from the input",
    ]


def test_append_with_a_key_happens_once(cli: Cli, store: SessionStore) -> None:
    assert cli.ok("append", "s", "--text", "x", "--key", "k") == "1 message added; 1 now, version 1\n"
    assert cli.ok("append", "s", "--text", "x", "--key", "k").startswith("nothing added")
    assert cli.json("append", "s", "--text", "x", "--key", "k")[0]["appended"] == 0
    assert store.info("s").count == 1


def test_append_need_not_create(cli: Cli, store: SessionStore) -> None:
    assert cli("append", "s", "--text", "x", "--must-exist").exit_code == 3
    assert not store.exists("s")


def test_lines_are_added_all_or_none(cli: Cli, store: SessionStore) -> None:
    result = cli("append", "s", "--file", "-", stdin='"good"\nsecret, no json\n')
    assert result.exit_code == 2
    assert "line 2 is no JSON" in result.stderr
    assert "secret" not in result.output
    assert not store.exists("s")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("1", "--text", "x"),
        ("--file", "-", "--text", "x"),
        ("--file", "-", "--key", "k"),
        ("1", "--role", "user"),
        ("NaN",),
        ("{",),
    ],
)
def test_a_wrong_append_ends_with_2(cli: Cli, store: SessionStore, args: tuple[str, ...]) -> None:
    assert cli("append", "s", *args).exit_code == 2
    assert not store.exists("s")


def test_set_changes_what_is_named_and_nothing_else(cli: Cli, store: SessionStore) -> None:
    store.create("s", ["x"], name="N", agent="A", labels={"a", "b"}, attributes={"keep": 1, "drop": 2})
    cli.ok("set", "s", "--state", "idle", "--agent", "", "--label", "c", "--remove-label", "a")
    cli.ok("set", "s", "--attribute", "new=[1]", "--attribute", "drop=null")
    found = store.info("s").metadata
    assert (found.name, found.agent, found.state, found.labels) == ("N", None, "idle", frozenset({"b", "c"}))
    assert found.attributes == {"keep": 1, "new": [1]}
    assert store.load("s").messages == ["x"]


def test_set_refuses_what_makes_no_sense(cli: Cli, store: SessionStore) -> None:
    store.create("s")
    assert cli("set", "s").exit_code == 2
    assert cli("set", "s", "--attribute", "x").exit_code == 2
    assert cli("set", "s", "--attribute", "x={").exit_code == 2
    assert cli("set", "nobody", "--state", "idle").exit_code == 3


def test_rm_needs_yes_where_nobody_can_be_asked(cli: Cli, store: SessionStore) -> None:
    store.append("s", "x")
    result = cli("rm", "s")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert store.exists("s")


def test_rm_deletes_the_known_and_tells_the_unknown(cli: Cli, store: SessionStore) -> None:
    store.append("a", "x")
    store.append("b", "x")
    result = cli("rm", "a", "nobody", "b", "--yes")
    assert (result.exit_code, result.stdout) == (3, "deleted a\ndeleted b\n")
    assert "nobody" in result.stderr
    assert list(store.scan()) == []


def test_rm_as_json(cli: Cli, store: SessionStore) -> None:
    store.append("a", "x")
    assert cli.json("rm", "a", "-y") == [{"id": "a", "deleted": True}]
