"""Packs made by several worker processes of Dask hold what those of a single process hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dask.distributed import Client, LocalCluster

from s3store import SessionStore
from s3store.keys import PACKS
from s3store.longterm.parquet import records_of

from ..examples import example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as connected,
    ):
        yield connected


def archive(place: Path) -> str:
    with SessionStore(place.as_uri()) as store:
        for number in range(40):
            store.create(f"s/{number}", [{"n": number}, "ü"], agent=f"a{number % 2}")
    return place.as_uri()


def rows(place: Path) -> list[tuple[str, str, object]]:
    """Return session, stream and message of every row of every pack; times and ids of two archives differ."""
    found: list[tuple[str, str, object]] = []
    for path in (place / PACKS).rglob("*.parquet"):
        with path.open("rb") as file:
            found += [(session, stream, line.partition(b'"message":')[2]) for session, stream, line in records_of(file)]
    return sorted(found, key=repr)


def test_two_processes_pack_what_one_packs(client: Client, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    with SessionStore(archive(alone)) as store:
        by_one = store.pack(idle=0, agent="a1")
    url = archive(together)
    by_two = example("dask_pack").pack(client, url, idle=0, agent="a1")
    assert (by_two.sessions, by_two.records, by_two.failures) == (by_one.sessions, by_one.records, by_one.failures)
    assert by_two.sessions == 20
    assert len(by_two.packs) > 1
    assert rows(together) == rows(alone)
    with SessionStore(url) as store:
        assert store.cleanup(older_than=0).thinned == 20
        assert all(store.load(f"s/{number}").messages == [{"n": number}, "ü"] for number in range(40))
