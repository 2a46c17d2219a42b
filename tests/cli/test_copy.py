"""`s3store copy`."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


@pytest.fixture
def far(tmp_path: Path) -> str:
    """The URL of a directory that no copy has made yet."""
    return (tmp_path / "far").as_uri()


def test_a_directory_becomes_an_archive_of_its_own(cli: Cli, store: SessionStore, far: str) -> None:
    store.create("a", ["x", "y"], agent="one")
    store.create("b", ["x"], agent="two")
    assert cli.ok("copy", cli.url, far, "--agent", "one") == "new        a  2 records\n1 new; 2 records copied\n"
    assert cli.ok("copy", cli.url, far) == "new        b  1 record\n1 new, 1 unchanged; 1 record copied\n"
    assert cli.ok("--url", far, "ls", "--json") != ""
    with SessionStore(far) as copied:
        assert copied.load("a").lines == store.load("a").lines
        assert copied.index.verify().differences == ()


def test_what_is_refused_is_said_and_ends_with_1(cli: Cli, store: SessionStore, far: str) -> None:
    store.append("s", "x")
    cli.ok("copy", cli.url, far)
    with SessionStore(far) as there:
        there.append("s", "of its own")
    store.append("s", "y")
    result = cli("copy", cli.url, far)
    assert result.exit_code == 1
    assert result.stderr.startswith("refused    s: ")
    assert result.stdout == "1 refused; 0 records copied\n"
    told, summary = cli.json("copy", cli.url, far, "--replace")
    assert told == {"type": "session", "id": "s", "outcome": "rewritten", "records": 1}
    assert (summary["rewritten"], summary["refused"], summary["records"]) == (1, 0, 1)


def test_a_mistyped_source_is_no_empty_archive(cli: Cli, far: str, tmp_path: Path) -> None:
    assert cli("copy", far, cli.url).exit_code == 6
    assert cli("copy", cli.url, "ftp://x").exit_code == 2
    assert cli("copy", cli.url).exit_code == 2
    assert cli("--offline", "copy", cli.url, far).exit_code == 2
    assert not (tmp_path / "far").exists()


def test_nothing_to_copy_is_no_failure(cli: Cli, far: str) -> None:
    assert cli.ok("copy", cli.url, far) == "no sessions; 0 records copied\n"


@pytest.mark.long
def test_a_process_that_was_killed_is_followed_by_one_that_goes_on(
    cli: Cli, store: SessionStore, far: str, tmp_path: Path
) -> None:
    for number in range(200):
        store.extend(f"s{number}", ["x" * 100] * 50)
    process = cli.start("copy", cli.url, far)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        if len(list((tmp_path / "far").glob("sessions/*/*"))) >= 20:
            process.kill()
            process.wait()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    *_, summary = cli.json("copy", cli.url, far)
    assert summary["unchanged"] > 0
    assert summary["new"] + summary["unchanged"] == 200
    with SessionStore(far) as copied:
        assert all(copied.load(f"s{number}").lines == store.load(f"s{number}").lines for number in range(200))
        assert copied.index.verify().differences == ()
