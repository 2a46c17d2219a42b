"""The tests that every object store has to pass, through both SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from s3store.objects.s3_async import S3AsyncStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.testing import AsyncioDriver, Driver, ObjectStoreTests
from tests.objects.s3_cases import needs_aioboto3
from tests.servers import Endpoint
from tests.servers.differences import DIFFERENCES, Differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENDPOINT = Endpoint.from_environment()
_DIFFERENCES = DIFFERENCES.get(_ENDPOINT.server, Differences()) if _ENDPOINT else Differences()
# Of the 1,024 bytes of a key, the prefix of the test takes some.
_TOO_LONG = dict.fromkeys(
    ("longest", "longest-unicode", "longest-capitals"), "no room is left for it behind the prefix of the test"
)


class _OnTheServer(ObjectStoreTests):
    refused_keys: ClassVar[Mapping[str, str]] = {**_TOO_LONG, **_DIFFERENCES.refused_keys}
    other_answers: ClassVar[Mapping[str, str]] = _DIFFERENCES.other_answers
    has_classes: ClassVar[bool] = _DIFFERENCES.has_classes
    rounds = 3
    increments = 8


@pytest.mark.s3
class TestBlocking(_OnTheServer):
    @pytest.fixture
    def store(self, driver: Driver, endpoint: Endpoint, unused_prefix: str) -> Iterator[S3BlockingStore]:
        store = S3BlockingStore(endpoint.bucket, unused_prefix, endpoint.options())
        yield store
        driver.run(store.close())


@needs_aioboto3
class TestAsync(_OnTheServer):
    driver_type = AsyncioDriver

    @pytest.fixture
    def store(self, driver: Driver, endpoint: Endpoint, unused_prefix: str) -> Iterator[S3AsyncStore]:
        store = S3AsyncStore(endpoint.bucket, unused_prefix, endpoint.options(asynchronous=True))
        yield store
        driver.run(store.close())
