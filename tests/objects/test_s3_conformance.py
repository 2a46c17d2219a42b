"""The tests that every object store has to pass, on two S3 servers and through both SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from s3store.objects.s3_async import S3AsyncStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.objects.s3_options import S3Options
from s3store.testing import AsyncioDriver, Driver, ObjectStoreTests

from .s3_cases import needs_aioboto3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.servers import MinistackServer, MotoServer

MOTO_REFUSES = {
    "control": "moto answers 500 to a listing whose prefix holds control characters",
    "newline": "moto has no route for a key with a newline",
    "zero": "moto answers 500 to a listing whose prefix holds control characters",
}
MOTO_ANSWERS = {"put-part-or-finish-of-no-upload": "moto answers 500, or not at all, where an upload is over"}
MINISTACK_REFUSES = {
    "control": "ministack's answer NoSuchKey names the key as it is, which is no XML",
    "zero": "ministack's answer NoSuchKey names the key as it is, which is no XML",
}


@pytest.fixture(scope="module")
def boto3_session() -> object:
    """One session for all stores: making its first client reads megabytes of JSON."""
    import boto3

    return boto3.Session()


@pytest.fixture(scope="module")
def aioboto3_session() -> object:
    import aioboto3

    return aioboto3.Session()


class _OnS3(ObjectStoreTests):
    has_classes: ClassVar[bool] = True
    # A request takes milliseconds here.
    rounds = 3
    increments = 8


class TestBlockingOnMoto(_OnS3):
    refused_keys: ClassVar[Mapping[str, str]] = MOTO_REFUSES
    other_answers: ClassVar[Mapping[str, str]] = MOTO_ANSWERS

    @pytest.fixture
    def store(
        self, driver: Driver, moto: MotoServer, bucket_name: Callable[[], str], boto3_session: object
    ) -> Iterator[S3BlockingStore]:
        options = S3Options(endpoint_url=moto.url, session=boto3_session)
        store = S3BlockingStore(moto.make_bucket(bucket_name()), "", options)
        yield store
        driver.run(store.close())


class TestBlockingOnMinistack(_OnS3):
    refused_keys: ClassVar[Mapping[str, str]] = MINISTACK_REFUSES

    @pytest.fixture
    def store(
        self, driver: Driver, ministack: MinistackServer, bucket_name: Callable[[], str], boto3_session: object
    ) -> Iterator[S3BlockingStore]:
        options = S3Options(endpoint_url=ministack.url, session=boto3_session)
        store = S3BlockingStore(ministack.make_bucket(bucket_name()), "", options)
        yield store
        driver.run(store.close())


@needs_aioboto3
class TestAsyncOnMoto(_OnS3):
    driver_type = AsyncioDriver
    refused_keys: ClassVar[Mapping[str, str]] = MOTO_REFUSES
    other_answers: ClassVar[Mapping[str, str]] = MOTO_ANSWERS

    @pytest.fixture
    def store(
        self, driver: Driver, moto: MotoServer, bucket_name: Callable[[], str], aioboto3_session: object
    ) -> Iterator[S3AsyncStore]:
        options = S3Options(endpoint_url=moto.url, session=aioboto3_session)
        store = S3AsyncStore(moto.make_bucket(bucket_name()), "", options)
        yield store
        driver.run(store.close())


@needs_aioboto3
class TestAsyncOnMinistack(_OnS3):
    driver_type = AsyncioDriver
    refused_keys: ClassVar[Mapping[str, str]] = MINISTACK_REFUSES

    @pytest.fixture
    def store(
        self, driver: Driver, ministack: MinistackServer, bucket_name: Callable[[], str], aioboto3_session: object
    ) -> Iterator[S3AsyncStore]:
        options = S3Options(endpoint_url=ministack.url, session=aioboto3_session)
        store = S3AsyncStore(ministack.make_bucket(bucket_name()), "", options)
        yield store
        driver.run(store.close())
