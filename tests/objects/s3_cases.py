"""What the tests of the S3 stores share: a `Case` is a way to make and run one of the two stores."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from s3store.objects.s3_async import S3AsyncStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.objects.s3_options import S3Options
from s3store.testing import AsyncioDriver, BlockingDriver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.objects.s3_store import S3Store
    from s3store.testing import Driver

_NO_AIOBOTO3 = importlib.util.find_spec("aioboto3") is None
_SKIP = pytest.mark.skipif(_NO_AIOBOTO3, reason="aioboto3 is not installed: s3store[async]")


def needs_aioboto3(test: type) -> type:
    """Mark a class of tests that needs the async extra."""
    marked: type = pytest.mark.aioboto3(_SKIP(test))
    return marked


@dataclass(frozen=True)
class Case:
    """One of the two stores, and how its coroutines are run."""

    store_type: type[S3Store]
    driver_type: Callable[[], Driver]

    @contextmanager
    def opened(self, bucket: str, prefix: str = "", **options: Any) -> Iterator[tuple[Driver, S3Store]]:
        """Make a driver and a store, and close both at the end."""
        with self.driver_type() as driver:
            store = driver.run(self._made(bucket, prefix, S3Options(**options)))
            try:
                yield driver, store
            finally:
                driver.run(store.close())

    async def _made(self, bucket: str, prefix: str, options: S3Options) -> S3Store:
        return self.store_type(bucket, prefix, options)


BLOCKING = Case(S3BlockingStore, BlockingDriver)
ASYNCIO = [pytest.param(Case(S3AsyncStore, AsyncioDriver), id="asyncio", marks=[pytest.mark.aioboto3, _SKIP])]
"""The asyncio store, for `pytest.mark.parametrize("case", ASYNCIO)`."""
BOTH = [pytest.param(BLOCKING, id="blocking"), *ASYNCIO]
"""Both stores, for `pytest.mark.parametrize("case", BOTH)`."""
