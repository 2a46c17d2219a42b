"""A large object up from a file and down to a file, in parts, four at a time, with little memory.

Through a directory and through S3 (moto in a process of its own), side by side with the SDK's own `upload_file` and
`download_file` with the same parts and as many of them at a time; the directory beside a copy of the file with an
fsync. Each transfer is a process of its own, whose memory at the peak is measured.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from s3store.objects.directory import DirectoryStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run

from .common import KIB, MIB, Table, arguments, elsewhere, peak_memory, report, s3_options
from .places import BUCKET, moto_with_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from s3store.objects import ObjectStore, Part

_KEY = "large/object"
_AT_ONCE = 4

T = TypeVar("T")


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=2048, metavar="MIB", help="size of the object (default: 2,048)")
    parser.add_argument("--part", type=int, default=8, metavar="MIB", help="size of a part (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all transfers in turn (default: 3)")
    options = parser.parse_args()
    table = Table(
        f"{options.size:,} MiB in parts of {options.part} MiB, {_AT_ONCE} at a time",
        ("transfer", "seconds", "MiB/s", "ratio to peer", "peak MiB"),
    )
    with tempfile.TemporaryDirectory() as folder, moto_with_bucket() as moto:
        source, target = Path(folder, "source"), Path(folder, "target")
        fill(source, options.size)
        for place, up, down, peer_up, peer_down in (
            ("directory", _directory_up, _directory_down, copy_up, copy_down),
            ("moto", _s3_up, _s3_down, sdk_up, sdk_down),
        ):
            where = str(Path(folder, "archive")) if place == "directory" else moto.url
            peer = "copy and fsync" if place == "directory" else "SDK"
            jobs = {
                f"{place} up": partial(up, where, source, options.part * MIB),
                f"{place} up, {peer}": partial(peer_up, where, source, options.part * MIB),
                f"{place} down": partial(down, where, target, options.part * MIB),
                f"{place} down, {peer}": partial(peer_down, where, target, options.part * MIB),
            }
            measure(table, jobs, options.size, options.rounds)
            if target.stat().st_size != source.stat().st_size:
                raise AssertionError("what came down is not what went up")
    report("transfer", [table], as_json=options.json)


def measure(table: Table, jobs: Mapping[str, Callable[[], None]], size: int, rounds: int) -> None:
    """Do jobs in turn, each in a process of its own, every second one the peer of the one before it."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    peaks: dict[str, int] = dict.fromkeys(jobs, 0)
    for _ in range(rounds):
        for name, job in jobs.items():
            seconds, peak = elsewhere(_timed, job)
            taken[name].append(seconds)
            peaks[name] = max(peaks[name], peak)
    names = list(jobs)
    for name, peer in zip(names, [name if at % 2 else names[at + 1] for at, name in enumerate(names)], strict=True):
        seconds, other = statistics.median(taken[name]), statistics.median(taken[peer])
        table.add(name, seconds, size / seconds, other / seconds, peaks[name] / KIB)


def _timed(job: Callable[[], None]) -> tuple[float, int]:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began, peak_memory()


def fill(path: Path, size: int) -> None:
    """Write so many MiB that do not compress."""
    with path.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(MIB))


def _up(store: ObjectStore, source: Path, part_size: int) -> None:
    upload = run(store.begin_upload(_KEY, part_size=part_size))
    file = os.open(source, os.O_RDONLY)

    def send(place: int) -> Part:
        return run(store.put_part(upload, place // part_size + 1, os.pread(file, part_size, place)))

    try:
        parts = _side_by_side(send, range(0, source.stat().st_size, part_size))
    finally:
        os.close(file)
    run(store.finish_upload(upload, parts))


def _down(store: ObjectStore, target: Path, part_size: int) -> None:
    size = run(store.size(_KEY))
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def fetch(place: int) -> int:
        return os.pwrite(file, run(store.get(_KEY, byte_range=(place, place + part_size))).body, place)

    try:
        _side_by_side(fetch, range(0, size, part_size))
    finally:
        os.close(file)


def _side_by_side(job: Callable[[int], T], places: Iterable[int]) -> list[T]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(job, places))


def _directory_up(where: str, source: Path, part_size: int) -> None:
    _up(DirectoryStore(where), source, part_size)


def _directory_down(where: str, target: Path, part_size: int) -> None:
    _down(DirectoryStore(where), target, part_size)


def copy_up(where: str, source: Path, _part_size: int) -> None:
    """Copy a file beside an archive in a directory, and sync it."""
    copy = Path(f"{where}.copy")
    shutil.copyfile(source, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def copy_down(where: str, target: Path, _part_size: int) -> None:
    """Copy it back."""
    shutil.copyfile(f"{where}.copy", target)


def _s3_up(where: str, source: Path, part_size: int) -> None:
    _up(S3BlockingStore(BUCKET, "", s3_options(where)), source, part_size)


def _s3_down(where: str, target: Path, part_size: int) -> None:
    _down(S3BlockingStore(BUCKET, "", s3_options(where)), target, part_size)


def sdk_up(where: str, source: Path, part_size: int) -> None:
    """Upload by the SDK."""
    import boto3
    from boto3.s3.transfer import TransferConfig

    config = TransferConfig(part_size, _AT_ONCE, part_size)
    boto3.client("s3", endpoint_url=where).upload_file(str(source), BUCKET, _KEY, Config=config)


def sdk_down(where: str, target: Path, part_size: int) -> None:
    """Download by the SDK."""
    import boto3
    from boto3.s3.transfer import TransferConfig

    config = TransferConfig(part_size, _AT_ONCE, part_size)
    boto3.client("s3", endpoint_url=where).download_file(BUCKET, _KEY, str(target), Config=config)


if __name__ == "__main__":
    main()
