"""A session resumed, and a listing repeated, with and without the cache of this machine.

A made-up coding session of about 1 MB of JSON is loaded whole:

    no cache       every byte comes from the server
    cold           the same, and what comes is kept
    asked          it is kept, and the server says by a 304 that it has not changed
    max_age        it is kept, and nobody is asked
    by hand        a local file of the same lines as zstd: read, decompressed, one orjson call a line
    one answer     the bare SDK: one conditional GET that is answered 304

Each store is opened once and used again, as in a long-lived process. moto runs in a process of its own; with --delay,
something before it puts off every answer by so many milliseconds, as S3 would take. Targets: `max_age` within 1.5 of
`by hand`; with a delay of 30 ms, `max_age` 8 times faster than no cache, and `asked` within 5 ms of one answer.

The listing is the newest 50 of --sessions, merged into pages: by a process that has listed before, and by new ones.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from s3store import CachePolicy, IndexPolicy, SessionStore

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
        self._options = s3_options(moto.url)
        session: Any = boto3.Session("test", "test", region_name="us-east-1")
        self.bare = session.client("s3", endpoint_url=moto.url)
        self.bare.create_bucket(Bucket=BUCKET)

    def store(self, cache: Any) -> SessionStore:
        """Open the archive as a new process would."""
        index = IndexPolicy(compact_after=None)
        return self._closing.enter_context(SessionStore(_URL, s3=self._options, index=index, cache=cache))


@contextmanager
def _desk(delay: float) -> Iterator[Desk]:
    with counting_moto(delay or None) as moto, tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        yield Desk(moto, Path(folder), closing)


def _resume(desk: Desk, delay: float, rounds: int) -> Table:
    messages: list[JsonValue] = [message for turn in coding_session(1, MIB) for message in turn]
    desk.store(False).save(_ID, messages)
    desk.file.write_bytes(zstandard.ZstdCompressor(level=3).compress(b"\n".join(map(orjson.dumps, messages))))
    plain, asked = desk.store(False), desk.store(CachePolicy(desk.cache))
    unasked = desk.store(CachePolicy(desk.cache, max_age=3600))
    [key] = [found["Key"] for found in desk.bare.list_objects_v2(Bucket=BUCKET, Prefix="agents/sessions/")["Contents"]]
    etag = desk.bare.head_object(Bucket=BUCKET, Key=key)["ETag"]
    cold = desk.store(desk.cache.with_name("cold"))

    def one_answer() -> None:
        try:
            desk.bare.get_object(Bucket=BUCKET, Key=key, IfNoneMatch=etag)
        except desk.bare.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "304":
                raise

    jobs: dict[str, Callable[[], object]] = {
        "no cache": lambda: plain.load(_ID).messages,
        "asked": lambda: asked.load(_ID).messages,
        "max_age": lambda: unasked.load(_ID).messages,
        "by hand": lambda: _by_hand(desk.file),
        "one answer": one_answer,
    }
    assert plain.load(_ID).messages == asked.load(_ID).messages == _by_hand(desk.file) == messages
    requests = {name: _asked_by(desk, job) for name, job in jobs.items()}
    requests["cold"] = _asked_by(desk, lambda: cold.load(_ID))
    taken = interleaved(jobs, rounds)
    taken["cold"] = _cold(desk, rounds)
    table = Table(
        f"resume of {sum(map(len, map(orjson.dumps, messages))):,} bytes, {delay:g} ms before each answer",
        ("", "requests", "of these 304", "bytes received", "ms", "by hand = 1", "no cache = 1"),
    )
    by_hand, no_cache = milliseconds(taken["by hand"]), milliseconds(taken["no cache"])
    for name in ("no cache", "cold", "asked", "max_age", "by hand", "one answer"):
        spent, of = milliseconds(taken[name]), requests[name]
        table.add(name, of.requests, of.unchanged, of.down, spent, spent / by_hand, spent / no_cache)
    return table


def _cold(desk: Desk, rounds: int) -> list[float]:
    """Load with an empty cache, again and again; what it takes to open a store and its connection is not measured."""
    seconds: list[float] = []
    for _ in range(rounds):
        with (
            tempfile.TemporaryDirectory() as folder,
            SessionStore(_URL, s3=s3_options(desk.moto.url), cache=folder) as store,
        ):
            store.exists("nothing")
            began = time.perf_counter()
            store.load(_ID)
            seconds.append(time.perf_counter() - began)
    return seconds


def _by_hand(file: Path) -> list[JsonValue]:
    lines = zstandard.ZstdDecompressor().decompress(file.read_bytes())
    return [orjson.loads(line) for line in lines.split(b"\n")]


def _asked_by(desk: Desk, job: Callable[[], object]) -> Asked:
    counted(desk.moto)
    job()
    return counted(desk.moto)


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
    requests = {name: _asked_by(desk, job) for name, job in jobs.items()}
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
    with SessionStore(_URL, s3=s3_options(desk.moto.url), cache=cache) as store:
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
