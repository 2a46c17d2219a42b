"""What of one archive is kept on this machine: a cache, with everything of one archive under a name of its own.

The cache underneath blocks. `Shelf` calls it in the calling thread, for the blocking face; `ThreadedShelf` in threads
of its own, so that an event loop never waits for a disk.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import S3StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

_REMEMBERED_TIMES = 4096
_THREADS = 8


class Kept(Protocol):
    """What a cache has under a name."""

    @property
    def tag(self) -> str:
        """What this state of the bytes is called: an ETag."""
        ...

    @property
    def body(self) -> bytes:
        """The bytes."""
        ...

    @property
    def at(self) -> float:
        """When it was last known to be current, in seconds since 1970."""
        ...


class Keeper(Protocol):
    """What is used of a cache, `s3store.cache.Cache` above all. Nothing here raises: a fault is a miss."""

    def get(self, name: str) -> Kept | None:
        """Return what was kept last under a name."""
        ...

    def put(self, name: str, tag: str, body: bytes, *, at: float | None = None) -> None:
        """Keep bytes under a name, in the place of what was there."""
        ...

    def confirm(self, name: str, tag: str, *, at: float | None = None) -> None:
        """Note that what is kept is still current."""
        ...

    def forget(self, name: str) -> None:
        """Keep nothing under a name any more."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that start with `prefix`."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


class Shelf:
    """What a cache keeps of the store whose identity `identity` returns; it is asked for once, when it is needed.

    With `closes`, the cache is closed with the shelf.
    """

    def __init__(self, cache: Keeper, identity: Callable[[], Awaitable[str]], *, closes: bool = True) -> None:
        self._cache = cache
        self._identity = identity
        self._closes = closes
        self._place: str | None = None
        self._put = _Times()
        self._outdated = _Times()

    async def get(self, name: str) -> Kept | None:
        """Return what is kept under a name, unless this process knows that it is out of date."""
        place = await self._placed()
        kept = None if place is None else await self._do(lambda: self._cache.get(place + name))
        if kept is None or kept.at < self._put.of(name) or kept.at < self._outdated.of(name):
            return None
        return kept

    async def put(self, name: str, tag: str, body: bytes, at: float) -> None:
        """Keep bytes that were current at the time `at`.

        Should the cache fail to, this process does without what was kept before. Bytes that others have overtaken,
        as when a read was slower than the write that followed it, are not kept, and neither is what they overtake:
        nothing tells whether it was that, or the clock that was set back.
        """
        if self._put.note(name, at):
            place = await self._placed()
            if place is not None:
                await self._do(lambda: self._cache.put(place + name, tag, body, at=at))
        else:
            await self.forget(name)

    def outdate(self, name: str, at: float) -> None:
        """Have this process do without what is kept under a name if it is from before the time `at`."""
        self._outdated.note(name, at)

    async def confirm(self, name: str, tag: str, at: float) -> None:
        """Note that what is kept was still current at the time `at`."""
        place = await self._placed()
        if place is not None:
            await self._do(lambda: self._cache.confirm(place + name, tag, at=at))

    async def forget(self, name: str) -> None:
        """Keep nothing under a name any more."""
        place = await self._placed()
        if place is not None:
            await self._do(lambda: self._cache.forget(place + name))

    async def names(self, prefix: str = "") -> list[str]:
        """Return the names that start with `prefix`."""
        place = await self._placed()
        if place is None:
            return []
        return [name.removeprefix(place) for name in await self._do(lambda: list(self._cache.names(place + prefix)))]

    async def clear(self) -> int:
        """Forget all of this archive; return how many names that were."""
        names = await self.names()
        place = await self._placed()

        def forget_all() -> None:
            for name in names:
                self._cache.forget(f"{place}{name}")

        await self._do(forget_all)
        return len(names)

    async def close(self) -> None:
        """Give back what is open."""
        if self._closes:
            await self._do(self._cache.close)

    async def _do(self, operation: Callable[[], T]) -> T:
        return operation()

    async def _placed(self) -> str | None:
        """Return what stands before every name of this archive; None where nobody can tell which archive it is."""
        if self._place is None:
            try:
                identity = await self._identity()
            except S3StoreError:
                raise
            except Exception:  # noqa: BLE001 - whatever the SDK says of credentials, each request will say again
                return None
            self._place = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32] + "/"
        return self._place


class _Times:
    """The latest time that was noted for each name, of those that were noted last."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: str) -> float:
        """Return the time noted for a name; one before all others if there is none."""
        return self._times.get(name, float("-inf"))

    def note(self, name: str, at: float) -> bool:
        """Note a time; tell whether none that is later was noted before."""
        with self._lock:
            before = self._times.pop(name, at)
            self._times[name] = max(before, at)
            if len(self._times) > _REMEMBERED_TIMES:
                self._times.popitem(last=False)
        return at >= before


class ThreadedShelf(Shelf):
    """A shelf for the tasks of an event loop. A caller that is cancelled goes on at once.

    It imports asyncio when it is used: by then the loop has, and the blocking face does without.
    """

    def __init__(self, cache: Keeper, identity: Callable[[], Awaitable[str]], *, closes: bool = True) -> None:
        super().__init__(cache, identity, closes=closes)
        self._threads: ThreadPoolExecutor | None = None

    async def close(self) -> None:
        """Give back what is open, and wait for the threads."""
        await super().close()
        threads, self._threads = self._threads, None
        if threads is not None:
            import asyncio

            await asyncio.to_thread(threads.shutdown)

    async def _do(self, operation: Callable[[], T]) -> T:
        import asyncio

        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3store-cache")
        return await asyncio.wrap_future(self._threads.submit(operation))
