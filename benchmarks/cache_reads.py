"""How many reads a second eight processes get out of one cache directory, beside what a user would pick instead.

Each process reads values at random, of which all are in the system's page cache: what is measured is the work of the
processor, not the disk. `s3store.cache` checks the bytes of each read; bare diskcache and plain files check nothing.
Medians of rounds in which the three are run in turn.

Target: a read of 100 KB well under 1.5 times what bare diskcache takes.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import diskcache
from s3store.cache import Cache

from .common import Table, arguments, report

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUES = 200
_SIZES = (2_000, 20_000, 100_000, 200_000)
_NAMES = [f"sessions/00/session-{number}/transcript.jsonl.zst" for number in range(_VALUES)]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--processes", type=int, default=8, help="readers side by side (default: 8)")
    parser.add_argument("--reads", type=int, default=2000, help="reads of each process and round (default: 2000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    options = parser.parse_args()
    table = Table(
        f"Reads a second, {options.processes} processes", ("value", "kept in", "reads/s", "time, diskcache = 1")
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool,
    ):
        for size in _SIZES:
            for kind in _READERS:
                _fill(kind, Path(folder), size)
            rates: dict[str, list[float]] = {kind: [] for kind in _READERS}
            for number in range(-1, options.rounds):
                for kind in _READERS:
                    began = [
                        pool.submit(_read, kind, folder, size, options.reads, worker)
                        for worker in range(options.processes)
                    ]
                    rate = sum(options.reads / done.result() for done in began)
                    if number >= 0:
                        rates[kind].append(rate)
            bare = statistics.median(rates["diskcache"])
            for kind, found in rates.items():
                table.add(f"{size // 1000} KB", kind, round(statistics.median(found)), bare / statistics.median(found))
    report("cache_reads", [table], as_json=options.json)


def _ours(folder: Path) -> Callable[[str], int]:
    cache = Cache(folder)

    def read(name: str) -> int:
        found = cache.get(name)
        return len(found.body) if found else 0

    return read


def _bare(folder: Path) -> Callable[[str], int]:
    cache = diskcache.Cache(str(folder))
    return lambda name: len(cache.get(name))


def _files(folder: Path) -> Callable[[str], int]:
    return lambda name: len((folder / name.replace("/", "%2F")).read_bytes())


_READERS = {"s3store.cache": _ours, "diskcache": _bare, "plain files": _files}


def _fill(kind: str, folder: Path, size: int) -> None:
    place = folder / f"{kind} {size}"
    place.mkdir(mode=0o700)
    dice = random.Random(size)
    if kind == "s3store.cache":
        cache = Cache(place)
        for name in _NAMES:
            cache.put(name, '"etag"', dice.randbytes(size))
        cache.close()
    elif kind == "diskcache":
        with diskcache.Cache(str(place)) as bare:
            for name in _NAMES:
                bare[name] = dice.randbytes(size)
    else:
        for name in _NAMES:
            (place / name.replace("/", "%2F")).write_bytes(dice.randbytes(size))


def _read(kind: str, folder: str, size: int, reads: int, seed: int) -> float:
    """Return the seconds that so many reads take, the opening of the cache not counted."""
    read = _READERS[kind](Path(folder) / f"{kind} {size}")
    names = random.Random(seed).choices(_NAMES, k=reads)
    read(names[0])
    began = time.perf_counter()
    total = sum(map(read, names))
    seconds = time.perf_counter() - began
    if total != size * reads:
        raise RuntimeError(f"{kind} did not give back what it was given")
    return seconds


if __name__ == "__main__":
    main()
