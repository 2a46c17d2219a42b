"""What anybody may have written who may write to the archive, handed to each decoder by way of the public face.

An input is one byte that says how it is stored, and the bytes: as they are, or as the data behind a header that is
right, or as a header that is signed as a writer would; else no input would ever get past the hash of the header.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from s3store import IndexPolicy, S3StoreError, SessionStore
from s3store.keys import TRANSCRIPT, StreamKeys, log_key
from s3store.objects.base import all_keys
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.golden.make import FOLDER, SEALED

from .test_decoders import hashed, taken_apart

if TYPE_CHECKING:
    from collections.abc import Callable

_QUIET = IndexPolicy(compact_after=None)
_LOG = "index/log/"


@cache
def archive() -> dict[str, bytes]:
    """Return the objects of the newest golden archive."""
    newest = max(path for path in FOLDER.iterdir() if (path / "digests.txt").exists())
    files = DirectoryStore(newest / "archive")
    return {key: run(files.get(key)).body for key in run(all_keys(files, ""))}


def _first(part: str) -> str:
    return next(key for key in sorted(archive()) if part in key)


TARGETS: dict[str, Callable[[], str]] = {
    "head": lambda: StreamKeys.of(SEALED, TRANSCRIPT).head,
    "segment": lambda: _first("slashes/transcript/"),
    "traces": lambda: _first("/whole/traces.jsonl.zst"),
    "runs": lambda: _first("/whole/runs.jsonl.zst"),
    "verification": lambda: _first("/whole/verification.jsonl.zst"),
    "artifacts": lambda: _first("/whole/artifacts.jsonl.zst"),
    "inbox": lambda: _first("/plain/inbox.jsonl.zst"),
    "tombstone": lambda: _first("/gone/transcript.jsonl.zst"),
    "page": lambda: _first("index/pages/"),
    "manifest": lambda: "index/manifest.json",
    "archive": lambda: "archive.json",
    "log": lambda: _LOG,
}
"""What is fuzzed, by name, and the key of the object that takes the input."""

_CALLS: tuple[Callable[[SessionStore], object], ...] = (
    lambda store: store.load(SEALED),
    lambda store: store.last(SEALED, 2),
    lambda store: store.load_all("whole"),
    lambda store: store.traces("whole").otlp(),
    lambda store: store.inbox("plain").receive(),
    lambda store: store.exists("gone"),
    lambda store: list(store.list()),
    lambda store: store.count(state="idle"),
    lambda store: store.append(SEALED, "x", key="k1"),
    lambda store: store.artifacts("whole").put("report.md", "# Another"),
)


def give(target: str, data: bytes) -> int:
    """Store an input where the target is read, and make every call; return how many were answered with an error.

    Anything but an error of ours comes through.
    """
    objects = dict(archive())
    if target == "log":
        text = data[1:].decode("utf-8", "replace").replace("/", "").replace("\0", "")[:900]
        objects[log_key("7zzzzzzzzzzzzzzzzzzzzzzzzz", text or "x")] = b""
    else:
        objects[TARGETS[target]()] = stored(target, data)
    memory = MemoryStore()
    for key, body in objects.items():
        run(memory.put(key, body))
    return sum(_fails(memory, call) for call in _CALLS)


def input_of(how: int, data: bytes) -> bytes:
    """Return an input that is stored in this way: 0 as it is, 1 behind the right header, 2 as a signed header."""
    return bytes([how]) + data


def stored(target: str, data: bytes) -> bytes:
    """Return the object that an input stands for."""
    how, rest = (data[0] % 3, data[1:]) if data else (0, b"")
    if how == 0 or target in {"manifest", "archive"}:
        return rest
    header, frame = taken_apart(archive()[TARGETS[target]()])
    return hashed(header, rest) if how == 1 else hashed(rest, frame)


def _fails(memory: MemoryStore, call: Callable[[SessionStore], object]) -> bool:
    try:
        with SessionStore(memory, index=_QUIET) as store:
            call(store)
    except S3StoreError:
        return True
    return False
