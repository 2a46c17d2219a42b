"""The tests that every object store has to pass, on two S3 servers and through both SDKs."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from s3store.objects.s3_async import S3AsyncStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.objects.s3_options import S3Options
from s3store.testing import AsyncioDriver, Driver, ObjectStoreTests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import MinistackServer, MotoServer

needs_aioboto3 = [
    pytest.mark.aioboto3,
    pytest.mark.skipif(
        importlib.util.find_spec("aioboto3") is None, reason="aioboto3 is not installed: s3store[async]"
    ),
]


class TestBlockingOnMoto(ObjectStoreTests):
    @pytest.fixture
    def store(self, driver: Driver, moto: MotoServer, bucket_name: Callable[[], str]) -> Iterator[S3BlockingStore]:
        store = S3BlockingStore(moto.make_bucket(bucket_name()), "", S3Options(endpoint_url=moto.url))
        yield store
        driver.run(store.close())


class TestBlockingOnMinistack(ObjectStoreTests):
    @pytest.fixture
    def store(
        self, driver: Driver, ministack: MinistackServer, bucket_name: Callable[[], str]
    ) -> Iterator[S3BlockingStore]:
        store = S3BlockingStore(ministack.make_bucket(bucket_name()), "", S3Options(endpoint_url=ministack.url))
        yield store
        driver.run(store.close())


class TestAsyncOnMoto(ObjectStoreTests):
    pytestmark = needs_aioboto3
    driver_type = AsyncioDriver

    @pytest.fixture
    def store(self, driver: Driver, moto: MotoServer, bucket_name: Callable[[], str]) -> Iterator[S3AsyncStore]:
        store = S3AsyncStore(moto.make_bucket(bucket_name()), "", S3Options(endpoint_url=moto.url))
        yield store
        driver.run(store.close())


class TestAsyncOnMinistack(ObjectStoreTests):
    pytestmark = needs_aioboto3
    driver_type = AsyncioDriver

    @pytest.fixture
    def store(
        self, driver: Driver, ministack: MinistackServer, bucket_name: Callable[[], str]
    ) -> Iterator[S3AsyncStore]:
        store = S3AsyncStore(ministack.make_bucket(bucket_name()), "", S3Options(endpoint_url=ministack.url))
        yield store
        driver.run(store.close())
