"""What the clean-up costs: `python -m benchmarks.cleanup [--sessions N] [--json]`.

*Looked through*: sessions with nothing to remove, in a bucket that is made up as it is listed, so that the memory is
the clean-up's own, and should not grow with their number. *Removed*: sessions with traces, and an orphan beside those
of one in ten. The time is that of the code alone, for no request leaves the process; the requests are what a bucket
would charge.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from s3store import SessionStore
from s3store.keys import SESSIONS, StreamKeys, segment_name
from s3store.objects.base import ListedObject, ListPage
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

from .common import Table, arguments, elsewhere, peak_memory, report

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_ULID = "01m7wfy0frb4sa6wnn7wrgjxmk"
_COLUMNS = ("sessions", "seconds", "sessions a second", "list", "get", "put", "delete", "peak MiB")
_WITH_ORPHANS = 5_000


class MadeUp(MemoryStore):
    """A bucket that makes up so many sessions under each prefix, and keeps none of them."""

    def __init__(self, under_each: int) -> None:
        super().__init__()
        self._under_each = under_each

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        if not prefix.startswith(SESSIONS):
            return await super().list_page(prefix, after=after, limit=limit)
        start = 0 if after is None else int(after.split("/")[2]) + 1
        numbers = range(start, min(start + limit, self._under_each))
        keys = [f"{prefix}{number:09d}/transcript.jsonl.zst" for number in numbers]
        page = tuple(ListedObject(key, 2_000, _LONG_AGO) for key in keys)
        return ListPage(page, keys[-1] if numbers.stop < self._under_each else None)


def looked_through(sessions: int) -> tuple[int | float, ...]:
    """Return a row of the table."""
    return _measured(CountingStore(MadeUp(sessions // 256)))


def removed(sessions: int) -> tuple[int | float, ...]:
    """Return a row of the table."""
    objects = MemoryStore()
    with SessionStore(objects) as store:
        for number in range(sessions):
            keys = StreamKeys.of(f"s{number}", "traces")
            store.traces(keys.session_id).append({"n": number})
            if number % 10 == 0:
                run(objects.put(keys.segment(segment_name(7, _ULID)), b"orphan"))
    return _measured(CountingStore(objects))


def _measured(objects: CountingStore) -> tuple[int | float, ...]:
    with SessionStore(objects) as store:
        store.append("any", 1)  # whatever a new archive asks for
        objects.reset()
        began = time.perf_counter()
        found = store.cleanup(older_than=0)
        seconds = time.perf_counter() - began
    counts = objects.counts
    requests = (counts.lists, counts.gets, counts.puts, counts.deletes)
    return found.sessions, seconds, round(found.sessions / seconds), *requests, peak_memory() // 1024


def main() -> None:
    """Run it."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000, metavar="N", help="the most (default: a million)")
    options = parser.parse_args()
    looked = Table("Looked through, nothing to remove", _COLUMNS)
    for sessions in (options.sessions // 100, options.sessions // 10, options.sessions):
        looked.add(*elsewhere(looked_through, sessions))
    gone = Table("Removed: one of ten has an orphan", _COLUMNS)
    gone.add(*elsewhere(removed, _WITH_ORPHANS))
    report("cleanup", [looked, gone], as_json=options.json)


if __name__ == "__main__":
    main()
