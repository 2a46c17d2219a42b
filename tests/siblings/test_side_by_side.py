"""Many saves at a time, sources that are asynchronous, and calls that are cancelled."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from s3store import AsyncSessionStore, InvalidOption, NewArtifact, SessionStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.siblings.upload import PART

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from s3store.objects.base import Part, Upload

MIDDLE = random.Random(7).randbytes(20_000)
LARGE = random.Random(8).randbytes(PART + PART // 2)


def pieces(number: int) -> dict[str, Any]:
    return {
        "artifacts": [NewArtifact(f"{place}", MIDDLE + bytes([place, number])) for place in range(4)],
        "traces": [number],
        "runs": [],
        "verification": [number] * 3,
    }


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


def test_many_threads_save_all_at_once() -> None:
    with SessionStore(MemoryStore()) as store, ThreadPoolExecutor(24) as threads:
        list(threads.map(lambda number: store.save_all(f"s{number}", [number], **pieces(number)), range(48)))
        found = list(threads.map(lambda number: store.load_all(f"s{number}"), range(48)))
    assert all(each.together for each in found)
    assert [each.traces for each in found] == [[number] for number in range(48)]


def test_many_tasks_save_all_at_once() -> None:
    async def main() -> None:
        async with AsyncSessionStore(MemoryStore()) as store:
            await asyncio.gather(*(store.save_all(f"s{number}", [number], **pieces(number)) for number in range(60)))
            found = await asyncio.gather(*(store.load_all(f"s{number}") for number in range(60)))
            assert all(each.together for each in found)
            assert [each.traces for each in found] == [[number] for number in range(60)]

    asyncio.run(main())


def test_large_texts_are_saved_together_without_waiting_for_themselves() -> None:
    with SessionStore(MemoryStore()) as store:
        given = [NewArtifact(f"{place}", LARGE + bytes([place])) for place in range(20)]
        store.artifacts("a").save(given)
        assert [info.size for info in store.artifacts("a").list()] == [len(LARGE) + 1] * 20


@pytest.mark.parametrize("data", [b"", MIDDLE, LARGE], ids=["empty", "whole", "in parts"])
def test_an_async_iterator_is_a_source(data: bytes) -> None:
    async def main() -> None:
        async with AsyncSessionStore(MemoryStore()) as store:
            artifacts = store.artifacts("a")
            info = await artifacts.put("n", chunks(data, 100_003))
            assert info.size == len(data)
            assert (await artifacts.get("n")).data == data
            assert b"".join([piece async for piece in artifacts.stream("n")]) == data

    asyncio.run(main())


def test_a_cancelled_upload_leaves_the_set_as_it_was() -> None:
    class Waiting(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.reached = asyncio.Event()

        async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
            if number == 2:
                self.reached.set()
                await asyncio.Event().wait()
            return await super().put_part(upload, number, body)

    async def main() -> None:
        objects = Waiting()
        async with AsyncSessionStore(objects) as store:
            artifacts = store.artifacts("a")
            await artifacts.put("before", "x")
            for source in (LARGE, chunks(LARGE * 2, PART // 2)):
                objects.reached.clear()
                putting = asyncio.ensure_future(artifacts.put("n", source))
                await asyncio.wait_for(objects.reached.wait(), 20)
                putting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await putting
            assert [info.name for info in await artifacts.list()] == ["before"]
            # What can be gone on with stays; what cannot is given up.
            assert len(await objects.list_uploads("")) == 1

    asyncio.run(main())


def test_a_blocking_store_says_that_an_async_iterator_is_not_for_it() -> None:
    with SessionStore(MemoryStore()) as store, pytest.raises(InvalidOption, match="asyncio face"):
        store.artifacts("a").put("n", chunks(MIDDLE, 100))
    assert run(MemoryStore().list_uploads("")) == []
