"""Making the index anew from every head, and comparing it with them: time, and memory at the peak.

The archive is a directory whose heads are written by the code that writes any head, for a made-up population (see
`population.py`): a session has one to 60 messages of a coding agent, and its head 20 KiB in the mean. Each call is made
by a process of its own.
"""

from __future__ import annotations

import random
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import s3store
from s3store.keys import TRANSCRIPT, StreamKeys
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run
from s3store.streams.head import pack_head

from .common import KIB, MIB, Table, arguments, elsewhere, peak_memory, report
from .content import coding_session
from .index_states import Parts, make_archive
from .population import Tail, changes, head_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue

_TAILS = 60


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=100_000, help="heads to write (default: 100,000)")
    options = parser.parse_args()
    jobs: dict[str, Callable[[s3store.SessionStore], object]] = {
        "nothing": _nothing,
        "index.rebuild()": _rebuild,
        "index.verify()": _verify,
        "list all, by the index": _list,
        "scan all, one GET each": _scan,
    }
    table = Table(f"{options.sessions:,} heads in a directory", ("what", "found", "seconds", "µs a head", "peak MiB"))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        size = elsewhere(_write, Path(folder), options.sessions)
        seconds = time.perf_counter() - began
        table.add(f"write the heads, {size / MIB:,.0f} MiB", options.sessions, seconds, None, None)
        for name, job in jobs.items():
            found, seconds, peak = elsewhere(_measured, job, folder)
            table.add(name, found, seconds, seconds / options.sessions * 1e6, peak / KIB)
    report("index_rebuild", [table], as_json=options.json)


def _measured(job: Callable[[s3store.SessionStore], int], folder: str) -> tuple[int, float, int]:
    began = time.perf_counter()
    with s3store.SessionStore(f"file://{folder}") as store:
        found = job(store)
    return found, time.perf_counter() - began, peak_memory()


def _nothing(store: s3store.SessionStore) -> int:
    store.session("x")
    return 0


def _rebuild(store: s3store.SessionStore) -> int:
    rebuilt = store.index.rebuild()
    return rebuilt.sessions + rebuilt.deleted


def _verify(store: s3store.SessionStore) -> int:
    verified = store.index.verify()
    assert verified.right
    return verified.sessions


def _list(store: s3store.SessionStore) -> int:
    return sum(1 for _ in store.list())


def _scan(store: s3store.SessionStore) -> int:
    return sum(1 for _ in store.scan())


def _write(folder: Path, sessions: int) -> int:
    """Write the heads; return how many bytes they have."""
    store = DirectoryStore(folder, durable=False)
    make_archive(Parts(store))
    tails = [_tail(seed) for seed in range(_TAILS)]
    size = 0
    for change in changes(sessions):
        if change.last:
            session_id, head = head_after(change, tails[change.session % _TAILS])
            keys = StreamKeys.of(session_id, TRANSCRIPT)
            data = pack_head(keys, head)
            run(store.put(keys.head, data))
            size += len(data)
    return size


def _tail(seed: int) -> Tail:
    """Return the tail of a session that one to 60 messages were stored in."""
    messages: list[JsonValue] = [message for turn in coding_session(seed, 200_000) for message in turn]
    with s3store.SessionStore("memory://") as store:
        store.create("one", islice(messages, random.Random(seed).randint(1, 60)))
        archive = store._archive  # noqa: SLF001 - what a head holds is no business of callers
        state = run(archive.streams.read_head(StreamKeys.of("one", TRANSCRIPT))).state
    assert state is not None
    return Tail(state.tail_frame, state.tail_count)


if __name__ == "__main__":
    main()
