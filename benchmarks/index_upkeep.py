"""What it costs to keep the index: requests a commit, and the work of compaction as the archive grows.

The first table writes 200 turns to one session, one commit each and a few seconds apart on a clock that is stepped by
hand. In the second, a made-up population (see `population.py`) lives from its first change to its last: each change
goes into the log, and whenever the log has 768 entries it is compacted. What is counted is the work for the last tenth
of the changes and the mean over all. If work grows as n log n, the entries rewritten for each change grow by one with
every tier, which are as many as the base-8 logarithm of the number of compactions; with n² they would grow with n.
"""

from __future__ import annotations

import time
from math import log
from typing import TYPE_CHECKING, NamedTuple

from s3store import IndexPolicy
from s3store.archive import Archive
from s3store.index.sizes import FAN_IN
from s3store.keys import INDEX_LOG
from s3store.locations import Opened
from s3store.objects.base import all_keys
from s3store.objects.counting import CountingStore, Counts
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.session import SessionCore
from s3store.streams.commit import CommitPolicy

from .common import Table, arguments, report
from .index_states import BATCH, Parts
from .population import changes, entry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from s3store.runtime import Work

    from .population import Change

_PER = 10_000


class SteppedRuntime(BlockingRuntime):
    """A runtime whose clock is stepped by hand; work in the background is done when its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self._time = 0.0
        self._waiting: list[tuple[float, Work]] = []

    def monotonic(self) -> float:
        """Return the time that was stepped to."""
        return self._time

    def background(self, work: Work, *, after: float = 0.0) -> None:
        """Do it in the step that reaches its time."""
        self._waiting.append((self._time + after, work))

    def before_the_end(self, work: Work) -> None:
        """Nobody ends this process."""

    def step(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self._time += seconds
        due = [work for at, work in self._waiting if at <= self._time]
        self._waiting = [(at, work) for at, work in self._waiting if at > self._time]
        for work in due:
            run(work())


class Worked(NamedTuple):
    """The work of compaction over some changes."""

    changes: int
    compactions: int
    written: int
    asked: Counts
    seconds: float


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--turns", type=int, default=200, help="commits to the busy session (default: 200)")
    parser.add_argument(
        "--sessions",
        type=int,
        action="append",
        help="size of an archive; may be repeated (default: 10,000 and 100,000)",
    )
    options = parser.parse_args()
    tables = [_commits(options.turns), *_compactions(options.sessions or [10_000, 100_000])]
    report("index_upkeep", tables, as_json=options.json)


def _commits(turns: int) -> Table:
    table = Table(
        f"{turns} commits to one session",
        (
            "publish_every",
            "seconds apart",
            "PUT of commits",
            "PUT of the index",
            "a commit",
            "DELETE",
            "left",
        ),
    )
    for publish_every in (0.0, 10.0, 60.0, 600.0):
        for apart in (3.0, 30.0):
            asked, left = _busy_session(IndexPolicy(publish_every=publish_every), turns, apart)
            puts = asked.puts - turns
            table.add(publish_every, apart, turns, puts, puts / turns, asked.deletes, left)
    return table


def _busy_session(policy: IndexPolicy, turns: int, apart: float) -> tuple[Counts, int]:
    """Commit so many turns; return what was asked of the store, and how many entries the log was left with."""
    store, runtime = CountingStore(MemoryStore()), SteppedRuntime()
    archive = Archive(Opened(store, built_in=True), runtime, CommitPolicy(), policy)
    session = SessionCore(archive, "busy", bound=False)
    run(archive.ready_to_write())
    store.reset()
    for turn in range(turns):
        run(session.append({"role": "user", "content": f"turn {turn}"}, None, must_exist=False, expected_version=None))
        runtime.step(apart)
    run(archive.close())
    return store.counts, len(run(all_keys(store, INDEX_LOG)))


def _compactions(sizes: Sequence[int]) -> list[Table]:
    work = Table(
        f"Compaction, for {_PER:,} changes",
        ("sessions", "changes", "of", "LIST", "GET", "PUT", "DELETE", "MB up", "MB down", "seconds"),
    )
    growth = Table(
        "Entries rewritten for each change",
        (
            "sessions",
            "changes",
            "compactions",
            "rewritten",
            f"log{FAN_IN} of compactions",
            "ratio",
            "if all were rewritten",
        ),
    )
    for size in sizes:
        history = sorted(changes(size))
        parts = Parts(CountingStore(MemoryStore()))
        early = history[: -len(history) // 10]
        first = _replay(parts, early)
        last = _replay(parts, history[len(early) :])
        for name, worked in (("all", _sum(first, last)), ("the last tenth", last)):
            share = _PER / worked.changes
            asked = worked.asked
            requests = (asked.lists * share, asked.gets * share, asked.puts * share, asked.deletes * share)
            megabytes = (asked.bytes_up * share / 1e6, asked.bytes_down * share / 1e6)
            work.add(size, len(history), name, *requests, *megabytes, worked.seconds * share)
        whole = _sum(first, last)
        rewritten, tiers = whole.written / whole.changes, log(whole.compactions, FAN_IN)
        quadratic = whole.compactions * size / 2 / whole.changes
        growth.add(size, whole.changes, whole.compactions, rewritten, tiers, rewritten / tiers, quadratic)
    return [work, growth]


def _replay(parts: Parts, history: Sequence[Change]) -> Worked:
    """Tell the index changes, and compact its log whenever it has grown long."""
    assert isinstance(parts.store, CountingStore)
    compactions = written = 0
    seconds = 0.0
    asked = Counts()
    for at in range(0, len(history), BATCH):
        for change in history[at : at + BATCH]:
            run(parts.log.add(entry_after(change)))
        parts.store.reset()
        began = time.perf_counter()
        compacted = run(parts.compactor.compact())
        seconds += time.perf_counter() - began
        asked = _added(asked, parts.store.reset())
        compactions += 1
        written += compacted.written if compacted else 0
    return Worked(len(history), compactions, written, asked, seconds)


def _sum(one: Worked, other: Worked) -> Worked:
    return Worked(
        one.changes + other.changes,
        one.compactions + other.compactions,
        one.written + other.written,
        _added(one.asked, other.asked),
        one.seconds + other.seconds,
    )


def _added(one: Counts, other: Counts) -> Counts:
    return Counts(
        one.gets + other.gets,
        one.puts + other.puts,
        one.deletes + other.deletes,
        one.lists + other.lists,
        one.bytes_up + other.bytes_up,
        one.bytes_down + other.bytes_down,
    )


if __name__ == "__main__":
    main()
