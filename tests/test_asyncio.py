"""The asyncio face: cancelled at any point, in many tasks, and closed."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from s3store import AsyncSessionStore, S3StoreError, SessionStore
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from tests.archives import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from s3store.objects.base import ListPage, StoredObject

pytest_plugins = ["tests.archive_fixtures"]


class SteppedStore(CountingStore):
    """Suspends before each request and behind it. With `stop_at`, the task is cancelled at that suspension."""

    def __init__(self, memory: MemoryStore) -> None:
        super().__init__(memory)
        self.passed = 0
        self.stop_at: int | None = None
        self.stopping: asyncio.Task[Any] | None = None

    async def _step(self) -> None:
        self.passed += 1
        if self.stopping is not None and self.passed == self.stop_at:
            self.stopping.cancel()
        await asyncio.sleep(0)

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        await self._step()
        found = await super().get(key, if_none_match=if_none_match, byte_range=byte_range)
        await self._step()
        return found

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        await self._step()
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        await self._step()
        return etag

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        await self._step()
        await super().delete(key, if_match=if_match)
        await self._step()

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        await self._step()
        page = await super().list_page(prefix, after=after, limit=limit)
        await self._step()
        return page


Call = tuple["Callable[[AsyncSessionStore], Coroutine[Any, Any, object]]", list[str] | None]
FULL = ["0", "1", "2", "3"]
CALLS: dict[str, Call] = {
    "append": (lambda store: store.append("a", "new"), [*FULL, "new"]),
    "extend": (lambda store: store.extend("a", ["x", "y"] * 20), [*FULL, *["x", "y"] * 20]),
    "save": (lambda store: store.save("a", ["0", "other"]), ["0", "other"]),
    "save-long": (lambda store: store.save("a", ["other"] * 20), ["other"] * 20),
    "remove_last": (lambda store: store.remove_last("a"), FULL[:-1]),
    "replace_last": (lambda store: store.replace_last("a", "new"), [*FULL[:-1], "new"]),
    "clear": (lambda store: store.clear("a"), []),
    "update": (lambda store: store.update("a", name="n"), FULL),
    "delete": (lambda store: store.delete("a"), None),
    "resolve": (lambda store: store.resolve("a", "01kah0000000000000000000aa"), FULL),
    "load": (lambda store: store.load("a"), FULL),
    "last": (lambda store: store.last("a", 3), FULL),
    "create": (lambda store: store.create("new", ["x"]), FULL),
}


async def prepared() -> MemoryStore:
    memory = MemoryStore()
    async with AsyncSessionStore(memory) as store:
        for message in FULL:
            await store.append("a", message)
    return memory


async def state(memory: MemoryStore) -> list[str] | None:
    async with AsyncSessionStore(memory) as store:
        return (await store.load("a")).messages if await store.exists("a") else None


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("known", [True, False], ids=["head-known", "head-not-known"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_cancelled_anywhere_leaves_the_old_or_the_new_state(name: str, known: bool) -> None:  # noqa: FBT001
    call, after = CALLS[name]

    async def cancelled_at(point: int) -> bool:
        """Cancel the call at its n-th suspension; tell whether it came so far."""
        memory = await prepared()
        stepped = SteppedStore(memory)
        # The built-in check of the store is skipped for a MemoryStore alone; the archive's record is there by now.
        async with AsyncSessionStore(stepped, policy=QUICK) as store:
            if known:
                await store.update("a", agent="x")
            stepped.passed, stepped.stop_at = 0, point
            task = asyncio.ensure_future(call(store))
            stepped.stopping = task
            results = await asyncio.gather(task, return_exceptions=True)
            stepped.stopping = None
            assert not isinstance(results[0], Exception)
            came_so_far = isinstance(results[0], asyncio.CancelledError)
            found = await state(memory)
            assert found in ([FULL, after] if came_so_far else [after])
            # The same client goes on, and so does everybody else.
            assert (await store.append("a", "on")).count == len(found or []) + 1
            assert await state(memory) == [*(found or []), "on"]
            assert await store.delete("a")
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return came_so_far

    async def everywhere() -> int:
        point = 1
        while await cancelled_at(point):
            point += 1
        return point

    assert asyncio.run(everywhere()) > 2
    gc.collect()  # a coroutine that was never awaited would warn here, and warnings are errors


@pytest.mark.usefixtures("small_parts")
def test_a_reader_that_is_cancelled_or_left_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        memory = await prepared()
        stepped = SteppedStore(memory)
        async with AsyncSessionStore(stepped, policy=QUICK) as store:
            for stop_at in range(1, 12):

                async def read() -> list[Any]:
                    return [record.message async for record in store.records("a")]

                stepped.passed, stepped.stop_at = 0, stop_at
                stepped.stopping = asyncio.ensure_future(read())
                await asyncio.gather(stepped.stopping, return_exceptions=True)
                stepped.stopping = None
            async for record in store.records("a"):
                assert record.message == "0"
                break
            async for info in store.scan():
                assert info.id == "a"
                break
            assert (await store.append("a", "on")).count == 5
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    gc.collect()


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("clients", [1, 4])
def test_tasks_that_append_at_once_lose_nothing_and_keep_their_order(clients: int) -> None:
    async def scenario() -> list[str]:
        memory = await prepared()
        stores = [AsyncSessionStore(SteppedStore(memory)) for _ in range(clients)]

        async def writer(number: int) -> None:
            for each in range(10):
                await stores[number % clients].append("shared", f"{number}-{each}")

        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(writer(number))
        messages = (await stores[0].load("shared")).messages
        for store in stores:
            assert (await store.load("shared")).messages == messages
            await store.close()
        return messages

    messages = asyncio.run(scenario())
    assert len(messages) == 160
    for number in range(16):
        assert [each for each in messages if each.startswith(f"{number}-")] == [
            f"{number}-{each}" for each in range(10)
        ]


@pytest.mark.usefixtures("small_parts")
def test_threads_that_append_at_once_lose_nothing_and_keep_their_order() -> None:
    with SessionStore("memory://") as store:

        def writer(number: int) -> None:
            for each in range(10):
                store.append("shared", f"{number}-{each}")

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(writer, range(16)))
        messages = store.load("shared").messages
    assert len(messages) == 160
    for number in range(16):
        assert [each for each in messages if each.startswith(f"{number}-")] == [
            f"{number}-{each}" for each in range(10)
        ]


def test_a_cancelled_writer_does_not_hold_up_those_behind_it() -> None:
    async def scenario() -> None:
        memory = await prepared()
        stepped = SteppedStore(memory)
        async with AsyncSessionStore(stepped) as store:
            await store.load("a")
            writers = [asyncio.ensure_future(store.append("a", f"w{number}")) for number in range(6)]
            await asyncio.sleep(0)
            for writer in writers[::2]:
                writer.cancel()
            results = await asyncio.gather(*writers, return_exceptions=True)
            assert [isinstance(result, BaseException) for result in results] == [True, False] * 3
            messages = (await store.load("a")).messages
            assert [each for each in messages if each in {"w1", "w3", "w5"}] == ["w1", "w3", "w5"]

    asyncio.run(scenario())


def test_closing_ends_the_threads(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncSessionStore(f"file://{tmp_path}/archive") as store:
            await asyncio.gather(*(store.append(f"s{number}", "x") for number in range(8)))

    before = set(threading.enumerate())
    asyncio.run(scenario())
    with SessionStore(f"file://{tmp_path}/archive") as store:
        assert len(list(store.scan())) == 8
    assert set(threading.enumerate()) <= before


def test_a_store_that_suspends_is_refused_by_the_blocking_face() -> None:
    memory = asyncio.run(prepared())
    with SessionStore(SteppedStore(memory)) as store, pytest.raises(RuntimeError, match="not a blocking one"):
        store.load("a")
    gc.collect()


def test_the_first_error_of_a_parallel_read_ends_it_without_leaving_work_behind(small_parts: None) -> None:
    async def scenario() -> None:
        memory = await prepared()
        page = await memory.list_page("sessions/")
        for listed in page.objects:
            if "/transcript/" in listed.key:
                await memory.put(listed.key, b"damaged")
        async with AsyncSessionStore(SteppedStore(memory)) as store:
            with pytest.raises(S3StoreError):
                await store.load("a")
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    gc.collect()
