from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from s3store.objects import NoSuchKey, StoredObject
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.objects.threaded import ThreadedStore
from s3store.runtime import run
from s3store.testing import AsyncioDriver, Driver, ObjectStoreTests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestThreadedDirectoryStore(ObjectStoreTests):
    driver_type = AsyncioDriver

    @pytest.fixture
    def store(self, driver: Driver, tmp_path: Path) -> Iterator[ThreadedStore]:
        store = ThreadedStore(DirectoryStore(tmp_path / "archive"))
        yield store
        driver.run(store.close())


class HeldStore(MemoryStore):
    """A put waits until it is let go; `entered` tells that one has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.closed = False

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        self.entered.set()
        assert self.let_go.wait(30)
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)

    async def close(self) -> None:
        self.closed = True


async def started(held: HeldStore) -> None:
    assert await asyncio.to_thread(held.entered.wait, 30)


def test_the_event_loop_goes_on_while_an_operation_waits() -> None:
    async def scenario() -> None:
        held = HeldStore()
        store = ThreadedStore(held)
        put = asyncio.create_task(store.put("a", b"body"))
        await started(held)
        with pytest.raises(NoSuchKey):
            await store.get("a")
        assert not put.done()
        held.let_go.set()
        etag = await put
        assert await store.get("a") == StoredObject(b"body", etag)
        await store.close()

    asyncio.run(scenario())


def test_a_cancelled_operation_that_has_started_runs_to_its_end() -> None:
    async def scenario() -> None:
        held = HeldStore()
        store = ThreadedStore(held)
        put = asyncio.create_task(store.put("a", b"body"))
        await started(held)
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        held.let_go.set()
        await store.close()
        assert run(held.get("a")).body == b"body"

    asyncio.run(scenario())


def test_a_cancelled_operation_that_has_not_started_never_does() -> None:
    async def scenario() -> None:
        held = HeldStore()
        store = ThreadedStore(held, max_threads=1)
        first = asyncio.create_task(store.put("a", b"body"))
        await started(held)
        second = asyncio.create_task(store.put("b", b"body"))
        await asyncio.sleep(0)  # one turn of the loop, in which the second is handed to the threads
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        held.let_go.set()
        await first
        await store.close()
        assert [found.key for found in run(held.list_page("")).objects] == ["a"]

    asyncio.run(scenario())


def test_no_more_operations_run_at_once_than_there_are_threads() -> None:
    async def scenario() -> None:
        held = HeldStore()
        store = ThreadedStore(held, max_threads=1)
        put = asyncio.create_task(store.put("a", b"body"))
        await started(held)
        get = asyncio.create_task(store.get("a"))
        held.let_go.set()
        assert (await get).etag == await put
        await store.close()

    asyncio.run(scenario())


def test_closing_waits_for_what_runs_and_closes_the_store_inside() -> None:
    async def scenario() -> None:
        held = HeldStore()
        store = ThreadedStore(held)
        put = asyncio.create_task(store.put("a", b"body"))
        await started(held)
        closing = asyncio.create_task(store.close())
        done, _ = await asyncio.wait({closing}, timeout=0.05)
        assert not done
        assert not held.closed
        held.let_go.set()
        await closing
        assert put.done()
        assert held.closed

    asyncio.run(scenario())
