"""A transcript of a million records in a directory: what an append costs at its end, and reading it with little memory.

The records are like those of a trace, about 160 bytes each, appended in batches. Reading is done by processes of
their own, whose memory at the peak is measured beside that of a process that has only imported s3store.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import s3store
from s3store.keys import TRANSCRIPT, StreamKeys
from s3store.runtime import run

from .common import KIB, MIB, Table, arguments, milliseconds, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.jsontext import JsonValue
    from s3store.streams.head import Head

_ID = "large"
_LATE_APPENDS = 50


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="records to store (default: 1,000,000)")
    parser.add_argument("--batch", type=int, default=1000, help="records in an append (default: 1,000)")
    options = parser.parse_args()
    table = Table(f"{options.records:,} records in batches of {options.batch:,}", ("what", "value", "unit"))
    with tempfile.TemporaryDirectory() as folder:
        location = f"file://{folder}"
        _write(table, location, options.records, options.batch)
        _describe(table, Path(folder))
        jobs: dict[str, Callable[[str], int]] = {
            "import s3store alone": _nothing,
            "last 20 records": _last,
            "iterate over all": _iterate,
            "load all": _load,
        }
        for name, job in jobs.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                seconds, count, peak = pool.submit(_measured, job, location).result()
            table.add(f"{name}: records", count, "")
            table.add(f"{name}: time", seconds, "s")
            table.add(f"{name}: memory at the peak", peak / KIB, "MiB")
    report("large", [table], as_json=options.json)


def _write(table: Table, location: str, records: int, batch: int) -> None:
    source = _records()
    taken: list[float] = []
    with s3store.SessionStore(location) as store:
        for _ in range(0, records, batch):
            messages = list(islice(source, batch))
            began = time.perf_counter()
            store.extend(_ID, messages)
            taken.append(time.perf_counter() - began)
        single = []
        for message in islice(source, _LATE_APPENDS):
            began = time.perf_counter()
            store.append(_ID, message)
            single.append(time.perf_counter() - began)
    tenth = max(1, len(taken) // 10)
    table.add("all appends", sum(taken), "s")
    table.add("append of a batch, first tenth, median", milliseconds(taken[:tenth]), "ms")
    table.add("append of a batch, last tenth, median", milliseconds(taken[-tenth:]), "ms")
    table.add("append of one record at the end, median", milliseconds(single), "ms")
    with s3store.SessionStore(location) as store:
        began = time.perf_counter()
        store.append(_ID, next(source))
        table.add("append of one record by a new process", (time.perf_counter() - began) * 1000, "ms")


def _describe(table: Table, folder: Path) -> None:
    with s3store.SessionStore(f"file://{folder}") as store:
        info = store.info(_ID)
        table.add("stored", info.size / MIB, "MiB")
        head = _head_of(store)
        table.add("segments", len(head.segments), "")
        table.add("size of the head", head.size / KIB, "KiB")
        table.add("of it, tail", len(head.tail_frame) / KIB, "KiB")
        table.add("of it, header", (head.size - len(head.tail_frame)) / KIB, "KiB")


def _head_of(store: s3store.SessionStore) -> Head:
    archive = store._archive  # noqa: SLF001 - what a head holds is no business of callers
    known = run(archive.streams.read_head(StreamKeys.of(_ID, TRANSCRIPT)))
    assert known.state is not None
    return known.state


def _measured(job: Callable[[str], int], location: str) -> tuple[float, int, int]:
    began = time.perf_counter()
    count = job(location)
    return time.perf_counter() - began, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _nothing(location: str) -> int:
    s3store.SessionStore(location).close()
    return 0


def _last(location: str) -> int:
    with s3store.SessionStore(location) as store:
        return len(store.last(_ID, 20))


def _iterate(location: str) -> int:
    with s3store.SessionStore(location) as store:
        return deque(((record.seq + 1) for record in store.records(_ID)), maxlen=1).pop()


def _load(location: str) -> int:
    with s3store.SessionStore(location) as store:
        return len(store.load(_ID).lines)


def _records() -> Iterator[JsonValue]:
    chance = random.Random(1)
    number = 0
    while True:
        yield {
            "span": f"{chance.getrandbits(64):016x}",
            "name": chance.choice(("llm.call", "tool.run", "memory.read", "memory.write")),
            "started_us": 1_763_600_000_000_000 + number * 731,
            "duration_us": chance.randrange(200, 90_000),
            "attributes": {"model": "model-1", "tokens": chance.randrange(4000), "step": number % 50, "ok": True},
        }
        number += 1


if __name__ == "__main__":
    main()
