"""Wall time of save and load, against the same job by hand, in one run and by turns.

By hand: orjson, zstd level 3 and one `put_object` or `get_object` of a client that is kept; in a directory, one file
that is written and synced. What s3store does beside that: one JSON line a record with its number and time, a check
of what JSON can hold, hashes, a condition on each write, and on load a check of every byte.

    create        a new session
    save, grown   the transcript again with one more message, by a store that knows its head
    save, new     the transcript again with its first message changed: everything differs
    load          the whole transcript
    load, lines   the same, by hand from the same lines, envelopes and all, each line by itself

"Quiet" is a store that tells the index once an hour: its saves are the one PUT of the head, as those by hand are.
The other store tells the index at each commit, with one PUT more. A create is three PUTs with both, since a new
session is listed at once.

Servers run in processes of their own. Ratios are medians over the rounds; targets: at most 2 for 16 KB, 1.3 above.
"""

from __future__ import annotations

import cProfile
import io
import itertools
import os
import pstats
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson
import zstandard

from s3store import IndexPolicy, SessionStore
from tests.servers import MinistackServer

from .common import KIB, MIB, Table, add_corpus, arguments, interleaved, milliseconds, moto_process, report, s3_options
from .content import coding_session, corpus_sessions, json_bytes, transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.jsontext import JsonValue

SIZES = {"16 KB": 16 * KIB, "1 MB": MIB, "4 MB": 4 * MIB}
PLACES = ("moto", "ministack", "directory")
_BUCKET = "benchmark"


class Bytes(Protocol):
    """Keeps bytes by hand."""

    def put(self, name: str, body: bytes) -> None:
        """Store bytes."""

    def get(self, name: str) -> bytes:
        """Read them."""


class BareBucket:
    """The SDK alone, with one client."""

    def __init__(self, url: str) -> None:
        import boto3

        self._client = boto3.Session("test", "test", region_name="us-east-1").client("s3", endpoint_url=url)
        self._client.create_bucket(Bucket=_BUCKET)

    def put(self, name: str, body: bytes) -> None:
        """Store bytes."""
        self._client.put_object(Bucket=_BUCKET, Key=f"bare/{name}", Body=body)

    def get(self, name: str) -> bytes:
        """Read them."""
        body: bytes = self._client.get_object(Bucket=_BUCKET, Key=f"bare/{name}")["Body"].read()
        return body


class BareFiles:
    """Files, synced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def put(self, name: str, body: bytes) -> None:
        """Store bytes."""
        with (self._folder / name).open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())

    def get(self, name: str) -> bytes:
        """Read them."""
        return (self._folder / name).read_bytes()


class Side(Protocol):
    """One way to do the jobs."""

    def create(self, name: str, messages: list[JsonValue]) -> object:
        """Store a new transcript."""

    def save(self, name: str, messages: list[JsonValue]) -> object:
        """Store a transcript over the one before."""

    def load(self, name: str) -> list[JsonValue]:
        """Read it."""


class ByHand:
    """What a careful person writes without s3store."""

    def __init__(self, store: Bytes) -> None:
        self._store = store
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()

    def create(self, name: str, messages: list[JsonValue]) -> None:
        """Store a transcript."""
        self.save(name, messages)

    def save(self, name: str, messages: list[JsonValue]) -> None:
        """Store a transcript."""
        self._store.put(name, self._compressor.compress(orjson.dumps(messages)))

    def load(self, name: str) -> list[JsonValue]:
        """Read it."""
        messages: list[JsonValue] = orjson.loads(self._decompressor.decompress(self._store.get(name)))
        return messages

    def save_lines(self, name: str, records: list[JsonValue]) -> None:
        """Store JSON lines."""
        self._store.put(name, self._compressor.compress(b"\n".join(map(orjson.dumps, records))))

    def load_lines(self, name: str) -> list[JsonValue]:
        """Read JSON lines."""
        return [orjson.loads(line) for line in self._decompressor.decompress(self._store.get(name)).split(b"\n")]


class Ours:
    """The same by s3store."""

    def __init__(self, store: SessionStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def create(self, name: str, messages: list[JsonValue]) -> object:
        """Store a new transcript."""
        return self._store.create(self._prefix + name, messages)

    def save(self, name: str, messages: list[JsonValue]) -> object:
        """Store a transcript over the one before."""
        return self._store.save(self._prefix + name, messages)

    def load(self, name: str) -> list[JsonValue]:
        """Read it."""
        return self._store.load(self._prefix + name).messages

    def lines(self, name: str) -> list[JsonValue]:
        """Return the records as they stand in the archive."""
        return list(self._store.load(self._prefix + name).lines)


@dataclass(frozen=True)
class Sides:
    """The three ways that are compared, all in one place."""

    ours: Ours
    quiet: Ours
    by_hand: ByHand


@dataclass(frozen=True)
class Job:
    """The same job, three times; by hand alone where s3store's telling the index plays no part."""

    name: str
    ours: Callable[[], object]
    quiet: Callable[[], object] | None
    by_hand: Callable[[], object]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    add_corpus(parser)
    parser.add_argument("--rounds", type=int, default=60, help="measured rounds of each job (default: 60)")
    parser.add_argument("--place", action="append", choices=PLACES, help="where to store; may be repeated")
    parser.add_argument("--size", action="append", choices=tuple(SIZES), help="size of transcript; may be repeated")
    parser.add_argument("--made-up", action="store_true", help="a made-up coding session, with longer messages")
    parser.add_argument("--profile", action="store_true", help="print where s3store's own time goes")
    options = parser.parse_args()
    sessions = corpus_sessions(options.corpus)
    tables = []
    for place in options.place or PLACES:
        table = Table(place, ("transcript", "job", "s3store ms", "quiet ms", "by hand ms", "ratio", "quiet"))
        with ExitStack() as closing:
            sides = _open(place, closing)
            for size in options.size or SIZES:
                messages = _made_up(SIZES[size]) if options.made_up else transcript(sessions, SIZES[size])
                packed = len(zstandard.compress(orjson.dumps(messages), 3))
                label = f"{size}, {len(messages):,} messages, zstd {json_bytes(messages) / packed:.1f}:1"
                for job in _jobs(sides, size, messages):
                    _measure(table, label, job, options.rounds)
                    if options.profile:
                        _profile(f"{place}, {label}, {job.name}", job.quiet or job.ours)
        tables.append(table)
    report("save_load", tables, as_json=options.json)


def _made_up(size: int) -> list[JsonValue]:
    messages = [message for turn in coding_session(1, size) for message in turn]
    while json_bytes(messages) > size:
        messages.pop()
    return messages


def _open(place: str, closing: ExitStack) -> Sides:
    if place == "directory":
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        by_hand = ByHand(BareFiles(folder / "bare"))
        location, s3 = f"file://{folder / 'archive'}", None
    else:
        url = closing.enter_context(moto_process() if place == "moto" else _ministack())
        by_hand = ByHand(BareBucket(url))
        location, s3 = f"s3://{_BUCKET}/archive", s3_options(url)
    exact = closing.enter_context(SessionStore(location, s3=s3))
    quiet = closing.enter_context(SessionStore(location, s3=s3, index=IndexPolicy(publish_every=3600)))
    return Sides(Ours(exact, "exact/"), Ours(quiet, "quiet/"), by_hand)


@contextmanager
def _ministack() -> Iterator[str]:
    with MinistackServer() as server:
        yield server.url


def _jobs(sides: Sides, size: str, messages: list[JsonValue]) -> list[Job]:
    each = [_jobs_of(side, size, messages) for side in (sides.ours, sides.quiet, sides.by_hand)]
    jobs = [Job(name, *(jobs[name] for jobs in each)) for name in each[0]]
    name = f"{size}-changed"
    sides.by_hand.save_lines("lines", sides.ours.lines(name))
    return [
        *jobs,
        Job("load", lambda: sides.ours.load(name), None, lambda: sides.by_hand.load(name)),
        Job("load, lines", lambda: sides.ours.load(name), None, lambda: sides.by_hand.load_lines("lines")),
    ]


def _jobs_of(side: Side, size: str, messages: list[JsonValue]) -> dict[str, Callable[[], object]]:
    names = (f"{size}-{number}" for number in itertools.count())
    grown, changed = f"{size}-grown", f"{size}-changed"
    more = itertools.cycle(messages)
    growing = list(messages)
    first = ({"role": "user", "content": f"number {number}"} for number in itertools.count())
    side.save(grown, messages)
    side.save(changed, messages)

    def save_grown() -> object:
        growing.append(next(more))
        return side.save(grown, growing)

    return {
        "create": lambda: side.create(next(names), messages),
        "save, grown": save_grown,
        "save, new": lambda: side.save(changed, [next(first), *messages[1:]]),
    }


def _measure(table: Table, label: str, job: Job, rounds: int) -> None:
    quiet = {} if job.quiet is None else {"quiet": job.quiet}
    taken = interleaved({"ours": job.ours, **quiet, "by hand": job.by_hand}, rounds)
    median = {side: milliseconds(seconds) for side, seconds in taken.items()}
    by_hand, without_index = median["by hand"], median.get("quiet")
    table.add(
        label,
        job.name,
        median["ours"],
        without_index,
        by_hand,
        median["ours"] / by_hand,
        None if without_index is None else without_index / by_hand,
    )


def _profile(title: str, job: Callable[[], object], times: int = 20) -> None:
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(times):
        job()
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(18)
    print(f"{title}, {times} times\n{text.getvalue()}")


if __name__ == "__main__":
    main()
