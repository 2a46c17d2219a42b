"""Fixtures for all tests: S3 servers on loopback, and an SDK that knows nothing of the machine it runs on."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.servers import Endpoint, MinistackServer, MotoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BUCKETS = itertools.count()
_CACHES = itertools.count()

# A test says whether something is right, and never how long it may take: the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _sdk_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the SDKs away from the machine's own configuration, credentials and metadata service."""
    nowhere: Path = tmp_path_factory.mktemp("aws") / "none"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test begin with an empty cache, for what keeps one without being told to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / f"cache-{next(_CACHES)}"))


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """An S3 server by moto, one for the whole run: use a bucket of your own."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def ministack() -> Iterator[MinistackServer]:
    """An S3 server by ministack, one for the whole run: use a bucket of your own."""
    if MinistackServer.command() is None:
        pytest.skip("ministack is not installed here, and S3STORE_TEST_MINISTACK names none")
    with MinistackServer() as server:
        yield server


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """A bucket for tests that do not care which S3 it is in: of the server that the environment names, else of moto."""
    named = Endpoint.from_environment()
    if named is not None:
        return named
    server: MotoServer = request.getfixturevalue("moto")
    return Endpoint("moto", server.url, server.make_bucket("for-all-tests"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the environment names a server, leave out the tests that bring one of their own."""
    if Endpoint.from_environment() is None:
        return
    own = [item for item in items if {"moto", "ministack"} & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=own)
    items[:] = [item for item in items if item not in own]


@pytest.fixture
def bucket_name() -> Callable[[], str]:
    """Make names of buckets that no test has used."""
    return lambda: f"bucket-{next(_BUCKETS)}"
