"""`s3store hold`, `retention`, `maintain` and `erase`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli


def test_holds_are_added_listed_and_removed(cli: Cli, store: SessionStore) -> None:
    store.create("a", [1], labels={"x"})
    store.create("b", [1], labels={"x"})
    store.create("c", [1])
    assert "held a: " in cli.ok("hold", "add", "--label", "x", "--reason", "case 7", "--who", "kim")
    listed = cli.json("hold", "ls")
    assert {(each["session"], each["reason"], each["who"]) for each in listed} == {
        ("a", "case 7", "kim"),
        ("b", "case 7", "kim"),
    }
    refused = cli("rm", "a", "--yes")
    assert refused.exit_code == 4
    assert "1 hold keeps it" in refused.stderr
    assert "case 7" not in refused.stderr
    assert cli("hold", "remove", "a", "--hold", "no such").exit_code == 3
    assert cli.ok("hold", "remove", "a", "b") == "1 hold taken off a\n1 hold taken off b\n"
    cli.ok("rm", "a", "--yes")


def test_a_hold_on_nothing_is_said(cli: Cli, store: SessionStore) -> None:
    store.create("a", [1])
    result = cli("hold", "add", "missing", "a", "--reason", "r")
    assert result.exit_code == 3
    assert store.info("a").holds
    assert cli("hold", "add", "--reason", "r").exit_code == 2
    assert cli("hold", "add", "a", "--label", "x", "--reason", "r").exit_code == 2


def test_rules_are_set_shown_and_taken_away(cli: Cli, store: SessionStore) -> None:
    store.create("a", [1])
    assert cli.ok("retention", "set", "age 7y -> delete", "--label", "x", "--who", "kim") == "set\n"
    assert cli.ok("retention", "set", "age 7y -> delete", "--label", "x") == "they are so already\n"
    (shown,) = cli.json("retention", "show", "--history")
    assert shown["policies"][0]["rules"] == "age 7y -> delete"
    assert len(shown["history"]) == 1
    assert cli.ok("retention", "show").startswith("label x\tage 7y -> delete\t")
    assert cli.ok("retention", "plan") == "no session is due\n"
    assert cli("retention", "rm").exit_code == 3
    assert cli.ok("retention", "rm", "--label", "x") == "removed\n"
    wrong = cli("retention", "set", "age 7y -> shred")
    assert wrong.exit_code == 2
    assert "at character 11: 'shred'" in wrong.stderr


def test_maintenance_says_what_it_did(cli: Cli, store: SessionStore) -> None:
    store.create("a", [1])
    assert cli.ok("maintain").endswith("done\n")
    (report,) = cli.json("maintain", "--budget", "10m,5000req")
    assert report["complete"]
    assert list(report["steps"]) == [
        "compact",
        "delete",
        "plan",
        "pack",
        "settle",
        "move",
        "erase",
        "cleanup",
        "verify",
    ]
    (report,) = cli.json("maintain", "--budget", "1req")
    assert not report["complete"]


@pytest.mark.parametrize("budget", ["soon", "0req", "-1m", ""])
def test_a_wrong_budget_is_refused(cli: Cli, budget: str) -> None:
    assert cli("maintain", "--budget", budget).exit_code == 2


def test_erasing_gives_a_receipt(cli: Cli, store: SessionStore, tmp_path: Path) -> None:
    store.create("a", [1], labels={"user=ada"})
    store.create("held", [1], labels={"user=ada"})
    store.hold("held", "case 7")
    file = tmp_path / "receipt.json"
    assert cli("erase", "--label", "user=ada").exit_code == 2
    assert cli("erase", "--yes").exit_code == 2
    assert store.count() == 2

    result = cli("erase", "--label", "user=ada", "--yes", "--receipt", file, "--ids")

    assert result.exit_code == 1
    receipt = json.loads(result.stdout)
    assert json.loads(file.read_text()) == receipt
    assert {each["id"]: each["outcome"] for each in receipt["sessions"]} == {"a": "erased", "held": "held"}
    assert "held: held" in result.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    cli.ok("hold", "remove", "held")
    assert cli("erase", "--label", "user=ada", "--yes", "--receipt", file).exit_code == 1
    assert store.exists("held"), "a receipt that cannot be written keeps all"
    assert json.loads(cli.ok("erase", "--label", "user=ada", "--yes"))["complete"]
