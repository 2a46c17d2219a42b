"""Fixtures for tests of the public faces. A test module asks for them by `pytest_plugins`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from s3store.archive import Archive
from s3store.objects.memory import MemoryStore
from s3store.streams.draft import Sizes

from .archives import Place, local_place, open_place, s3_place
from .servers import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .servers import MinistackServer, MotoServer

KINDS = (
    "memory",
    "memory-async",
    "directory",
    pytest.param("directory-async", marks=pytest.mark.long),
    pytest.param("s3", marks=pytest.mark.s3),
    pytest.param("s3-async", marks=[pytest.mark.aioboto3, pytest.mark.long]),
)
"""Every store with every face that it has.

The faces run one core, and the stores pass one conformance class: what the two long ones add is that these fit.
"""


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """What a test opens, closed at its end in turn."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit seals the tail that it finds, and an object holds a few records at most."""
    small = partial(Archive, sizes=Sizes(seal=1, chunk=600))
    monkeypatch.setattr("s3store.blocking.Archive", small)
    monkeypatch.setattr("s3store.store.Archive", small)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Place:
    """An archive of each kind."""
    return open_place(request.param, request, tmp_path, closing)


@pytest.fixture
def memory(closing: ExitStack) -> Place:
    """An archive in memory, with the blocking face."""
    objects = MemoryStore()
    return local_place(objects, objects, closing, asynchronous=False)


@pytest.fixture(params=(pytest.param("moto", marks=pytest.mark.s3), "ministack"))
def versioned(request: pytest.FixtureRequest, bucket_name: Callable[[], str], closing: ExitStack) -> Place:
    """An archive in a bucket that keeps earlier versions."""
    import boto3

    server: MotoServer | MinistackServer = request.getfixturevalue(request.param)
    bucket = server.make_bucket(bucket_name())
    client = boto3.client(
        "s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return s3_place(Endpoint(request.param, server.url, bucket), "agents", closing, asynchronous=False)
