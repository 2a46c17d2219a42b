"""Requests, bytes, time and memory of listings: of a thousand sessions, a hundred thousand, and a million.

The population is made up (see `population.py`), its index written by the code that writes any index (`index_states.py`)
and listed in three states: `lived in`, as use and merges leave it; `unattended`, the same where nobody ever ran
`s3store index compact` and only the small merges were made that clients make in passing; and `compacted`, just after
`s3store index compact --all`. Cold is a store object that is new; warm is the same one again.

Every call is made by three new store objects, and the median time is shown; one that takes seconds is made by one. S3
is moto in a process of its own, where requests are counted at the level of HTTP. Memory is that of a process of its own
at its peak.

Targets: the newest 50 of a million in at most 5 requests cold and 2 warm, one of them answered 304; all of a million
reads under 100 MB and stays under 1 GB of memory.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import s3store

from .common import KIB, Table, arguments, elsewhere, peak_memory, report
from .index_states import IN_PASSING, compact_all, copy, lived_in
from .places import Directory, Moto, Place, moto_with_bucket, opened
from .population import AGENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store import SessionStore

SIZES = (1_000, 100_000, 1_000_000)
STATES = ("lived in", "unattended", "compacted")
PLACES = ("moto", "directory")
_ROUNDS = 3
_LONG = 2.0


@dataclass(frozen=True)
class Call:
    """A call to measure. What `before` does on the same store object, or another process on its own, is not counted."""

    name: str
    made: Callable[[SessionStore], object]
    before: Callable[[SessionStore], object] | None = None
    elsewhere: Callable[[SessionStore], object] | None = None


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="how many; may be repeated (default: all three)")
    parser.add_argument("--state", action="append", choices=STATES, help="may be repeated (default: all)")
    parser.add_argument("--place", action="append", choices=PLACES, help="may be repeated (default: both)")
    options = parser.parse_args()
    tables = []
    with ExitStack() as closing:
        moto = closing.enter_context(moto_with_bucket())
        for sessions in options.sessions or SIZES:
            for state in options.state or STATES:
                folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
                elsewhere(_build, folder, sessions, state)
                in_moto = Moto(moto, f"{sessions}-{state.replace(' ', '-')}")
                places: dict[str, Place] = {"moto": in_moto, "directory": Directory(folder)}
                if "moto" in (options.place or PLACES):
                    copy(folder, in_moto.store())
                tables.append(_describe(folder, sessions, state))
                tables += [_measure(places[name], sessions, state) for name in options.place or PLACES]
                tables.append(_memory(folder, sessions, state))
    report("index_listing", tables, as_json=options.json)


def calls(sessions: int) -> list[Call]:
    """Return what people ask of the list."""
    common, rare = AGENTS[0], AGENTS[-1]

    def newest(store: SessionStore) -> object:
        return store.page(limit=50)

    def write(store: SessionStore) -> object:
        return store.append("another", "one more")

    return [
        Call("newest 50, cold", newest),
        Call("newest 50, warm", newest, before=newest),
        Call("newest 50, warm, after one more write", newest, before=newest, elsewhere=write),
        Call("oldest 50", lambda store: store.page(limit=50, order="oldest")),
        Call(f"50 at offset {sessions // 2:,}", lambda store: store.page(limit=50, offset=sessions // 2)),
        Call("newest 50 of the busiest agent", lambda store: store.page(limit=50, agent=common)),
        Call("newest 50 of the idlest agent", lambda store: store.page(limit=50, agent=rare)),
        Call("all of the idlest agent", lambda store: list(store.list(agent=rare))),
        Call("running()", lambda store: store.running()),
        Call("stuck(600)", lambda store: store.stuck(600)),
        Call("count()", lambda store: store.count()),
        Call("all", count_all),
    ]


def count_all(store: SessionStore) -> int:
    """Go through the whole list."""
    return sum(1 for _ in store.list())


def _measure(place: Place, sessions: int, state: str) -> Table:
    title = f"{sessions:,} sessions, {state}, {place.name}"
    table = Table(title, ("what", "requests", "LIST", "GET", "of it 304", "KB down", "ms"))
    for call in calls(sessions):
        seconds: list[float] = []
        while len(seconds) < _ROUNDS and sum(seconds) < _LONG:
            with opened(place) as store:
                if call.before:
                    call.before(store)
                if call.elsewhere:
                    with opened(place) as other:
                        call.elsewhere(other)
                place.asked()
                began = time.perf_counter()
                call.made(store)
                seconds.append(time.perf_counter() - began)
                asked = place.asked()
        down = asked.down / 1000
        table.add(
            call.name, asked.requests, asked.lists, asked.gets, asked.unchanged, down, statistics.median(seconds) * 1000
        )
    return table


def _describe(folder: Path, sessions: int, state: str) -> Table:
    with s3store.SessionStore(f"file://{folder}") as store:
        status = store.index.status()
    table = Table(f"{sessions:,} sessions, {state}", ("pages", "runs", "entries", "MB", "manifest KB", "log"))
    manifest = (folder / "index" / "manifest.json").stat().st_size / 1000
    runs = sum(status.runs.values())
    table.add(status.pages, runs, status.entries, status.bytes / 1e6, manifest, status.log)
    return table


def _memory(folder: Path, sessions: int, state: str) -> Table:
    table = Table(f"{sessions:,} sessions, {state}: memory at the peak", ("process", "MiB", "seconds"))
    jobs: dict[str, Callable[[Path], object]] = {"import s3store alone": _nothing, "all": _all, "count()": _count}
    for name, job in jobs.items():
        seconds, peak = elsewhere(_timed, job, folder)
        table.add(name, peak / KIB, seconds)
    return table


def _build(folder: Path, sessions: int, state: str) -> None:
    lived_in(folder, sessions, highest=IN_PASSING if state == "unattended" else None)
    if state == "compacted":
        compact_all(folder)


def _timed(job: Callable[[Path], object], folder: Path) -> tuple[float, int]:
    began = time.perf_counter()
    job(folder)
    return time.perf_counter() - began, peak_memory()


def _nothing(folder: Path) -> None:
    s3store.SessionStore(f"file://{folder}").close()


def _all(folder: Path) -> int:
    with opened(Directory(folder)) as store:
        return count_all(store)


def _count(folder: Path) -> int:
    with opened(Directory(folder)) as store:
        return store.count()


if __name__ == "__main__":
    main()
