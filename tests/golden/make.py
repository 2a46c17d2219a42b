"""Makes the golden archive of this version: `python -m tests.golden.make`, once for each release.

What it holds is made up, and small: every kind of stream, sealed parts and open tails, a tombstone, pages of the index
and entries of its log. Beside it stand what must be read from it (`expected.json`) and the hash of every file
(`digests.txt`), so that neither changes unnoticed. An archive that is there already is never made anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from s3store import NewArtifact, SessionStore, __version__
from s3store.archive import Archive
from s3store.streams.draft import Sizes

FOLDER = Path(__file__).parent
SEALED = "long: sealed, ünïcode and / slashes"
ODD = [
    {"role": "user", "content": "Zeit für ✨", "order": {"z": 1, "a": 2}},
    {"role": "assistant", "content": [{"type": "text", "text": ""}], "big": 2**70, "small": -1.5e-7, "none": None},
    ["an", "array", [], {}],
    "\u2028 text",
    12345678901234567890123,
]


def digests(folder: Path) -> str:
    """Return the hash and the path of each file below a folder, as `sha256sum` writes them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)


def fill(store: SessionStore) -> None:
    """Write one of everything."""
    store.save("plain", ODD, name="Plain", agent="coder", labels=["golden", "first"])
    for number in range(5):
        store.append(SEALED, {"n": number, "text": "words " * 40}, key=f"k{number}")
    store.update(SEALED, name="Sealed")
    store.save_all(
        "whole",
        ["one", {"two": 2}],
        artifacts=[NewArtifact("report.md", "# Report\n"), NewArtifact("data.bin", bytes(range(256)) * 80)],
        traces=[{"kind": "tool_execution", "name": "bash"}],
        runs=[{"snapshot": {"id": "run-1"}, "events": []}],
        verification=[],
        name="Whole",
    )
    store.traces("only siblings").append({"kind": "llm", "name": "no transcript"})
    store.save("gone", ["deleted"])
    store.delete("gone")
    store.create("empty", agent="idle")
    store.append("x" * 300, "an id too long for a key")
    inbox = store.inbox("plain")
    inbox.send({"ask": 1})
    inbox.send({"ask": 2})
    if (message := inbox.receive()) is not None:
        message.done()
    store.index.compact()
    store.append("late", "told by the log alone")
    store.append("plain", "after the compaction")


def contents(store: SessionStore) -> dict[str, Any]:
    """Return all that is read from an archive, as JSON."""
    return {
        "sessions": {summary.id: _session(store, summary.id) for summary in store.list(order="oldest")},
        "only siblings": store.traces("only siblings").load(),
        "waiting": store.inbox("plain").status().waiting,
        "gone": store.exists("gone"),
    }


def _session(store: SessionStore, session_id: str) -> dict[str, Any]:
    found = store.load_all(session_id)
    assert found.transcript is not None
    info = found.transcript.info
    return {
        "records": [[record.seq, record.key, record.message] for record in found.transcript.records],
        "version": info.version,
        "incarnation": info.incarnation,
        "created_at": info.created_at.isoformat(),
        "updated_at": info.updated_at.isoformat(),
        "name": info.metadata.name,
        "agent": info.metadata.agent,
        "artifacts": None
        if found.artifacts is None
        else {each.name: hashlib.sha256(each.data).hexdigest() for each in found.artifacts},
        "traces": found.traces,
        "runs": found.runs,
        "verification": found.verification,
    }


def make(folder: Path) -> None:
    """Make the archive in a folder that is not there yet."""
    folder.mkdir()
    location = (folder / "archive").resolve().as_uri()
    small_parts = partial(Archive, sizes=Sizes(seal=400, chunk=600))
    with mock.patch("s3store.blocking.Archive", small_parts), SessionStore(location) as store:
        fill(store)
    with SessionStore(location) as store:
        expected = json.dumps(contents(store), indent=1, ensure_ascii=False)
    shutil.rmtree(folder / "archive" / ".s3store")  # Locks: they are of this machine, and nothing of an archive.
    (folder / "expected.json").write_text(expected + "\n", encoding="utf-8")
    (folder / "digests.txt").write_text(digests(folder / "archive"))


if __name__ == "__main__":
    target = FOLDER / __version__
    if target.exists():
        sys.exit(f"{target} is there already: what a version has written stays as it is")
    make(target)
