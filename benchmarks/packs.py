"""What packs are worth: sessions one by one, and the same ones packed.

Made-up coding sessions of about 32 KB each (`--sessions`, `--bytes`) are saved in memory, packed and cleaned up, so
that only s3store's own work is counted; then single ones are loaded with nothing remembered. The made-up ones have
hardly anything in common, the least that packs can gain from; with `--corpus` all sessions in that folder are taken.

    stored/JSON   bytes stored for each byte of JSON
    MB JSON/s     how fast they are packed, in 10^6 bytes of JSON a second, the reading back included
    GETs, KiB     what the load of one session takes, in the mean and at most
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from s3store import SessionStore
from s3store.keys import PACKS, SESSIONS
from s3store.objects.base import all_objects
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

from .common import KIB, MIB, Table, arguments, peak_memory, report
from .content import coding_session, corpus_sessions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from s3store.jsontext import JsonValue

_LOADED = 20


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=32_000, help="of JSON, of each session")
    parser.add_argument("--target", type=int, default=256, help="MiB of a pack")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="real sessions in place of made-up ones")
    given = parser.parse_args()
    contents = list(sessions(given))
    objects = CountingStore(MemoryStore())
    ids = [f"session/{number}" for number in range(len(contents))]
    with SessionStore(objects, cache=False) as store:
        for session_id, messages in zip(ids, contents, strict=True):
            store.save(session_id, messages)
        before = stored(objects, SESSIONS)
        began = time.perf_counter()
        packed = store.pack(idle=0, target_size=given.target * MIB)
        packing = time.perf_counter() - began
        began = time.perf_counter()
        store.cleanup(older_than=0)
        settling = time.perf_counter() - began
    sizes = Table(f"{len(ids)} sessions", ("kept", "objects", "bytes", "stored/JSON"))
    sizes.add("one by one", *before, before[1] / packed.json_bytes)
    sizes.add("packs", len(packed.packs), packed.bytes, packed.bytes / packed.json_bytes)
    sizes.add("heads of packed sessions", *stored(objects, SESSIONS), stored(objects, SESSIONS)[1] / packed.json_bytes)
    speed = Table("packing", ("what", "seconds", "MB JSON/s"))
    speed.add("pack", packing, packed.json_bytes / packing / 1e6)
    speed.add("clean-up", settling, packed.json_bytes / settling / 1e6)
    report("packs", [sizes, speed, loads(objects, ids), memory()], as_json=given.json)


def sessions(given: argparse.Namespace) -> Iterator[list[JsonValue]]:
    """Yield the messages of each session."""
    if given.corpus is not None:
        yield from (session.messages for session in corpus_sessions(given.corpus))
        return
    for number in range(given.sessions):
        yield [message for turn in coding_session(number, given.bytes) for message in turn]


def stored(objects: CountingStore, prefix: str) -> tuple[int, int]:
    """Return how many objects there are under a prefix, and their bytes."""
    found = run(all_objects(objects, prefix))
    return len(found), sum(each.size for each in found)


def loads(objects: CountingStore, ids: list[str]) -> Table:
    """Load single sessions, each by a client that knows nothing yet."""
    gets, kib, seconds = [], [], []
    for session_id in ids[:: max(1, len(ids) // _LOADED)]:
        with SessionStore(objects, cache=False) as store:
            objects.reset()
            began = time.perf_counter()
            store.load(session_id)
            seconds.append(time.perf_counter() - began)
            counted = objects.reset()
            gets.append(counted.gets)
            kib.append(counted.bytes_down / KIB)
    largest = max(each.size for each in run(all_objects(objects, PACKS)))
    table = Table(f"load of one session from a pack of {largest / MIB:.1f} MiB", ("", "GETs", "KiB", "ms"))
    table.add("mean", sum(gets) / len(gets), sum(kib) / len(kib), sum(seconds) / len(seconds) * 1000)
    table.add("most", max(gets), max(kib), max(seconds) * 1000)
    return table


def memory() -> Table:
    """Return the most memory that this process has taken, all sessions in memory among it."""
    table = Table("memory", ("peak MiB",))
    table.add(peak_memory() / KIB)
    return table


if __name__ == "__main__":
    main()
