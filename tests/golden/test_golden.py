"""The archives of every version that ever was: each opens, reads as it did, and goes on."""

from __future__ import annotations

import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from s3store import SessionStore
from s3store.objects.base import all_keys
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.golden.make import FOLDER, SEALED, contents, digests

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = sorted(path.name for path in FOLDER.iterdir() if (path / "digests.txt").exists())


@pytest.fixture(params=VERSIONS)
def golden(request: pytest.FixtureRequest) -> Path:
    return FOLDER / str(request.param)


@pytest.fixture(params=["directory", "memory"])
def location(request: pytest.FixtureRequest, golden: Path, tmp_path: Path) -> str | MemoryStore:
    """The archive of a version, in a directory or put into a store object by object."""
    copy = shutil.copytree(golden / "archive", tmp_path / "archive")
    if request.param == "directory":
        return copy.as_uri()
    files, objects = DirectoryStore(copy), MemoryStore()
    for key in run(all_keys(files, "")):
        run(objects.put(key, run(files.get(key)).body))
    return objects


def expected(golden: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((golden / "expected.json").read_text(encoding="utf-8"))
    return found


def test_there_is_a_golden_archive() -> None:
    assert "0.1.0" in VERSIONS


def test_its_bytes_are_those_that_the_version_wrote(golden: Path) -> None:
    assert digests(golden / "archive") == (golden / "digests.txt").read_text()


def test_it_holds_one_of_everything(golden: Path) -> None:
    names = " ".join(line.split("  ")[1] for line in (golden / "digests.txt").read_text().splitlines())
    for part in (
        "archive.json", "/transcript.jsonl.zst", "/transcript/", "/traces.jsonl.zst", "/runs.jsonl.zst",
        "/verification.jsonl.zst", "/artifacts.jsonl.zst", "/artifacts/", "inbox", "/~", "index/log/", "index/pages/",
        "index/manifest.json",
    ):  # fmt: skip
        assert part in names, part


def test_it_reads_as_it_did(golden: Path, location: str | MemoryStore) -> None:
    with SessionStore(location) as store:
        assert json.loads(json.dumps(contents(store))) == expected(golden)


def test_its_index_says_what_the_heads_say(location: str | MemoryStore) -> None:
    with SessionStore(location) as store:
        assert store.index.verify().right


def test_it_goes_on(golden: Path, location: str | MemoryStore) -> None:
    before = expected(golden)["sessions"][SEALED]
    with SessionStore(location) as store:
        # A key that an older version stored is still known.
        store.append(SEALED, "again", key="k0")
        store.append(SEALED, "more", key="new")
        store.append("gone", "alive once more")
        store.artifacts("whole").put("report.md", "# Another\n")
        store.traces("whole").append({"kind": "llm"})
        message = store.inbox("plain").receive()
        assert message is not None
        message.done()
        store.index.compact(everything=True)
    with SessionStore(location) as store:
        found = store.load(SEALED)
        assert found.messages == [message for _, _, message in before["records"]] + ["more"]
        assert found.info.incarnation == before["incarnation"]
        assert store.load("gone").messages == ["alive once more"]
        assert store.artifacts("whole").get("report.md").data == b"# Another\n"
        assert len(store.traces("whole").load() or ()) == 2
        assert store.inbox("plain").receive() is None
        assert {each.id for each in store.list()} == {*expected(golden)["sessions"], "gone"}
        assert store.index.verify().right


def test_a_transcript_of_it_is_read_by_zstd_alone(golden: Path) -> None:
    sessions = golden / "archive" / "sessions"
    parts = [path for path in sessions.rglob("*.zst") if "/long" in path.relative_to(sessions).as_posix()]
    # Segments first: their names begin with the number of their first record.
    ordered = sorted(parts, key=lambda path: (path.name == "transcript.jsonl.zst", path.name))
    whole = io.BytesIO(b"".join(path.read_bytes() for path in ordered))
    with zstandard.ZstdDecompressor().stream_reader(whole, read_across_frames=True) as reader:
        lines = [json.loads(line) for line in reader.read().splitlines()]

    assert [line["message"] for line in lines] == [
        message for _, _, message in expected(golden)["sessions"][SEALED]["records"]
    ]
    assert len(parts) > 1
