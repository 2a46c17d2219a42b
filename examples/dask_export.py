"""An export on the worker processes of a Dask cluster: each makes some of its partitions, straight from the archive.

::

    pip install 's3store[dask,longterm]'
    python examples/dask_export.py s3://my-bucket/agents export

No session passes through this process or through Dask: a worker is sent a range of partitions and sends back counts.
All write to one folder, which they have to share (on several machines: a network file system). A worker that dies loses
the partition that it was at, no more: Dask gives its range to another one, which goes on. What comes out is the same to
the byte as what one process makes, and `s3store export verify` checks it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dask.distributed import Client, LocalCluster

from s3store import SessionStore
from s3store.longterm.exports.export import Exported

RANGES = [f"{first:02x}-{first + 15:02x}" for first in range(0, 256, 16)]
"""The 256 partitions, in ranges: small, lest a worker wait long for another at the end; few, for each lists all."""


def export_range(partitions: str, url: str, folder: Path, form: str, filters: dict[str, Any]) -> Exported:
    """Export some partitions: what a worker does."""
    with SessionStore(url, cache=False) as store:
        return store.export(folder, form=form, partitions=partitions, **filters)


def export(client: Client, url: str, folder: Path, form: str = "parquet", **filters: Any) -> Exported:
    """Export an archive on the workers of a cluster, and return what all of them have done."""
    # Not pure: a repeat is another export of what stands in the archive by then.
    parts = client.map(export_range, RANGES, url=url, folder=folder, form=form, filters=filters, pure=False)
    total = Exported()
    for part in client.gather(parts):
        total.partitions += part.partitions
        total.sessions += part.sessions
        total.records += part.records
        total.size += part.size
        total.kept += part.kept
        total.gone += part.gone
        total.missing += part.missing
        total.packs = sorted({*total.packs, *part.packs})
    return total


def main() -> None:
    """Export an archive on two worker processes of this machine."""
    url, folder = sys.argv[1:]
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        done = export(client, url, Path(folder).absolute())
    sys.stdout.write(f"{done.sessions:,} sessions with {done.records:,} messages, {done.size:,} bytes, in {folder}\n")


if __name__ == "__main__":
    main()
