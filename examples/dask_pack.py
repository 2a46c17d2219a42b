"""Idle sessions packed on the worker processes of a Dask cluster: each packs those of some partitions.

::

    pip install 's3store[dask,longterm]'
    python examples/dask_pack.py s3://my-bucket/agents

No session passes through this process or through Dask: a worker is sent a range of partitions and sends back what it
did. Each makes packs of its own, so there are as many smaller ones as there are ranges. A worker that dies leaves its
sessions as they were, or packed: Dask gives its range to another one, which packs the rest. What no session names goes
with the next clean-up, which also has the sessions stand on their packs alone.
"""

from __future__ import annotations

import sys
from typing import Any

from dask.distributed import Client, LocalCluster

from s3store import SessionStore
from s3store.longterm.packs.reports import Packed

RANGES = [f"{first:02x}-{first + 31:02x}" for first in range(0, 256, 32)]
"""The 256 partitions, in ranges: few, for each ends with a pack that is not full."""


def pack_range(partitions: str, url: str, options: dict[str, Any]) -> Packed:
    """Pack the idle sessions of some partitions: what a worker does."""
    with SessionStore(url, cache=False) as store:
        return store.pack(partitions=partitions, **options)


def pack(client: Client, url: str, **options: Any) -> Packed:
    """Pack an archive on the workers of a cluster, and return what all of them have done."""
    # Not pure: a repeat packs what is idle by then.
    parts = client.map(pack_range, RANGES, url=url, options=options, pure=False)
    total = Packed(dry_run=bool(options.get("dry_run")))
    for part in client.gather(parts):
        total.sessions += part.sessions
        total.records += part.records
        total.packs += part.packs
        total.json_bytes += part.json_bytes
        total.bytes += part.bytes
        total.left += part.left
        total.failures += part.failures
    return total


def main() -> None:
    """Pack an archive on two worker processes of this machine."""
    (url,) = sys.argv[1:]
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        done = pack(client, url)
    sys.stdout.write(f"{done.sessions:,} sessions with {done.records:,} messages in {len(done.packs)} packs\n")


if __name__ == "__main__":
    main()
