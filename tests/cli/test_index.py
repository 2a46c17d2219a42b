"""`s3store index`: right, behind, damaged, and put right again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from s3store import IndexPolicy, SessionStore, errors, keys
from s3store.blocking import SessionIndex
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run
from tests.archives import keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3store.objects.base import ObjectStore

    from .conftest import Cli


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    """What the archive of the command line is made of."""
    store = DirectoryStore(str(tmp_path / "archive"))
    yield store
    run(store.close())


@pytest.fixture
def store(cli: Cli) -> Iterator[SessionStore]:
    """The archive, opened by somebody who leaves compaction to others."""
    with SessionStore(cli.url, index=IndexPolicy(compact_after=None)) as opened:
        yield opened


@pytest.fixture
def written(cli: Cli) -> None:
    """Sessions a to d, by somebody who has closed the archive since: the log has what is needed, and no more."""
    with SessionStore(cli.url) as writer:
        for session_id in "abcd":
            writer.create(session_id, ["1"])


@pytest.fixture
def merged(cli: Cli, written: None) -> None:
    """Sessions a to d, all on a page."""
    cli.ok("index", "compact")


def forget_log(objects: ObjectStore) -> None:
    for key in keys_of(objects, keys.INDEX_LOG):
        run(objects.delete(key))


def damage(objects: ObjectStore, key: str) -> None:
    body = run(objects.get(key)).body
    run(objects.put(key, body[:-1] + bytes([body[-1] ^ 1])))


def verify(cli: Cli, *args: str) -> tuple[int, list[Any]]:
    result = cli("index", "verify", "--json", *args)
    assert not result.stderr
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def listed(cli: Cli) -> list[str]:
    return cli.ok("ls", "--columns", "id,version").splitlines()


@pytest.mark.usefixtures("written")
def test_status_and_compaction(cli: Cli) -> None:
    assert cli.json("index", "status") == [
        {"log": 4, "unconfirmed": 0, "pages": 0, "entries": 0, "bytes": 0, "runs": {}, "version": 0}
    ]
    assert cli.json("index", "compact") == [{"compacted": True, "merged": 4, "waiting": 0, "written": 4, "replaced": 0}]
    assert cli.json("index", "compact") == [{"compacted": False}]
    [status] = cli.json("index", "status")
    assert (status["log"], status["pages"], status["entries"], status["runs"]) == (0, 1, 4, {"0": 1})
    assert dict(line.split("\t") for line in cli.ok("index", "status").splitlines()) == {
        "log": "0",
        "unconfirmed": "0",
        "pages": "1",
        "entries": "4",
        "bytes": str(status["bytes"]),
        "runs": "1",
        "version": str(status["version"]),
    }


@pytest.mark.usefixtures("merged")
def test_all_pages_become_one_run(cli: Cli, store: SessionStore) -> None:
    store.append("a", "2")
    assert cli.ok("index", "compact") == "1 of the log merged; the new pages hold 1\n"
    assert cli.json("index", "status")[0]["runs"] == {"0": 2}
    assert cli.ok("index", "compact", "--all") == "0 of the log and 2 pages merged; the new pages hold 4\n"
    assert cli.ok("index", "compact", "--all") == "nothing to merge\n"
    assert listed(cli)[0] == "a\t2"


def test_an_empty_archive_has_an_index_too(cli: Cli) -> None:
    assert cli.ok("index", "verify") == "0 sessions compared; the index is right\n"
    assert cli.ok("index", "compact") == "nothing to merge\n"
    assert cli.ok("index", "rebuild") == "the index is made anew; it has 0 sessions\n"


@pytest.mark.usefixtures("merged")
def test_an_index_that_is_right(cli: Cli) -> None:
    assert cli.ok("index", "verify") == "4 sessions compared; the index is right\n"
    summary = {"type": "summary", "sessions": 4, "right": True, "fixed": False, "differences": 0, "unreadable": 0}
    assert verify(cli) == (0, [summary])
    assert verify(cli, "--fix") == (0, [summary])


@pytest.mark.usefixtures("merged")
def test_each_difference_is_told_and_mended(cli: Cli, store: SessionStore, objects: ObjectStore) -> None:
    store.append("a", "2")
    store.create("new")
    forget_log(objects)
    run(objects.delete(keys.transcript_head("b")))

    code, [*found, summary] = verify(cli)
    assert code == 9
    assert found == [
        {"type": "difference", "id": "a", "fault": "behind", "indexed": 1, "stored": 2},
        {"type": "difference", "id": "b", "fault": "gone", "indexed": 1, "stored": None},
        {"type": "difference", "id": "new", "fault": "missing", "indexed": None, "stored": 1},
    ]
    assert (summary["right"], summary["fixed"], summary["differences"]) == (False, False, 3)

    result = cli("index", "verify")
    assert result.exit_code == 9
    *lines, verdict = result.stdout.splitlines()
    assert [line.split("\t")[:4] for line in lines] == [
        ["behind", "a", "1", "2"],
        ["gone", "b", "1", ""],
        ["missing", "new", "", "1"],
    ]
    assert "there is no such session" in lines[1]
    assert verdict == "4 sessions compared; 3 differences, which --fix mends"

    code, [*found, summary] = verify(cli, "--fix")
    assert (code, len(found), summary["right"], summary["fixed"]) == (0, 3, False, True)
    assert verify(cli)[0] == 0
    assert sorted(listed(cli)) == ["a\t2", "c\t1", "d\t1", "new\t1"]


@pytest.mark.usefixtures("merged")
def test_what_is_ahead_of_the_truth_is_made_anew(cli: Cli, store: SessionStore, objects: ObjectStore) -> None:
    head = keys.transcript_head("a")
    old = run(objects.get(head)).body
    store.append("a", "2")
    cli.ok("index", "compact")
    run(objects.put(head, old))
    result = cli("index", "verify", "--fix")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("ahead\ta\t2\t1\t")
    assert result.stdout.endswith("4 sessions compared; 1 difference, mended\n")
    assert verify(cli)[0] == 0


@pytest.mark.usefixtures("merged")
@pytest.mark.parametrize("what", ["manifest", "page", "missing page", "stray"])
def test_a_damaged_index_says_so_and_what_to_do(cli: Cli, objects: ObjectStore, what: str) -> None:
    [page] = keys_of(objects, keys.INDEX_PAGES)
    if what == "missing page":
        run(objects.delete(page))
    elif what == "stray":
        run(objects.put(f"{keys.INDEX_LOG}nonsense", b""))
    else:
        damage(objects, keys.MANIFEST if what == "manifest" else page)

    filtered = [] if "page" in what else [["ls", "--agent", "x"], ["ls", "--running"]]  # these need no page here
    for words in (["ls"], ["ls", "--json"], *filtered):
        result = cli(*words)
        assert (result.exit_code, result.stdout) == (7, "")
        assert "`s3store index rebuild`" in result.stderr
    result = cli("index", "verify")
    assert result.exit_code == 9
    assert "`s3store index rebuild`" in result.stdout
    code, [told, summary] = verify(cli)
    assert (code, told["type"], summary["right"], summary["sessions"]) == (9, "damaged_index", False, 4)

    assert cli.ok("index", "rebuild") == "the index is made anew; it has 4 sessions\n"
    assert sorted(listed(cli)) == ["a\t1", "b\t1", "c\t1", "d\t1"]
    assert verify(cli)[0] == 0


@pytest.mark.usefixtures("merged")
def test_a_damaged_manifest_is_mended_by_fix_and_told_by_status(cli: Cli, objects: ObjectStore) -> None:
    damage(objects, keys.MANIFEST)
    result = cli("index", "status")
    assert (result.exit_code, result.stdout) == (7, "")
    assert "`s3store index rebuild`" in result.stderr
    assert cli.ok("index", "verify", "--fix").endswith("; that was done\n")
    assert verify(cli)[0] == 0


@pytest.mark.usefixtures("merged")
def test_sessions_that_cannot_be_read_are_told(cli: Cli, store: SessionStore, objects: ObjectStore) -> None:
    store.delete("d")
    head = keys.transcript_head("a")
    damage(objects, head)
    for words in (["index", "verify"], ["index", "verify", "--fix"]):
        result = cli(*words)
        assert result.exit_code == 7
        assert head in result.stderr
    code, [told, summary] = verify(cli)
    assert (code, told["type"], summary["right"], summary["unreadable"]) == (7, "unreadable", True, 1)
    result = cli("index", "rebuild")
    assert (result.exit_code, result.stdout) == (7, "the index is made anew; it has 2 sessions, and 1 deleted\n")
    assert head in result.stderr
    assert sorted(listed(cli)) == ["b\t1", "c\t1"]


@pytest.mark.usefixtures("merged")
def test_an_unknown_outcome_says_that_a_repeat_is_safe(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise errors.OutcomeUnknown("index/manifest.json: no answer", session_id="", commit_id="c")

    monkeypatch.setattr(SessionIndex, "compact", lost)
    result = cli("index", "compact")
    assert result.exit_code == 8
    assert result.stderr == "s3store: index/manifest.json: no answer; do it again, that is safe\n"


@pytest.mark.usefixtures("written")
def test_options_of_the_archive_may_stand_anywhere(cli: Cli) -> None:
    del cli.env["S3STORE_URL"]
    for words in (["--url", cli.url, "index", "status"], ["index", "--url", cli.url, "status"]):
        assert cli.ok(*words).startswith("log\t4\n")
    assert cli.ok("index", "status", "--url", cli.url).startswith("log\t4\n")


def test_a_directory_that_is_not_there_is_no_empty_archive(cli: Cli, tmp_path: Path) -> None:
    for command in ("status", "compact", "verify", "rebuild"):
        assert cli("index", command, "--url", (tmp_path / "typo").as_uri()).exit_code == 6
    assert not (tmp_path / "typo").exists()
