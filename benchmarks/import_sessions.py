"""Import of many small sessions into a directory and into S3 (moto): sessions a second, and whether memory stays flat.

The sessions are made up: one Claude Code file each. Each archive is filled by a process of its own. The second import
finds nothing to do.
"""

from __future__ import annotations

import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import orjson

from s3store import SessionStore
from s3store.importers.detect import discover
from s3store.importers.engine import import_session
from s3store.importers.formats import read

from .common import KIB, Table, arguments, moto_process, report, s3_options, sdk_environment
from .content import coding_session

PLACES = ("directory", "moto")
_EARLY = 1000
_BUCKET = "benchmark"


@dataclass(frozen=True)
class Import:
    """How one import went; resident memory in KiB, at its peak so far."""

    sessions: int
    records: int
    seconds: float
    peak_early: int | None
    peak: int


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=10_000, help="sessions to import (default: 10,000)")
    parser.add_argument("--bytes", type=int, default=8_000, help="about the size of each (default: 8,000)")
    parser.add_argument("--place", action="append", choices=PLACES, help="where to store; may be repeated")
    options = parser.parse_args()
    columns = ("archive", "pass", "sessions", "records", "seconds", "sessions/s")
    table = Table("Import", (*columns, f"peak MiB at {_EARLY:,}", "peak MiB at the end"))
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        _write(folder / "sessions", options.sessions, options.bytes)
        url = closing.enter_context(moto_process())
        for place in options.place or PLACES:
            location = f"s3://{_BUCKET}/archive" if place == "moto" else f"file://{folder / 'archive'}"
            for number in ("first", "again"):
                done = _in_a_process(folder / "sessions", location, url)
                rate = done.sessions / done.seconds
                table.add(
                    *(place, number, done.sessions, done.records, done.seconds, rate),
                    *(done.peak_early / KIB if done.peak_early else None, done.peak / KIB),
                )
    report("import_sessions", [table], as_json=options.json)


def _in_a_process(sessions: Path, location: str, url: str) -> Import:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_import_all, sessions, location, url).result()


def _import_all(sessions: Path, location: str, url: str) -> Import:
    store = SessionStore(location)
    if location.startswith("s3:"):
        sdk_environment(url)
        _make_bucket()
        store = SessionStore(location, s3=s3_options(url))
    # Where the archive is new, its store is checked once; that is no part of an import.
    store.delete("ready")
    began = time.perf_counter()
    count = records = 0
    early: int | None = None
    with store:
        for file in discover(sessions).files:
            for session in read(file.path, file.format):
                records += import_session(store, session).records
                count += 1
                if count == _EARLY:
                    early = _peak()
    return Import(count, records, time.perf_counter() - began, early, _peak())


def _make_bucket() -> None:
    import boto3

    client = boto3.client("s3")
    if _BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=_BUCKET)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _write(folder: Path, number: int, size: int) -> None:
    sources = [[record for turn in coding_session(seed, 30_000) for record in turn] for seed in range(40)]
    for seed in range(number):
        path = folder / f"project-{seed % 100:02d}" / f"{seed:08d}-0000-4000-8000-000000000000.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A turn of the made-up sessions is far over the size of a small session: a part of one is enough.
        lines: list[bytes] = []
        room = size
        for record in sources[seed % len(sources)]:
            line = orjson.dumps({**record, "sessionId": path.stem, "uuid": f"{seed}-{len(lines)}"})
            lines.append(line + b"\n")
            room -= len(line)
            if room < 0:
                break
        path.write_bytes(b"".join(lines))


if __name__ == "__main__":
    main()
