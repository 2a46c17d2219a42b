"""Wall time of save and load, against the same job by hand, in one run and by turns.

By hand: orjson, zstd level 3 and one `put_object` or `get_object` of a client that is kept; in a directory, one file
that is written and synced. What s3store does beside that: one JSON line a record with its number and time, a check
of what JSON can hold, hashes, a condition on each write, and on load a check of every byte.

    create        a new session: one PUT
    save, grown   the transcript again with one more message, by a store that knows its head
    save, new     the transcript again with its first message changed: everything differs
    load          the whole transcript

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

from s3store import SessionStore
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


class ByHand:
    """What a careful person writes without s3store."""

    def __init__(self, store: Bytes) -> None:
        self._store = store
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()

    def save(self, name: str, messages: list[JsonValue]) -> None:
        """Store a transcript."""
        self._store.put(name, self._compressor.compress(orjson.dumps(messages)))

    def load(self, name: str) -> list[JsonValue]:
        """Read it."""
        messages: list[JsonValue] = orjson.loads(self._decompressor.decompress(self._store.get(name)))
        return messages


@dataclass(frozen=True)
class Pair:
    """The same job, by s3store and by hand."""

    name: str
    ours: Callable[[], object]
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
        table = Table(place, ("transcript", "job", "s3store ms", "by hand ms", "ratio"))
        with ExitStack() as closing:
            ours, by_hand = _open(place, closing)
            for size in options.size or SIZES:
                messages = _made_up(SIZES[size]) if options.made_up else transcript(sessions, SIZES[size])
                packed = len(zstandard.compress(orjson.dumps(messages), 3))
                label = f"{size}, {len(messages):,} messages, zstd {json_bytes(messages) / packed:.1f}:1"
                for pair in _pairs(ours, by_hand, size, messages):
                    _measure(table, label, pair, options.rounds)
                    if options.profile:
                        _profile(f"{place}, {label}, {pair.name}", pair.ours)
        tables.append(table)
    report("save_load", tables, as_json=options.json)


def _made_up(size: int) -> list[JsonValue]:
    messages = [message for turn in coding_session(1, size) for message in turn]
    while json_bytes(messages) > size:
        messages.pop()
    return messages


def _open(place: str, closing: ExitStack) -> tuple[SessionStore, ByHand]:
    if place == "directory":
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        store = SessionStore(f"file://{folder / 'archive'}")
        by_hand = ByHand(BareFiles(folder / "bare"))
    else:
        url = closing.enter_context(moto_process() if place == "moto" else _ministack())
        by_hand = ByHand(BareBucket(url))
        store = SessionStore(f"s3://{_BUCKET}/archive", s3=s3_options(url))
    closing.callback(store.close)
    return store, by_hand


@contextmanager
def _ministack() -> Iterator[str]:
    with MinistackServer() as server:
        yield server.url


def _pairs(store: SessionStore, by_hand: ByHand, size: str, messages: list[JsonValue]) -> list[Pair]:
    names = (f"{size}-{number}" for number in itertools.count())
    grown, changed = f"{size}-grown", f"{size}-changed"
    more = itertools.cycle(messages)
    ours_growing, theirs_growing = list(messages), list(messages)
    first = ({"role": "user", "content": f"number {number}"} for number in itertools.count())
    store.save(grown, messages)
    store.save(changed, messages)

    def save_grown() -> None:
        ours_growing.append(next(more))
        store.save(grown, ours_growing)

    def put_grown() -> None:
        theirs_growing.append(next(more))
        by_hand.save(grown, theirs_growing)

    return [
        Pair("create", lambda: store.create(next(names), messages), lambda: by_hand.save(next(names), messages)),
        Pair("save, grown", save_grown, put_grown),
        Pair(
            "save, new",
            lambda: store.save(changed, [next(first), *messages[1:]]),
            lambda: by_hand.save(changed, [next(first), *messages[1:]]),
        ),
        Pair("load", lambda: store.load(changed).messages, lambda: by_hand.load(changed)),
    ]


def _measure(table: Table, label: str, pair: Pair, rounds: int) -> None:
    taken = interleaved({"ours": pair.ours, "by hand": pair.by_hand}, rounds)
    ours, by_hand = milliseconds(taken["ours"]), milliseconds(taken["by hand"])
    table.add(label, pair.name, ours, by_hand, ours / by_hand)


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
