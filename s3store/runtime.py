"""What the protocol code is given to run on: a clock, chance, fan-out and locks.

The core is `async def` and awaits nothing but an object store and what stands here. `BlockingRuntime` never
suspends, so `run` can finish a coroutine of the core by hand in the calling thread; `AsyncioRuntime` suspends on
the caller's event loop; the simulator brings a runtime of its own.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .ids import UlidSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")


class Runtime(Protocol):
    """Time, chance, fan-out and locks, as the core sees them."""

    ulid: UlidSource
    """Makes names that only grow."""

    def now(self) -> datetime:
        """Return the time of day, in UTC, to the microsecond."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def random(self) -> float:
        """Return a number from 0 up to, not including, 1."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def gather(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run coroutines side by side and return their results in order; the first error ends them all."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """Return a new lock that one task (or thread) holds at a time. Entering it twice waits for ever."""
        ...

    async def close(self) -> None:
        """Give back the threads, where there are any."""
        ...


class _SystemClock:
    """The machine's clocks and chance, shared by the two real runtimes."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()
        self.ulid = UlidSource(self.now, self._random.getrandbits)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def random(self) -> float:
        return self._random.random()


class BlockingRuntime(_SystemClock):
    """For the blocking face: sleeping blocks the thread, and fan-out runs on a pool of threads."""

    def __init__(self, *, max_threads: int = 16) -> None:
        super().__init__()
        self._max_threads = max_threads
        self._pool: ThreadPoolExecutor | None = None
        self._pool_lock = threading.Lock()

    async def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)  # noqa: ASYNC251 - this runtime never runs on an event loop

    async def gather(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run each coroutine in a thread of the pool. One alone runs in the calling thread.

        Work that is handed to the pool must not itself fan out, or the pool could wait for itself.
        """
        coroutines = list(work)
        if len(coroutines) == 1:
            return [await coroutines[0]]
        futures = [self._threads().submit(run, coroutine) for coroutine in coroutines]
        try:
            return [future.result() for future in futures]
        finally:
            for future, coroutine in zip(futures, coroutines, strict=True):
                if future.cancel():
                    coroutine.close()

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a `threading.Lock` in the shape that the core awaits."""
        return _ThreadLock()

    async def close(self) -> None:
        """End the threads of the pool."""
        if self._pool is not None:
            self._pool.shutdown()

    def _threads(self) -> ThreadPoolExecutor:
        with self._pool_lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._max_threads, thread_name_prefix="s3store")
            return self._pool


class _ThreadLock(AbstractAsyncContextManager[None]):
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._lock.release()


class AsyncioRuntime(_SystemClock):
    """For the asyncio face: everything suspends on the running event loop.

    asyncio is imported here and not above: it is a third of what `import s3store` would take, and the blocking face
    does without it.
    """

    def __init__(self, *, max_tasks: int = 32) -> None:
        import asyncio

        super().__init__()
        self._slots = asyncio.Semaphore(max_tasks)

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for that long."""
        import asyncio

        await asyncio.sleep(seconds)

    async def gather(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run each coroutine as a task; the first error, or a cancellation, cancels the others and waits for them."""
        import asyncio

        coroutines = list(work)
        if len(coroutines) == 1:
            return [await coroutines[0]]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._in_a_slot(coroutine)) for coroutine in coroutines]
        except BaseExceptionGroup as failures:
            # A caller of the core knows the errors of s3store.errors, not groups of them: the first one speaks.
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return an `asyncio.Lock`."""
        import asyncio

        return asyncio.Lock()

    async def close(self) -> None:
        """Nothing is held."""

    async def _in_a_slot(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async with _closing(coroutine), self._slots:
            return await coroutine


@asynccontextmanager
async def _closing(coroutine: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Close a coroutine that was cancelled while it still waited for its slot, so that it ends without a warning."""
    try:
        yield
    finally:
        coroutine.close()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Finish a coroutine of the core by hand. Its store and runtime must be blocking ones, which never suspend."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine of the blocking face suspended: its object store is not a blocking one")
