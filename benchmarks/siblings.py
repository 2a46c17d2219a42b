"""What stands beside a transcript: the save after a turn, and a long trace.

The save after a turn: a session with artifacts, traces, run records and verification reports, of which nothing has
changed but the transcript, which got four messages more. `save_all` is beside what is usual: five whole documents, one
PUT each, as JSON, and the same compressed. Requests and bytes are counted by the server (moto).

The long trace: events appended a few at a time to a directory, the bytes of bodies that were sent as it grows, and the
time to load it.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

import s3store
from s3store.objects.counting import CountingStore
from s3store.objects.directory import DirectoryStore

from .common import KIB, MIB, Table, arguments, report
from .places import BUCKET, Moto, moto_with_bucket, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue

    from .common import MotoProcess

_ID = "session"
_STEPS = 10
_WORDS = [hashlib.md5(b"%d" % number).hexdigest()[: 2 + number % 9] for number in range(3000)]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--turns", type=int, default=20, help="saves after a turn (default: 20)")
    parser.add_argument("--events", type=int, default=100_000, help="events of the trace (default: 100,000)")
    parser.add_argument("--batch", type=int, default=10, help="events in an append (default: 10)")
    options = parser.parse_args()
    with moto_with_bucket() as moto:
        after_turn = _after_turn(moto, options.turns)
    report("siblings", [after_turn, _trace(options.events, options.batch)], as_json=options.json)


def _after_turn(moto: MotoProcess, turns: int) -> Table:
    table = Table(
        f"one save after a turn, mean of {turns}",
        ("system", "requests", "PUT", "GET", "of them 304", "KiB up", "KiB down", "ms"),
    )
    place = Moto(moto, "archive")
    with opened(place) as store:
        jobs: dict[str, Callable[[int], object]] = {
            "s3store save_all": lambda turn: store.save_all(_ID, _messages(turn), **_pieces()),
            "five PUTs of JSON": lambda turn: _five_puts(turn, lambda body: body),
            "five PUTs, zstd": lambda turn: _five_puts(turn, zstandard.ZstdCompressor(3).compress),
        }
        for name, job in jobs.items():
            job(0)
            place.asked()
            began = time.perf_counter()
            for turn in range(1, turns + 1):
                job(turn)
            seconds = time.perf_counter() - began
            asked = place.asked()
            table.add(
                name,
                asked.requests / turns,
                asked.puts / turns,
                asked.gets / turns,
                (asked.unchanged or 0) / turns,
                asked.up / turns / KIB,
                asked.down / turns / KIB,
                seconds / turns * 1000,
            )
    return table


def _five_puts(turn: int, pack: Callable[[bytes], bytes]) -> None:
    pieces = _pieces()
    pieces["artifacts"] = [{"name": each.name, "content": each.data} for each in pieces["artifacts"]]
    for name, piece in {"transcript": _messages(turn), **pieces}.items():
        _client().put_object(Bucket=BUCKET, Key=f"plain/{_ID}/{name}", Body=pack(orjson.dumps(piece)))


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _messages(turn: int) -> list[JsonValue]:
    chance = random.Random(1)
    return [
        {"role": ("user", "assistant", "tool", "assistant")[number % 4], "content": _text(chance, 400)}
        for number in range(40 + 4 * turn)
    ]


def _pieces() -> dict[str, Any]:
    """Make 12 artifacts of 16 KiB in the mean, 200 trace events, 4 runs of 400 events, and 4 reports."""
    chance = random.Random(2)
    return {
        "artifacts": [s3store.NewArtifact(f"tool://{n}", _text(chance, chance.randrange(32 * KIB))) for n in range(12)],
        "traces": [_event(chance, number) for number in range(200)],
        "runs": [
            {
                "snapshot": {
                    "id": f"run-{run}",
                    "status": "completed",
                    "prompt": _text(chance, 200),
                    "event_count": 400,
                },
                "events": [
                    {"sequence": n, "event": {"type": "text_delta", "text": _text(chance, 12)}} for n in range(400)
                ],
            }
            for run in range(4)
        ],
        "verification": [{"subject": _text(chance, 50), "status": "passed", "checks": []} for _ in range(4)],
    }


def _text(chance: random.Random, length: int) -> str:
    return " ".join(chance.choices(_WORDS, k=length // 5 + 1))[:length]


def _event(chance: random.Random, number: int) -> dict[str, JsonValue]:
    return {
        "schema": "a3s.trace_event.v1",
        "kind": "tool_execution",
        "name": chance.choice(("bash", "read", "write", "grep")),
        "success": chance.random() < 0.9,
        "duration_ms": chance.randrange(20_000),
        "output_bytes": chance.randrange(100_000),
        "artifact_uris": [f"tool://{number}"],
    }


def _trace(events: int, batch: int) -> Table:
    chance = random.Random(3)
    table = Table(f"{events:,} events, {batch} at a time", ("events", "MiB sent", "bytes sent an event", "seconds"))
    with tempfile.TemporaryDirectory() as folder:
        # Nothing is synced: the disk of this machine is not what is measured.
        counting = CountingStore(DirectoryStore(folder, durable=False))
        with s3store.SessionStore(counting) as store:
            traces = store.traces(_ID)
            began = time.perf_counter()
            for number in range(0, events, batch):
                traces.extend([_event(chance, number + each) for each in range(batch)])
                done = number + batch
                if done % max(batch, events // _STEPS // batch * batch) == 0:
                    sent = counting.counts.bytes_up
                    table.add(f"{done:,}", sent / MIB, sent / done, time.perf_counter() - began)
        began = time.perf_counter()
        with s3store.SessionStore(f"file://{folder}") as store:
            loaded = store.traces(_ID).load() or []
        table.add(f"load of {len(loaded):,}", None, None, time.perf_counter() - began)
    return table


if __name__ == "__main__":
    main()
