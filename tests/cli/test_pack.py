"""`s3store pack` and `s3store unpack`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3store import SessionStore

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
