"""Export of an archive in a directory: MB of JSON a second, memory, and what a second process brings.

The sessions are made up. Beside it, what a user would do: load each session and write its messages with `json`. Each
job has processes of its own; the start of Python is not counted.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from s3store import SessionStore

from .common import KIB, Table, arguments, peak_memory, report
from .content import coding_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from s3store.objects.base import ObjectStore

FORMS = ("parquet", "jsonl.zst", "chat", "csv")
_MB = 1_000_000
_SOURCES = 40


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=2000, help="sessions in the archive (default: 2,000)")
    parser.add_argument("--bytes", type=int, default=32_000, help="about the size of each (default: 32,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each job runs (default: 3)")
    options = parser.parse_args()
    table = Table("Export", ("job", "processes", "seconds", "MB JSON/s", "peak MiB of a process"))
    with tempfile.TemporaryDirectory() as home:
        archive = f"file://{home}/archive"
        size = fill(archive, options.sessions, options.bytes)
        jobs: dict[tuple[str, int], list[Callable[[Path], None]]] = {
            ("load and json.dump", 1): [partial(_plain, archive)]
        }
        for form in FORMS:
            jobs[form, 1] = [partial(_export, archive, form, "00-ff")]
            jobs[form, 2] = [partial(_export, archive, form, part) for part in ("00-7f", "80-ff")]
        taken: dict[tuple[str, int], list[tuple[float, int]]] = {job: [] for job in jobs}
        for number in range(options.rounds):
            for job, parts in jobs.items():
                taken[job].append(_side_by_side(parts, Path(home) / f"out-{job[0]}-{job[1]}-{number}"))
    for (name, processes), runs in taken.items():
        seconds = statistics.median(run[0] for run in runs)
        table.add(name, processes, seconds, size / _MB / seconds, max(run[1] for run in runs) / KIB)
    report("exports", [table], as_json=options.json)


def _side_by_side(parts: Sequence[Callable[[Path], None]], folder: Path) -> tuple[float, int]:
    """Run the parts of a job in a process each; return the seconds of the longest, and the most memory in KiB."""
    folder.mkdir()
    with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
        done = [future.result() for future in [pool.submit(_timed, part, folder / "export") for part in parts]]
    return max(end for _, end, _ in done) - min(began for began, _, _ in done), max(memory for *_, memory in done)


def _timed(part: Callable[[Path], None], folder: Path) -> tuple[float, float, int]:
    began = time.time()
    part(folder)
    return began, time.time(), peak_memory()


def _export(archive: str, form: str, partitions: str, folder: Path) -> None:
    with SessionStore(archive) as store:
        store.export(folder, form=form, partitions=partitions)


def _plain(archive: str, folder: Path) -> None:
    folder.mkdir()
    with SessionStore(archive) as store:
        for number, session in enumerate(store.list()):
            with (folder / f"{number}.jsonl").open("w", encoding="utf-8") as file:
                for message in store.load(session.id).messages:
                    json.dump(message, file)
                    file.write("\n")


def fill(archive: str | ObjectStore, sessions: int, size: int) -> int:
    """Make the archive; return how many bytes of JSON its messages are."""
    sources = []
    for seed in range(_SOURCES):
        messages = [message for turn in coding_session(seed, size) for message in turn]
        sources.append((messages, sum(len(orjson.dumps(message)) for message in messages)))
    total = 0
    with SessionStore(archive) as store:
        for number in range(sessions):
            messages, length = sources[number % _SOURCES]
            store.create(f"agent/{number:06d}", messages, agent=f"coder-{number % 10}")
            total += length
    return total


if __name__ == "__main__":
    main()
