"""What the seal threshold costs: sessions that grow turn by turn, stored with one threshold after the other.

A tail is compressed and sent again at each commit until it is sealed. A small threshold sends less, and leaves more
objects to fetch and a worse ratio; a large one the other way round. Kept in memory, so that only s3store's own work
is counted. Sessions: those made up to be like real coding sessions (`--sessions`), appended turn by turn and again by
two messages at a time, and 1 MiB and 3.4 MiB put together from the real ones of `--corpus`, by two messages.

    sent/JSON     bytes sent for each byte of JSON stored
    KiB/append    bytes sent by an append, in the mean and at most
    ms/append     time of the whole append without the network, and of zstd alone
    GETs          requests of a resume, in the mean, for the session at 9 of 10, and at most
    ratio         JSON bytes by stored bytes
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from s3store import CommitPolicy
from s3store.archive import Archive
from s3store.changes import Extend
from s3store.locations import Opened
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.session import SessionCore
from s3store.streams import change, frames
from s3store.streams.draft import Sizes

from .common import KIB, MIB, Table, add_corpus, arguments, report
from .content import coding_sessions, corpus_sessions, json_bytes, transcript

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s3store.jsontext import JsonValue

THRESHOLDS = [size * KIB for size in (16, 32, 64, 128, 256, 512, 1024)]
_REAL_SIZES = (MIB, int(3.4 * MIB))

Turns = list[list["JsonValue"]]


@dataclass(frozen=True)
class Cost:
    """What one session cost."""

    json_bytes: int
    stored: int
    sent: int
    puts: int
    appends: int
    largest_append: int
    seconds: float
    zstd_seconds: float
    gets: int


class _TimedZstd:
    """Stands in for `frames.compress`, and adds up its time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, lines: bytes) -> bytes:
        began = time.perf_counter()
        frame = frames.compress(lines)
        self.seconds += time.perf_counter() - began
        return frame


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    add_corpus(parser)
    parser.add_argument("--sessions", type=int, default=20, help="made-up sessions (default: 20)")
    options = parser.parse_args()
    made_up = list(coding_sessions(options.sessions))
    corpus = corpus_sessions(options.corpus)
    real = [[transcript(corpus, size)] for size in _REAL_SIZES]
    tables = [
        _compared("made-up coding sessions, a turn an append", made_up),
        _compared("made-up coding sessions, two messages an append", [_in_twos(session) for session in made_up]),
        _compared("real sessions put together, two messages an append", [_in_twos(session) for session in real]),
    ]
    report("seal", tables, as_json=options.json)


def _compared(title: str, sessions: list[Turns]) -> Table:
    sizes = sorted(map(_size, sessions))
    title += f": {len(sizes)}, median {sizes[len(sizes) // 2] / MIB:.2f} MiB, largest {sizes[-1] / MIB:.2f} MiB"
    title += f", {sum(map(len, sessions)) / len(sessions):.0f} appends in the mean"
    columns = ("threshold KiB", "sent/JSON", "KiB/append", "at most", "PUTs/append", "ms/append", "zstd ms/append")
    table = Table(title, (*columns, "GETs mean", "GETs 9 of 10", "GETs at most", "ratio"))
    for threshold in THRESHOLDS:
        costs = [_grow(session, threshold) for session in sessions]
        appends = sum(cost.appends for cost in costs)
        raw = sum(cost.json_bytes for cost in costs)
        gets = sorted(cost.gets for cost in costs)
        table.add(
            threshold // KIB,
            sum(cost.sent for cost in costs) / raw,
            sum(cost.sent for cost in costs) / appends / KIB,
            max(cost.largest_append for cost in costs) / KIB,
            sum(cost.puts for cost in costs) / appends,
            sum(cost.seconds for cost in costs) * 1000 / appends,
            sum(cost.zstd_seconds for cost in costs) * 1000 / appends,
            statistics.mean(gets),
            gets[len(gets) * 9 // 10],
            gets[-1],
            raw / sum(cost.stored for cost in costs),
        )
    return table


def _grow(turns: Turns, threshold: int) -> Cost:
    """Store one session turn by turn, and load it once."""
    store = CountingStore(MemoryStore())
    archive = Archive(Opened(store, built_in=True), BlockingRuntime(), CommitPolicy(), None, Sizes(seal=threshold))
    run(archive.ready_to_write())
    session = SessionCore(archive, "session", bound=False)
    run(session.commit([Extend([])]))
    store.reset()
    zstd = _TimedZstd()
    seconds, sent, puts, largest = 0.0, 0, 0, 0
    with mock.patch.object(change, "compress", zstd):
        for turn in turns:
            began = time.perf_counter()
            run(session.commit([Extend(turn)]))
            seconds += time.perf_counter() - began
            counted = store.reset()
            sent, puts, largest = sent + counted.bytes_up, puts + counted.puts, max(largest, counted.bytes_up)
    stored = run(session.info()).size
    store.reset()
    run(session.load())
    gets = store.reset().gets
    run(archive.close())
    return Cost(_size(turns), stored, sent, puts, len(turns), largest, seconds, zstd.seconds, gets)


def _in_twos(session: Turns) -> Turns:
    """Return the session in appends of two messages, as of a tool call and its result."""
    messages = [message for turn in session for message in turn]
    return [messages[at : at + 2] for at in range(0, len(messages), 2)]


def _size(turns: Iterable[list[JsonValue]]) -> int:
    return sum(map(json_bytes, turns))


if __name__ == "__main__":
    main()
