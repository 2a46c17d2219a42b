"""Who used which tool how often: a query with DuckDB over an export, beside a loop over the same files.

Needs the extra `duckdb`. Sessions of service agents are made up (`--sessions`: see `desks.py`), or stand in a
directory that `python -m benchmarks.desks DIR` has made (`--archive DIR`). They are exported as conversations, on two
processes, and asked by the query of `examples/duckdb_tools.py`, which reads all of it anew each time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

import orjson

from s3store import SessionStore

from .common import Table, arguments, in_processes, interleaved, report
from .desks import directory, fill

if TYPE_CHECKING:
    from collections.abc import Callable

_MB = 1_000_000
_EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "duckdb_tools.py"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=5000, help="made up (default: 5,000)")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="where sessions are, in place of made-up ones")
    parser.add_argument("--rounds", type=int, default=3, help="how often each job runs (default: 3)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        archive = given.archive or Path(home) / "archive"
        if given.archive is None:
            fill(archive, given.sessions)
        folder = Path(home) / "export"
        began = time.perf_counter()
        sessions = sum(in_processes(_export, [(archive, folder, "00-7f"), (archive, folder, "80-ff")]))
        exporting = time.perf_counter() - began
        size = sum(path.stat().st_size for path in (folder / "data").iterdir())
        tools: Callable[[Path], list[tuple[str, int, int]]] = run_path(str(_EXAMPLE))["tools"]
        found = tools(folder)
        if found != by_hand(folder):
            raise AssertionError("DuckDB and the loop disagree")
        taken = interleaved({"DuckDB": lambda: tools(folder), "a loop, orjson": lambda: by_hand(folder)}, given.rounds)
    calls = sum(row[1] for row in found)
    title = f"{sessions:,} sessions, {size / _MB:,.0f} MB; {calls:,} calls of {len(found)} tools"
    table = Table(title, ("job", "seconds", "MB/s"))
    table.add("export, two processes", exporting, size / exporting / _MB)
    for job, seconds in taken.items():
        median = statistics.median(seconds)
        table.add(job, median, size / median / _MB)
    report("tool use", [table], as_json=given.json)


def by_hand(folder: Path) -> list[tuple[str, int, int]]:
    """Return what `duckdb_tools.tools` does, in one process."""
    calls: Counter[str] = Counter()
    sessions: defaultdict[str, set[str]] = defaultdict(set)
    for path in (folder / "data").iterdir():
        for line in path.read_bytes().splitlines():
            session = orjson.loads(line)
            for message in session["messages"]:
                for call in message.get("tool_calls", ()):
                    name = call["function"]["name"]
                    calls[name] += 1
                    sessions[name].add(session["session"])
    found = [(name, number, len(sessions[name])) for name, number in calls.items()]
    return sorted(found, key=lambda row: (-row[1], row[0]))


def _export(archive: Path, folder: Path, partitions: str) -> int:
    with SessionStore(directory(archive), cache=False) as store:
        return store.export(folder, form="chat", partitions=partitions).sessions


if __name__ == "__main__":
    main()
