"""Search over many sessions in a directory: the time to build what is searched, to ask it, and to bring it up to date.

The sessions are made up, of about the size of real ones. Beside it what a user does without an index: load every
session and look for the word.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from s3store import SessionStore
from s3store.objects.counting import CountingStore
from s3store.objects.directory import DirectoryStore

from .common import MIB, Table, arguments, milliseconds, peak_memory, report
from .content import coding_session, json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERIES = {
    "a rare word": "needle",
    "a phrase of two words": '"rare needle"',
    "two words of most sessions": "grain ingka",
    "the start of a word": "need*",
    "no such word": "zzzzzz",
}
_EVERY = 250
_CHANGES = 100


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=10_000, help="how many sessions (default: 10,000)")
    parser.add_argument("--bytes", type=int, default=16_000, help="about the size of each (default: 16,000)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each query is asked (default: 9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        objects = CountingStore(DirectoryStore(f"{folder}/archive", durable=False))
        with SessionStore(objects) as store:
            written = _fill(store, options.sessions, options.bytes)
            built = _timed(lambda: store.search("needle"))
            [file] = Path(folder).rglob("*.sqlite")
            tables = [
                _building(options.sessions, written, built, file),
                _asking(store, options.rounds),
                _catching_up(store, objects, options.sessions),
            ]
    report("search", tables, as_json=options.json)


def _fill(store: SessionStore, sessions: int, size: int) -> int:
    written = 0
    for number in range(sessions):
        messages = [message for turn in coding_session(number, size) for message in turn]
        if number % _EVERY == 0:
            messages.append({"role": "user", "content": f"the rare needle number {number}"})
        written += json_bytes(messages)
        store.create(f"session-{number:06d}", messages, name=f"Session {number}")
    store.index.compact()
    return written


def _building(sessions: int, written: int, built: float, file: Path) -> Table:
    size = sum(each.stat().st_size for each in file.parent.iterdir())
    table = Table("Building", ("sessions", "MB of JSON", "seconds", "sessions/s", "MB of the file", "peak MiB"))
    table.add(sessions, written / 1e6, built, sessions / built, size / 1e6, peak_memory() * 1024 / MIB)
    return table


def _asking(store: SessionStore, rounds: int) -> Table:
    table = Table("Asking", ("query", "found", "ms", "ms, every session loaded"))
    for name, query in _QUERIES.items():
        found = len(store.search(query))
        seconds = [_timed(lambda query=query: store.search(query)) for _ in range(rounds)]  # type: ignore[misc]
        by_hand = _timed(lambda: _by_hand(store, "needle")) * 1000 if name == "a rare word" else None
        table.add(name, found, milliseconds(seconds), by_hand)
    return table


def _catching_up(store: SessionStore, objects: CountingStore, sessions: int) -> Table:
    table = Table("Up to date again", ("what changed", "found", "ms", "GETs", "MB read"))
    for name, change in (
        ("nothing", None),
        (f"{_CHANGES} sessions grew by a message", _grow),
        (f"{_CHANGES} sessions are new", _create),
    ):
        for number in range(_CHANGES):
            if change is not None:
                change(store, number, sessions)
        objects.reset()
        began = time.perf_counter()
        found = len(store.search("haystack", limit=1000))
        seconds = time.perf_counter() - began
        counts = objects.reset()
        table.add(name, found, seconds * 1000, counts.gets, counts.bytes_down / 1e6)
    return table


def _grow(store: SessionStore, number: int, sessions: int) -> None:
    store.append(f"session-{number * (sessions // _CHANGES):06d}", {"role": "user", "content": "haystack"})


def _create(store: SessionStore, number: int, _: int) -> None:
    messages = [message for turn in coding_session(-1 - number, 16_000) for message in turn]
    store.create(f"new-{number}", [*messages, {"role": "user", "content": "haystack"}])


def _by_hand(store: SessionStore, word: str) -> list[str]:
    return [
        summary.id for summary in store.list() if word.encode() in orjson.dumps(store.load(summary.id).messages).lower()
    ]


def _timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
