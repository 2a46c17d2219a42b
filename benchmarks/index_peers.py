"""The list of sessions beside what people do without an index: requests, bytes and time.

A thousand sessions are stored in S3 (moto in a process of its own) and the newest 50 are asked for with their names:
by the index; by `scan()`, which reads every head; as the S3 example of the Claude Agent SDK does it, which is one LIST
and one GET a session, here with 16 threads; and from one JSON object that holds all entries. Then one session changes
in an archive of 100,000, whose index is that JSON object, replaced by compare-and-swap at each commit. Listings begin
with a new client.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson
import zstandard

import s3store

from .common import Table, arguments, report
from .index_states import Parts, make_archive
from .places import BUCKET, Moto, counted, moto_with_bucket, opened
from .population import changes, entry_after, head_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.index.entry import Entry
    from s3store.jsontext import JsonValue

    from .common import MotoProcess

_SHOWN = 50
_COLUMNS = ("system", "what", "LIST", "GET", "PUT", "KB up", "KB down", "ms")


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1_000, help="sessions to list (default: 1,000)")
    parser.add_argument("--indexed", type=int, default=100_000, help="entries of the naive index (default: 100,000)")
    options = parser.parse_args()
    with moto_with_bucket() as moto:
        tables = [_listings(moto, options.sessions), _commits(moto, options.indexed)]
    report("index_peers", tables, as_json=options.json)


class Naive:
    """What one would write by hand with boto3."""

    def __init__(self, moto: MotoProcess) -> None:
        import boto3

        self.client = boto3.client("s3", endpoint_url=moto.url)

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Read an object."""
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def list_and_get(self, prefix: str) -> list[JsonValue]:
        """List sessions, read the file of each, and sort them."""
        keys = [
            found["Key"]
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
            for found in page["Contents"]
        ]
        with ThreadPoolExecutor(16) as pool:
            sessions = [orjson.loads(body.partition(b"\n")[0]) for body in pool.map(self.get, keys)]
        return sorted(sessions, key=lambda found: found["updated_at"])[-_SHOWN:]

    def read_index(self, key: str) -> list[JsonValue]:
        """Read the one object that holds all entries."""
        found = orjson.loads(zstandard.decompress(self.get(key)))
        return sorted(found.values(), key=lambda entry: entry["updated_at"])[-_SHOWN:]

    def change_index(self, key: str, entry: Entry) -> None:
        """Replace the one object by compare-and-swap."""
        answer = self.client.get_object(Bucket=BUCKET, Key=key)
        found = orjson.loads(zstandard.decompress(answer["Body"].read()))
        found[entry.id] = entry.fields
        body = zstandard.compress(orjson.dumps(found))
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body, IfMatch=answer["ETag"])


def _listings(moto: MotoProcess, sessions: int) -> Table:
    table = Table(f"The newest {_SHOWN} of {sessions:,} sessions, cold", _COLUMNS)
    place, naive = Moto(moto, "listings"), Naive(moto)
    make_archive(Parts(place.store()))
    entries = {}
    with opened(place) as store:
        for change in changes(sessions):
            if change.last:
                session_id, head = head_after(change)
                entry = entry_after(change)
                store.create(session_id, [{"role": "user", "content": head.metadata.name}], name=head.metadata.name)
                naive.put(f"naive/{entry.id}.jsonl", orjson.dumps(entry.fields) + b"\n{}" * 20)
                entries[entry.id] = entry.fields
        naive.put("naive-index", zstandard.compress(orjson.dumps(entries)))
        _row(table, moto, "s3store", "page(), everything in the log", lambda: _newest_by_index(place))
        store.index.compact()
    _row(table, moto, "s3store", "page(), compacted", lambda: _newest_by_index(place))
    _row(table, moto, "s3store", "scan(), which needs no index", lambda: _newest_by_scan(place))
    _row(table, moto, "by hand", "LIST, and a GET each", lambda: Naive(moto).list_and_get("naive/"))
    _row(table, moto, "by hand", "one JSON object", lambda: Naive(moto).read_index("naive-index"))
    return table


def _commits(moto: MotoProcess, sessions: int) -> Table:
    table = Table(f"One change in an archive of {sessions:,} sessions", _COLUMNS)
    naive, place = Naive(moto), Moto(moto, "commits")
    make_archive(Parts(place.store()))
    entries = [entry_after(change) for change in changes(sessions) if change.last]
    naive.put("large", zstandard.compress(orjson.dumps({entry.id: entry.fields for entry in entries})))
    with opened(place) as store:
        store.create("one", [{}])
        _row(table, moto, "s3store", "append, and its entry in the index's log", lambda: store.append("one", {}))
    with s3store.SessionStore(place.store(), index=s3store.IndexPolicy(publish_every=3600)) as store:
        store.append("one", {})
        _row(table, moto, "s3store", "the same, the index told later", lambda: store.append("one", {}))
    replaced = "the JSON object replaced, beside the session"
    _row(table, moto, "by hand", replaced, lambda: naive.change_index("large", entries[0]))
    return table


def _newest_by_index(place: Moto) -> object:
    with opened(place) as store:
        return store.page(limit=_SHOWN)


def _newest_by_scan(place: Moto) -> object:
    with opened(place) as store:
        return sorted(store.scan(), key=lambda info: info.updated_at)[-_SHOWN:]


def _row(table: Table, moto: MotoProcess, system: str, what: str, call: Callable[[], object]) -> None:
    seconds = []
    for _ in range(3):
        moto.taken()
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
        asked = counted(moto)
    row = (asked.lists, asked.gets, asked.puts, asked.up / 1000, asked.down / 1000, statistics.median(seconds) * 1000)
    table.add(system, what, *row)


if __name__ == "__main__":
    main()
