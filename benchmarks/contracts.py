"""What zeroclaw's contract costs: a turn, the list of sessions, an answer that is streamed.

The store is moto in a process of its own, which counts requests. Beside it stands what one would write by hand with
boto3: an object of JSON lines a session and one with its metadata, both put as a whole, without any condition, so that
two writers lose each other's messages. A turn is what zeroclaw's gateway does: state `running`, a look whether the
session still exists, the messages one by one, state `idle`. The streamed answer is replaced by a longer one 120 times,
every half second; it is run ten times as fast, with `coalesce` shortened likewise.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import orjson

from s3store import IndexPolicy, SessionStore
from s3store.contracts.zeroclaw import ChatMessage, ZeroclawBackend

from .common import Table, arguments, report
from .content import prose
from .places import BUCKET, Asked, Moto, counted, moto_with_bucket, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue

    from .common import MotoProcess

_BEFORE = 40
"""Messages that a session has before the turn or the answer that is measured."""
_UPDATES = 120
_PACE = 0.05
"""Seconds between two updates: a tenth of what they are in life."""
_FASTER = 10
_THREADS = 16
_ROUNDS = 5


class ByHand:
    """Sessions as objects of JSON lines, each with an object of metadata."""

    def __init__(self, moto: MotoProcess, prefix: str) -> None:
        import boto3

        self._client = boto3.client("s3", endpoint_url=moto.url)
        self._prefix = prefix
        self._messages: dict[str, list[ChatMessage]] = {}

    def append(self, key: str, message: ChatMessage) -> None:
        """Put the session with one message more, and its metadata."""
        self._messages.setdefault(key, []).append(message)
        self._put_messages(key)
        self.put_metadata(key, "idle")

    def update_last(self, key: str, message: ChatMessage) -> None:
        """Put the session with another last message."""
        self._messages[key][-1] = message
        self._put_messages(key)

    def put_metadata(self, key: str, state: str) -> None:
        """Put what is said of the session."""
        said = {"key": key, "state": state, "count": len(self._messages[key]), "last_activity": time.time()}
        self._put(f"metadata/{key}", orjson.dumps(said))

    def exists(self, key: str) -> None:
        """Look whether the session is there."""
        self._client.get_object(Bucket=BUCKET, Key=f"{self._prefix}/metadata/{key}")["Body"].read()

    def read_each(self, kind: str) -> list[JsonValue]:
        """List the objects of a kind and read them all, side by side."""
        found: list[str] = []
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{self._prefix}/{kind}/")
        for page in pages:
            found += [each["Key"] for each in page.get("Contents", [])]
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._read, found))

    def _read(self, key: str) -> JsonValue:
        body = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return [orjson.loads(line) for line in body.splitlines()]

    def _put_messages(self, key: str) -> None:
        self._put(f"messages/{key}", b"\n".join(orjson.dumps(each.to_json()) for each in self._messages[key]))

    def _put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=f"{self._prefix}/{key}", Body=body)


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1_000, help="sessions to list (default: 1,000)")
    options = parser.parse_args()
    with moto_with_bucket() as moto:
        tables = [_turns(moto), _listings(moto, options.sessions), _answers(moto)]
    report("contracts", tables, as_json=options.json)


def _turns(moto: MotoProcess) -> Table:
    table = Table(
        f"A turn of zeroclaw, in a session of {_BEFORE} messages",
        ("system", "appends", "PUT", "GET", "DELETE", "KB up", "KB down", "ms"),
    )
    for appends in (2, 5, 10):
        for name, seconds in (("s3store", 0.0), ("s3store, publish_every=10", 10.0)):
            location = Moto(moto, f"turn-{appends}-{seconds:g}").store()
            with SessionStore(location, index=IndexPolicy(publish_every=seconds, compact_after=None)) as store:
                backend = ZeroclawBackend(store)
                _fill(backend, "session")
                asked, taken = _measured(moto, partial(_turn, backend, appends))
            table.add(name, appends, *_cells(asked, taken))
        by_hand = ByHand(moto, f"by-hand-turn-{appends}")
        for message in _messages(_BEFORE):
            by_hand.append("session", message)
        asked, taken = _measured(moto, partial(_turn_by_hand, by_hand, appends))
        table.add("by hand", appends, *_cells(asked, taken))
    return table


def _turn(backend: ZeroclawBackend, appends: int) -> None:
    backend.set_session_state("session", "running", "turn-1")
    backend.session_exists("session")
    for message in _messages(appends):
        backend.append("session", message)
    backend.set_session_state("session", "idle", None)


def _turn_by_hand(by_hand: ByHand, appends: int) -> None:
    by_hand.put_metadata("session", "running")
    by_hand.exists("session")
    for message in _messages(appends):
        by_hand.append("session", message)
    by_hand.put_metadata("session", "idle")


def _listings(moto: MotoProcess, number: int) -> Table:
    table = Table(f"All {number:,} sessions with their metadata", ("system", "what", "LIST", "GET", "KB down", "ms"))
    place = Moto(moto, "listing")
    by_hand = ByHand(moto, "by-hand-listing")
    messages = _messages(4)
    with opened(place) as store:
        backend = ZeroclawBackend(store)
        for session in range(number):
            key = f"gw_{session}"
            store.save(f"zeroclaw/{key}", [message.to_json() for message in messages], name=f"Session {session}")
            by_hand.append(key, messages[0])
        store.index.compact()
        for session in range(40):
            backend.append(f"gw_{session}", messages[0])
        warm = backend.list_sessions_with_metadata

        def cold() -> None:
            with opened(place) as fresh:
                ZeroclawBackend(fresh).list_sessions_with_metadata()

        def loading_each() -> None:
            with opened(place) as fresh:
                reader = ZeroclawBackend(fresh)
                with ThreadPoolExecutor(_THREADS) as pool:
                    list(pool.map(reader.load, reader.list_sessions()))

        jobs: list[tuple[str, str, Callable[[], object]]] = [
            ("s3store", "by a new client", cold),
            ("s3store", "again", warm),
            ("s3store", f"loading each, {_THREADS} threads", loading_each),
            ("by hand", f"an object each, {_THREADS} threads", lambda: by_hand.read_each("metadata")),
        ]
        for system, what, job in jobs:
            asked, taken = _measured(moto, job, rounds=_ROUNDS)
            table.add(system, what, asked.lists, asked.gets, asked.down / 1024, taken)
    return table


def _answers(moto: MotoProcess) -> Table:
    table = Table(
        f"An answer streamed for a minute, {_UPDATES} times update_last, behind {_BEFORE} messages",
        ("system", "PUT", "of heads", "GET", "KB up", "longest call, ms", "lost by a crash, at most"),
    )
    answers = [ChatMessage("assistant", text) for text in _growing()]
    for seconds in (0, 2, 5, 10):
        location = Moto(moto, f"answer-{seconds}").store()
        with SessionStore(location, index=IndexPolicy(compact_after=None)) as store:
            backend = ZeroclawBackend(store, coalesce=seconds / _FASTER)
            _fill(backend, "session")
            version = store.info("zeroclaw/session").version
            moto.taken()
            longest = _stream(partial(backend.update_last, "session"), answers)
            backend.flush()
            asked = counted(moto)
            heads = store.info("zeroclaw/session").version - version
            if backend.load("session")[-1] != answers[-1]:
                raise RuntimeError("the last text is not there")
        name = f"s3store, coalesce={seconds}" if seconds else "s3store"
        table.add(name, asked.puts, heads, asked.gets, asked.up / 1024, longest, f"{seconds} s")
    by_hand = ByHand(moto, "by-hand-answer")
    for message in _messages(_BEFORE):
        by_hand.append("session", message)
    moto.taken()
    longest = _stream(partial(by_hand.update_last, "session"), answers)
    asked = counted(moto)
    table.add("by hand", asked.puts, None, asked.gets, asked.up / 1024, longest, "0 s")
    return table


def _stream(update: Callable[[ChatMessage], object], answers: list[ChatMessage]) -> float:
    """Replace the last message at the pace of life, ten times as fast; return the longest call in milliseconds."""
    longest = 0.0
    began = time.perf_counter()
    for number, message in enumerate(answers):
        time.sleep(max(0.0, began + number * _PACE - time.perf_counter()))
        before = time.perf_counter()
        update(message)
        longest = max(longest, time.perf_counter() - before)
    return longest * 1000


def _growing() -> list[str]:
    whole = prose(8000)
    return [whole[: len(whole) * number // _UPDATES] for number in range(1, _UPDATES + 1)]


def _fill(backend: ZeroclawBackend, key: str) -> None:
    for message in _messages(_BEFORE):
        backend.append(key, message)


def _messages(number: int) -> list[ChatMessage]:
    """Return messages of 1 KB, turn about."""
    words = prose(1000 * number)
    return [
        ChatMessage("assistant" if place % 2 else "user", words[1000 * place : 1000 * (place + 1)])
        for place in range(number)
    ]


def _measured(moto: MotoProcess, job: Callable[[], object], rounds: int = 1) -> tuple[Asked, float]:
    """Return what a job asks the first time, and the median of its times in milliseconds."""
    moto.taken()
    taken: list[float] = []
    asked: Asked | None = None
    for _ in range(rounds):
        began = time.perf_counter()
        job()
        taken.append((time.perf_counter() - began) * 1000)
        asked = asked or counted(moto)
    assert asked is not None
    return asked, statistics.median(taken)


def _cells(asked: Asked, taken: float) -> tuple[int, int, int, float, float, float]:
    return asked.puts, asked.gets, asked.deletes, asked.up / 1024, asked.down / 1024, taken


if __name__ == "__main__":
    main()
