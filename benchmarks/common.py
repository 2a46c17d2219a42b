"""What the benchmarks share: arguments, servers, timing, and tables."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar

import orjson

from s3store import S3Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "sessions"
KIB, MIB = 1024, 1024 * 1024

T = TypeVar("T")
Cell: TypeAlias = "str | int | float | None"


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every benchmark takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON in place of the tables")
    return parser


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says where real sessions are."""
    parser.add_argument(
        "--corpus", type=Path, default=EXAMPLES, metavar="DIR", help="real sessions (default: examples/sessions)"
    )


@dataclass
class Table:
    """A table to print: floats are shown with two decimals, None as a dash."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Add a row."""
        self.rows.append(tuple(round(cell, 3) if isinstance(cell, float) else cell for cell in cells))

    def text(self) -> str:
        """Return the table as lines of text."""
        shown = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        left = [all(isinstance(row[at], str) for row in self.rows) for at in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if is_left else cell.rjust(width)
                for cell, width, is_left in zip(row, widths, left, strict=True)
            ).rstrip()
            for row in shown
        ]
        return "\n".join([self.title, lines[0], "-" * len(lines[0]), *lines[1:], ""])


def report(name: str, tables: list[Table], *, as_json: bool) -> None:
    """Print the tables, or one line of JSON."""
    if as_json:
        found = {table.title: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables}
        print(orjson.dumps({"benchmark": name, "tables": found}).decode())
        return
    for table in tables:
        print(table.text())


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run the jobs in turn, `rounds` times after two that are not counted; return the seconds of each.

    Every second round runs backwards, so that no job always has the same one before it.
    """
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    order = list(jobs.items())
    for number in range(-2, rounds):
        for name, job in order if number % 2 else reversed(order):
            began = time.perf_counter()
            result = job()
            seconds = time.perf_counter() - began
            # Freed outside of the measured time, as a caller does who keeps what he asked for.
            del result
            if number >= 0:
                taken[name].append(seconds)
    return taken


def milliseconds(seconds: list[float]) -> float:
    """Return the median, in milliseconds."""
    return statistics.median(seconds) * 1000


def peak_memory() -> int:
    """Return the most memory that this process has taken so far, in KiB.

    What `getrusage` says begins with the peak of the process that started this one; what Linux says elsewhere does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def elsewhere(job: Callable[..., T], *given: object) -> T:
    """Do a job in a process of its own, so that its memory is nobody else's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(job, *given).result()


def in_processes(job: Callable[..., T], given: Sequence[tuple[object, ...]]) -> list[T]:
    """Do a job for each of these arguments, in as many processes side by side; return what they return, in order."""
    with ProcessPoolExecutor(len(given), mp_context=get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(job, *each) for each in given]]


class MotoProcess:
    """moto's S3 behind one lock in a process of its own."""

    def __init__(self, answers: IO[str], questions: IO[str], url: str) -> None:
        self._answers = answers
        self._questions = questions
        self.url = url

    def taken(self) -> list[list[Any]]:
        """Return what was requested since the last call: method, target, status, bytes up and down of each."""
        print(file=self._questions, flush=True)
        found: list[list[Any]] = orjson.loads(self._answers.readline())
        return found


@contextmanager
def moto_process() -> Iterator[str]:
    """Run moto's S3 in a process of its own; yield the address."""
    with counting_moto() as moto:
        yield moto.url


@contextmanager
def counting_moto(delay_ms: float | None = None) -> Iterator[MotoProcess]:
    """Run moto's S3 in a process of its own, which tells what was requested; each answer put off by `delay_ms`.

    The client must not share the interpreter lock with the server that it is measured against.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.moto_process", *([] if delay_ms is None else [str(delay_ms)])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("moto did not start; is the extra `test` installed?")
        yield MotoProcess(process.stdout, process.stdin, url)
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def sdk_environment(url: str) -> None:
    """Point every boto3 client of this process at a server on loopback."""
    os.environ.update(
        AWS_ENDPOINT_URL_S3=url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )


def s3_options(url: str) -> S3Options:
    """Return the options for a server on loopback."""
    import boto3

    session = boto3.Session("test", "test", region_name="us-east-1")
    return S3Options(session=session, endpoint_url=url, addressing_style="path")


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
