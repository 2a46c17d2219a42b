"""`s3store pack` and `s3store unpack`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3store import SessionStore
from tests.longterm.glacier import Glacier

if TYPE_CHECKING:
    import pytest

    from .conftest import Cli


def test_idle_sessions_are_packed_and_brought_back(cli: Cli, store: SessionStore) -> None:
    for number in range(3):
        store.append(f"s{number}", {"n": number}, key="k")
    assert cli.ok("pack") == "nothing to pack\n"
    assert cli.ok("pack", "--idle", "0s", "--dry-run").startswith("would pack 3 sessions with 3 messages")
    assert cli.ok("pack", "--idle", "0s", "--prefix", "s0").startswith("packed 1 session with 1 message into 1 file:")
    (report,) = cli.json("pack", "--idle", "0s")
    assert (report["sessions"], report["left"], len(report["packs"])) == (2, {"packed": 1}, 1)
    (cleaned,) = cli.json("cleanup", "--older-than", "0s")
    assert cleaned["thinned"] == 3
    assert {line["id"] for line in cli.json("ls", "--place", "cold")} == {"s0", "s1", "s2"}
    assert cli.ok("unpack", "s1", "s1") == "unpacked s1\nnot packed: s1\n"
    assert store.load("s1").messages == [{"n": 1}]


def test_what_cannot_be_packed_or_unpacked_is_said(cli: Cli, store: SessionStore) -> None:
    assert cli("unpack", "nobody").exit_code == 3
    assert cli("pack", "--place", "cold").exit_code == 2
    assert cli("pack", "--size", "0").exit_code == 2


def test_a_class_that_the_store_lacks_is_refused(cli: Cli, store: SessionStore) -> None:
    store.append("a", "x")
    refused = cli("pack", "--idle", "0s", "--class", "glacier")
    assert refused.exit_code == 6
    assert "no storage class GLACIER" in refused.stderr
    assert cli("pack", "--class", "COLD").exit_code == 2
    assert cli.ok("restore", "a") == "readable: a\n"
    assert cli("restore").exit_code == 2
    assert cli("restore", "nobody").exit_code == 3


def test_packs_are_restored_and_money_and_time_are_said_before(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Glacier()
    for command in ("pack", "cleanup", "restore", "show"):
        monkeypatch.setattr(f"s3store.cli.cmd_{command}.open_store", lambda **_: SessionStore(objects))
    with SessionStore(objects) as store:
        store.append("a", "x")
    cli.ok("pack", "--idle", "0s", "--class", "GLACIER")
    assert "1 pack moved to another storage class" in cli.ok("cleanup", "--older-than", "0s")
    assert cli("show", "a").exit_code == 5
    foreseen = cli("restore", "a", "--dry-run", "--tier", "standard")
    assert "1 pack of" in foreseen.stderr
    assert "within 5 h as a rule (AWS" in foreseen.stderr
    assert "1 session cannot be read yet; packs: 1 not asked for, 0 on their way" in foreseen.stdout
    (report,) = cli.json("restore", "a", "--days", "3")
    assert (report["packs"][0]["status"], report["waiting"], report["cost"]["requests"]) == ("restoring", ["a"], 1)
    assert [(days, tier) for _, days, tier in objects.asked] == [(3, "bulk")]
    objects.thaw()
    assert cli.ok("restore", "a", "--follow").endswith("readable: a\n")
    assert len(objects.asked) == 1


def test_sessions_are_unpacked_by_filter(cli: Cli, store: SessionStore) -> None:
    for agent in ("a", "b"):
        store.create(agent, ["x"], agent=agent)
    cli.ok("pack", "--idle", "0s")
    cli.ok("cleanup", "--older-than", "0s")
    assert cli.ok("unpack", "--agent", "a", "--dry-run").startswith("would unpack 1 session with 1 message, which")
    assert cli.ok("unpack", "--agent", "a").startswith("unpacked 1 session with 1 message, ")
    (report,) = cli.json("unpack", "--idle", "0s")
    assert (report["sessions"], report["left"], report["failures"]) == (1, {}, [])
    assert not cli.json("ls", "--place", "cold")
    for wrong in ((), ("a", "--agent", "a"), ("a", "--dry-run"), ("--place", "cold")):
        assert cli("unpack", *wrong).exit_code == 2
