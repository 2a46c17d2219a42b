"""Copy of an archive to another: requests on either side, and seconds, the first time and when nothing has changed.

The sessions are made up, and both archives are in memory, so that the seconds are this program's own. Beside it, what a
user would do: `load` and `save` each session, which keeps neither keys nor times; and get and put each object, as
`aws s3 sync` does, which is safe only as long as nobody writes to either side.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from s3store import SessionStore
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

from .common import Table, arguments, report
from .exports import fill

if TYPE_CHECKING:
    from collections.abc import Callable

_MB = 1_000_000


class Sides:
    """Two archives: one with sessions in it, and an empty one."""

    def __init__(self, source: CountingStore) -> None:
        self.objects, self.far_objects = source, CountingStore(MemoryStore())
        self.source, self.target = SessionStore(self.objects), SessionStore(self.far_objects)
        # What checks the store comes with the first write, once in the life of an archive.
        self.target.append("first", "write")
        self.target.delete("first")

    def close(self) -> None:
        self.source.close()
        self.target.close()


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=500, help="sessions in the archive (default: 500)")
    parser.add_argument("--bytes", type=int, default=32_000, help="about the size of each (default: 32,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each job runs (default: 3)")
    options = parser.parse_args()
    columns = ("job", "seconds", "MB JSON/s", "GET there a session", "GET here a session", "PUT here a session")
    table = Table("Copy", columns)
    filled = CountingStore(MemoryStore())
    size = fill(filled, options.sessions, options.bytes)
    jobs: dict[str, Callable[[Sides], object]] = {
        "copy_to": lambda sides: sides.source.copy_to(sides.target),
        "load and save": _load_and_save,
        "get and put each object": _each_object,
    }
    rows: dict[str, list[tuple[float, ...]]] = {}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            sides = Sides(filled)
            for again in ("", ", nothing new"):
                rows.setdefault(name + again, []).append(_measured(job, sides, options.sessions))
            sides.close()
    for name, runs in rows.items():
        seconds, *requests = (statistics.median(each) for each in zip(*runs, strict=True))
        table.add(name, seconds, size / _MB / seconds, *requests)
    report("copies", [table], as_json=options.json)


def _measured(job: Callable[[Sides], object], sides: Sides, sessions: int) -> tuple[float, ...]:
    sides.objects.reset()
    sides.far_objects.reset()
    began = time.perf_counter()
    job(sides)
    seconds = time.perf_counter() - began
    there, here = sides.objects.counts, sides.far_objects.counts
    return seconds, there.gets / sessions, here.gets / sessions, here.puts / sessions


def _load_and_save(sides: Sides) -> None:
    for session in sides.source.list():
        sides.target.save(session.id, sides.source.load(session.id).messages)


def _each_object(sides: Sides) -> None:
    after: str | None = None
    while True:
        page = run(sides.objects.list_page("", after=after))
        for listed in page.objects:
            run(sides.far_objects.put(listed.key, run(sides.objects.get(listed.key)).body))
        if page.next_after is None:
            return
        after = page.next_after


if __name__ == "__main__":
    main()
