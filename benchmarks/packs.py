"""What packs are worth: sessions one by one, and the same ones packed.

Sessions of service agents are made up (`--sessions`: see `desks.py`) and saved in a directory, packed and cleaned up,
each by a process of its own; then single ones are loaded with nothing remembered. Nothing waits for the disk. With
`--corpus` it is all sessions of that folder in their place.

    stored/JSON   bytes stored for each byte of JSON, and how many times smaller that is
    MB JSON/s     in 10^6 bytes of JSON a second; packing reads each session, writes the pack, reads all of it back,
                  and has each head name it; by the second of the processor where the machine does other work
    peak MiB      the most memory of the process
    requests, KiB what the load of one session takes
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from s3store import SessionStore
from s3store.keys import PACKS, SESSIONS
from s3store.objects.base import all_objects
from s3store.objects.counting import CountingStore
from s3store.runtime import run

from .common import KIB, MIB, Table, arguments, elsewhere, peak_memory, report
from .content import corpus_sessions, json_bytes
from .desks import directory, fill, session_id

if TYPE_CHECKING:
    from collections.abc import Callable

_LOADED = 40


class _Done(NamedTuple):
    seconds: float
    processor: float
    """The seconds that the processor worked, all threads together."""
    peak: int
    """In KiB."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=5000, help="made up (default: 5,000; 100,000 fill 256 MiB)")
    parser.add_argument("--attached", type=int, default=0, help="KB of JSON that does not compress, in each session")
    parser.add_argument("--target", type=int, default=256, help="MiB of a pack (default: 256)")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="real sessions in place of made-up ones")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        archive = Path(home) / "archive"
        if given.corpus is None:
            size = fill(archive, given.sessions, attached=given.attached * 1000)
            sessions = given.sessions
        else:
            sessions, size = _fill_from(given.corpus, archive)
        before = stored(archive, SESSIONS)
        packing = elsewhere(_pack, archive, given.target * MIB)
        settling = elsewhere(_clean_up, archive)
        tables = [
            sizes(archive, before, size),
            speed(size, {"pack": packing, "clean-up": settling}),
            elsewhere(loads, archive, sessions),
        ]
    report("packs", tables, as_json=given.json)


def sizes(archive: Path, before: tuple[int, int], size: int) -> Table:
    """Compare what was stored before packing with what is now."""
    packs = [each.size for each in run(all_objects(directory(archive), PACKS)) if each.key.endswith(".parquet")]
    table = Table(f"{size / 1e6:,.1f} MB of JSON", ("kept", "objects", "bytes", "stored/JSON", "times smaller"))
    heads = stored(archive, SESSIONS)
    kept = {"one by one": before, "packs": (len(packs), sum(packs)), "heads of packed sessions": heads}
    kept["packed, together"] = (len(packs) + heads[0], sum(packs) + heads[1])
    for name, (number, taken) in kept.items():
        table.add(name, number, taken, taken / size, size / taken)
    return table


def speed(size: int, done: dict[str, _Done]) -> Table:
    """Say how fast it was, and how much memory it took."""
    table = Table("speed", ("what", "seconds", "MB JSON/s", "CPU s", "MB JSON/CPU s", "peak MiB"))
    for what, each in done.items():
        megabytes = size / 1e6
        worked = each.processor
        table.add(what, each.seconds, megabytes / each.seconds, worked, megabytes / worked, each.peak / KIB)
    return table


def stored(archive: Path, prefix: str) -> tuple[int, int]:
    """Return how many objects there are under a prefix, and their bytes."""
    found = run(all_objects(directory(archive), prefix))
    return len(found), sum(each.size for each in found)


def loads(archive: Path, sessions: int) -> Table:
    """Load single sessions, each by a client that knows nothing yet."""
    objects = CountingStore(directory(archive))
    requests, kib, seconds = [], [], []
    for number in range(0, sessions, max(1, sessions // _LOADED)):
        with SessionStore(objects, cache=False) as store:
            objects.reset()
            began = time.perf_counter()
            store.load(session_id(number))
            seconds.append(time.perf_counter() - began)
            counted = objects.reset()
            requests.append(counted.requests)
            kib.append(counted.bytes_down / KIB)
    largest = max(each.size for each in run(all_objects(objects, PACKS)))
    table = Table(
        f"load of one session, the largest pack being of {largest / MIB:.1f} MiB", ("", "requests", "KiB", "ms")
    )
    table.add("mean", sum(requests) / len(requests), sum(kib) / len(kib), sum(seconds) / len(seconds) * 1000)
    table.add("most", max(requests), max(kib), max(seconds) * 1000)
    return table


def _pack(archive: Path, target: int) -> _Done:
    return _timed(archive, lambda store: store.pack(idle=0, target_size=target))


def _clean_up(archive: Path) -> _Done:
    return _timed(archive, lambda store: store.cleanup(older_than=0))


def _timed(archive: Path, job: Callable[[SessionStore], object]) -> _Done:
    with SessionStore(directory(archive), cache=False) as store:
        began, worked = time.perf_counter(), time.process_time()
        job(store)
        return _Done(time.perf_counter() - began, time.process_time() - worked, peak_memory())


def _fill_from(corpus: Path, archive: Path) -> tuple[int, int]:
    number = size = 0
    with SessionStore(directory(archive), cache=False) as store:
        for number, session in enumerate(corpus_sessions(corpus), 1):
            store.create(session_id(number - 1), session.messages)
            size += json_bytes(session.messages)
    return number, size


if __name__ == "__main__":
    main()
