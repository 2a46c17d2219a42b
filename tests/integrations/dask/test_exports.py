"""An export on several worker processes of Dask is the same as one by a single process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dask.distributed import Client, LocalCluster

from s3store import SessionStore
from s3store.longterm.exports.verify import verify_export

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


@pytest.fixture
def url(tmp_path: Path) -> str:
    place = (tmp_path / "archive").as_uri()
    with SessionStore(place) as store:
        for number in range(40):
            store.create(f"s/{number}", [{"n": number}, "ü"], agent=f"a{number % 2}")
    return place


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("form", "filters"), [("parquet", {}), ("jsonl.zst", {"agent": "a1"})])
def test_two_processes_make_what_one_makes(
    client: Client, url: str, tmp_path: Path, form: str, filters: dict[str, Any]
) -> None:
    with SessionStore(url) as store:
        alone = store.export(tmp_path / "alone", form=form, **filters)
    together = example("dask_export").export(client, url, tmp_path / "together", form, **filters)
    assert together == alone
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")
    assert verify_export(tmp_path / "together").problems == []
    assert len(client.scheduler_info()["workers"]) == 2


def test_one_that_was_stopped_goes_on(client: Client, url: str, tmp_path: Path) -> None:
    with SessionStore(url) as store:
        store.export(tmp_path / "out", form="csv", partitions="00-4f")
    done = example("dask_export").export(client, url, tmp_path / "out", "csv")
    assert (done.partitions, done.kept, done.sessions) == (256, 80, 40)
    assert verify_export(tmp_path / "out").problems == []
