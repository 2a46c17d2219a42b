"""`s3store cleanup`, and `s3store rm` with its proofs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from s3store.keys import StreamKeys, segment_name
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run

if TYPE_CHECKING:
    from s3store import SessionStore

    from .conftest import Cli

ORPHAN = StreamKeys.of("s", "traces").segment(segment_name(0, "01m7wfy0frb4sa6wnn7wrgjxmk"))


def leave_behind(cli: Cli, key: str = ORPHAN, body: bytes = b"orphan") -> None:
    run(DirectoryStore(Path(cli.url.removeprefix("file://"))).put(key, body))


def test_a_dry_run_says_what_would_go(cli: Cli, store: SessionStore) -> None:
    store.append("s", 1)
    leave_behind(cli)
    expected = "would remove segments that no session names: 1\n1 session looked at; 6 B would be freed\n"
    assert cli.ok("cleanup", "--dry-run", "--older-than", "0s") == expected
    assert cli.ok("cleanup").startswith("left 1: too young")


def test_clean_up_removes_what_nothing_names(cli: Cli, store: SessionStore) -> None:
    store.append("s", 1)
    leave_behind(cli)
    assert cli.json("cleanup", "--older-than", "0s") == [
        {
            "dry_run": False,
            "sessions": 1,
            "thinned": 0,
            "moved": 0,
            "erased": 0,
            "removed": {"segment": 1},
            "bytes": 6,
            "left": {},
            "failures": [],
        }
    ]
    assert cli.ok("cleanup", "--older-than", "0s") == "1 session looked at; nothing to remove\n"
    assert store.load("s").messages == [1]


def test_what_could_not_be_removed_is_said(cli: Cli, store: SessionStore) -> None:
    store.append("s", 1)
    leave_behind(cli)
    leave_behind(cli, StreamKeys.of("s", "traces").head, b"damaged")
    result = cli("cleanup", "--older-than", "0s")
    assert result.exit_code == 1
    assert "left 1: what may name them is damaged" in result.stdout
    assert "traces.jsonl.zst" in result.stderr


def test_a_wrong_age_is_refused(cli: Cli) -> None:
    assert cli("cleanup", "--older-than", "yesterday").exit_code == 2


def test_rm_proves_that_nothing_is_left(cli: Cli, store: SessionStore) -> None:
    store.append("s", 1)
    store.traces("s").append({"n": 1})
    output = cli.ok("rm", "s", "--yes", "--verify", "--versions")
    assert "removed 0 earlier versions of s" in output
    assert output.endswith("nothing is left of s but 2 tombstones\n")
    assert output.count("tombstone\tsessions/") == 2


def test_rm_lists_what_is_left(cli: Cli, store: SessionStore) -> None:
    store.append("s", 1)
    store.delete("s")
    store.traces("s").append({"n": 1})
    store.append("t", 1)
    deleted, left = cli.json("rm", "t", "--yes", "--verify")
    assert deleted == {"id": "t", "deleted": True}
    assert left["erased"] is True
    assert [remnant["kind"] for remnant in left["left"]] == ["tombstone"]
