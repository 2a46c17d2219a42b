"""A session resumed, and a listing repeated, with and without the cache of this machine.

A made-up coding session of about 1 MB of JSON is loaded whole:

    no cache       every byte comes from the server
    cold           the same, and what comes is kept
    asked          it is kept, and the server says by a 304 that it has not changed
    max_age        it is kept, and nobody is asked
    by hand        a local file of the same lines as zstd: read, decompressed, one orjson call a line
    one answer     the bare SDK: one conditional GET that is answered 304

Each by a store that has just been opened, as in a process that resumes, and `again` by one that has loaded it before;
opening it, its client and its connection are not part of what is measured. moto runs in a process of its own; with
--delay, something before it puts off every answer by so many milliseconds, as S3 would take. Targets: `max_age` within
1.5 of `by hand`, in CPU time (a busy machine interrupts what takes some milliseconds, and spares what takes a little
less); with a delay of 30 ms, `max_age` 8 times faster than no cache, `asked` within 5 ms of one answer, at best.

The listing is the newest 50 of --sessions, merged into pages: by a process that has listed before, and by new ones.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import zstandard

from s3store import CachePolicy, IndexPolicy, SessionStore
from s3store.keys import transcript_head

from .common import MIB, Table, arguments, counting_moto, interleaved, milliseconds, report, s3_options
from .content import coding_session
from .places import BUCKET, Asked, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.jsontext import JsonValue

    from .common import MotoProcess

_URL = f"s3://{BUCKET}/agents"
_ID = "coding/1"


class Desk:
    """An archive on a server, and a machine with a cache."""

    def __init__(self, moto: MotoProcess, folder: Path, closing: ExitStack) -> None:
        import boto3

        self.moto = moto
        self.cache = folder / "cache"
        self.file = folder / "by-hand.zst"
        self._closing = closing
        self._etag: str | None = None
        self.options = s3_options(moto.url)
        session: Any = boto3.Session("test", "test", region_name="us-east-1")
        self._bare = session.client("s3", endpoint_url=moto.url)
        self._bare.create_bucket(Bucket=BUCKET)

    def store(self, cache: Any) -> SessionStore:
        """Open the archive as a new process would."""
        index = IndexPolicy(compact_after=None)
        return self._closing.enter_context(SessionStore(_URL, s3=self.options, index=index, cache=cache))

    def one_answer(self) -> None:
        """Ask for the head that has not changed, with the bare SDK."""
        key = f"agents/{transcript_head(_ID)}"
        if self._etag is None:
            self._etag = self._bare.head_object(Bucket=BUCKET, Key=key)["ETag"]
        try:
            self._bare.get_object(Bucket=BUCKET, Key=key, IfNoneMatch=self._etag)
        except self._bare.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "304":
                raise


@contextmanager
def _desk(delay: float) -> Iterator[Desk]:
    with counting_moto(delay or None) as moto, tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        yield Desk(moto, Path(folder), closing)


def _resume(desk: Desk, delay: float, rounds: int) -> Table:
    messages: list[JsonValue] = [message for turn in coding_session(1, MIB) for message in turn]
    desk.store(False).save(_ID, messages)
    desk.store(CachePolicy(desk.cache)).load(_ID)
    desk.file.write_bytes(zstandard.ZstdCompressor(level=3).compress(b"\n".join(map(orjson.dumps, messages))))
    again, again_unasked = desk.store(CachePolicy(desk.cache)), desk.store(CachePolicy(desk.cache, max_age=3600))
    jobs: dict[str, Callable[[], Measured]] = {
        "no cache": lambda: _anew(desk, False),
        "cold": lambda: _cold(desk),
        "asked": lambda: _anew(desk, CachePolicy(desk.cache)),
        "max_age": lambda: _anew(desk, CachePolicy(desk.cache, max_age=3600)),
        "asked, again": lambda: _measured(desk, lambda: again.load(_ID).messages),
        "max_age, again": lambda: _measured(desk, lambda: again_unasked.load(_ID).messages),
        "by hand": lambda: _measured(desk, lambda: _by_hand(desk.file)),
        "one answer": lambda: _measured(desk, desk.one_answer),
    }
    for job in jobs.values():
        job()
    measured: dict[str, list[Measured]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            measured[name].append(job())
    spent = {name: milliseconds([each.seconds for each in found]) for name, found in measured.items()}
    cpu = {name: milliseconds([each.cpu for each in found]) for name, found in measured.items()}
    table = Table(
        f"resume of {sum(map(len, map(orjson.dumps, messages))):,} bytes, {delay:g} ms before each answer",
        ("", "requests", "of these 304", "bytes received", "ms", "best ms", "ms of CPU", "by hand = 1"),
    )
    for name, took in spent.items():
        of = measured[name][-1].asked
        table.add(
            *(name, of.requests, of.unchanged, of.down),
            *(took, min(each.seconds for each in measured[name]) * 1000, cpu[name], cpu[name] / cpu["by hand"]),
        )
    return table


class Measured(NamedTuple):
    """What a job took."""

    seconds: float
    cpu: float
    asked: Asked


def _measured(desk: Desk, job: Callable[[], object]) -> Measured:
    counted(desk.moto)
    began, began_cpu = time.perf_counter(), time.thread_time()
    result = job()
    seconds, cpu = time.perf_counter() - began, time.thread_time() - began_cpu
    del result
    return Measured(seconds, cpu, counted(desk.moto))


def _anew(desk: Desk, cache: Any) -> Measured:
    """Load with a store that knows nothing yet; what it takes to open it and its connection is not measured."""
    with SessionStore(_URL, s3=desk.options, cache=cache) as store:
        store.exists("nothing")
        return _measured(desk, lambda: store.load(_ID).messages)


def _cold(desk: Desk) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        return _anew(desk, folder)


def _by_hand(file: Path) -> list[JsonValue]:
    lines = zstandard.ZstdDecompressor().decompress(file.read_bytes())
    return [orjson.loads(line) for line in lines.split(b"\n")]


def _listing(desk: Desk, delay: float, sessions: int, rounds: int) -> Table:
    writer = desk.store(False)
    for number in range(sessions):
        writer.create(f"session/{number}", agent=f"agent-{number % 7}", name=f"Session {number}")
    writer.index.compact(everything=True)
    same = desk.store(CachePolicy(desk.cache))
    patient = desk.store(CachePolicy(desk.cache, max_age=3600))
    plain = desk.store(False)
    jobs: dict[str, Callable[[], object]] = {
        "no cache, new process": lambda: _listed_anew(desk, False),
        "asked, new process": lambda: _listed_anew(desk, CachePolicy(desk.cache)),
        "no cache, again": plain.page,
        "asked, again": same.page,
        "max_age, again": patient.page,
    }
    for job in jobs.values():
        job()
    requests = {name: _measured(desk, job).asked for name, job in jobs.items()}
    taken = interleaved(jobs, rounds)
    table = Table(
        f"the newest 50 of {sessions:,} sessions, {delay:g} ms before each answer",
        ("", "LIST", "GET", "of these 304", "bytes received", "ms"),
    )
    for name in jobs:
        of = requests[name]
        table.add(name, of.lists, of.gets, of.unchanged, of.down, milliseconds(taken[name]))
    return table


def _listed_anew(desk: Desk, cache: Any) -> None:
    """List with a store that has just been opened; its client and connection are part of what is measured."""
    with SessionStore(_URL, s3=desk.options, cache=cache) as store:
        assert len(store.page().sessions) == 50


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--delay", type=float, action="append", metavar="MS", help="before each answer (0 and 30)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sessions", type=int, default=1000, help="how many sessions are listed (1000)")
    given = parser.parse_args()
    tables: list[Table] = []
    for delay in given.delay or [0.0, 30.0]:
        with _desk(delay) as desk:
            tables.append(_resume(desk, delay, given.rounds))
    with _desk(0.0) as desk:
        tables.append(_listing(desk, 0.0, given.sessions, given.rounds))
    report("cache_resume", tables, as_json=given.json)


if __name__ == "__main__":
    main()
