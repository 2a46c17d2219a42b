"""What the protocol code is given to run on: a clock, chance, fan-out and locks.

The core is `async def` and awaits nothing but an object store and what stands here. `BlockingRuntime` never
suspends, so `run` can finish a coroutine of the core by hand in the calling thread; `AsyncioRuntime` suspends on
the caller's event loop; the simulator brings a runtime of its own.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar
from weakref import WeakSet

from .ids import UlidSource

if TYPE_CHECKING:
    from asyncio import Task, TimerHandle
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
Work: TypeAlias = "Callable[[], Coroutine[Any, Any, None]]"
"""Makes the coroutine when it begins, so that work that never does leaves none behind."""


class Runtime(Protocol):
    """Time, chance, fan-out and locks, as the core sees them."""

    ulid: UlidSource
    """Makes names that only grow."""
    is_blocking: bool
    """Whether nothing that is awaited here may suspend."""

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

    async def branches(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """As `gather`, for a few pieces of work that may themselves fan out. Not to be used within `gather`."""
        ...

    async def offload(self, call: Callable[[], T]) -> T:
        """Make a call that keeps the processor or a disk busy for longer than an event loop should stand still."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """Return a new lock that one task (or thread) holds at a time. Entering it twice waits for ever."""
        ...

    def background(self, work: Work, *, after: float = 0.0) -> None:
        """Run `work` beside the callers, `after` so many seconds. What it raises is its own affair."""
        ...

    def before_the_end(self, work: Work) -> None:
        """Run `work` when the process gets a SIGTERM, before it ends."""
        ...

    async def close(self) -> None:
        """Give back the threads, where there are any: wait for what runs in the background, drop what has not begun."""
        ...


class _SystemClock:
    """The machine's clocks and chance, shared by the two real runtimes."""

    def __init__(self) -> None:
        self._at_close: list[Callable[[], None]] = []
        self._random = random.SystemRandom()
        self.ulid = UlidSource(self.now, self._random.getrandbits)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def random(self) -> float:
        return self._random.random()

    def _close(self) -> None:
        while self._at_close:
            self._at_close.pop()()


class BlockingRuntime(_SystemClock):
    """For the blocking face: sleeping blocks the thread, and fan-out runs on a pool of threads."""

    is_blocking = True

    def __init__(self, *, max_threads: int = 16) -> None:
        super().__init__()
        self._max_threads = max_threads
        self._closed = False
        self._without_threads()
        _blocking_runtimes.add(self)

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
        return _in_threads(self._threads(), coroutines)

    async def branches(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run each coroutine in a thread made for it, so that what they hand to the pool finds it free."""
        from concurrent.futures import ThreadPoolExecutor

        coroutines = list(work)
        with ThreadPoolExecutor(max(1, len(coroutines)), thread_name_prefix="s3store-branch") as threads:
            return _in_threads(threads, coroutines)

    async def offload(self, call: Callable[[], T]) -> T:
        """Make it in the calling thread."""
        return call()

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a `threading.Lock` in the shape that the core awaits."""
        return _ThreadLock()

    def background(self, work: Work, *, after: float = 0.0) -> None:
        """Run it in a thread that all such work shares, one after the other."""
        if not after:
            self._begin(work)
            return
        timer = threading.Timer(after, lambda: self._begin(work, timer))
        timer.daemon = True
        with self._pool_lock:
            if not self._closed:
                self._timers.append(timer)
                timer.start()

    def before_the_end(self, work: Work) -> None:
        """Run it in a thread of its own."""
        from .farewell import before_the_end

        self._at_close.append(before_the_end(lambda: run(work())))

    async def close(self) -> None:
        """End the threads."""
        self._close()
        with self._pool_lock:
            self._closed = True
            while self._timers:
                self._timers.pop().cancel()
        if self._beside is not None:
            self._beside.shutdown(cancel_futures=True)
        if self._pool is not None:
            self._pool.shutdown()

    def _without_threads(self) -> None:
        """Begin with no threads: at first, and in a process that was forked off, where those there were are gone."""
        self._pool_lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        # One thread of its own: what runs there fans out to the pool, which could else come to wait for itself.
        self._beside: ThreadPoolExecutor | None = None
        self._timers: list[threading.Timer] = []

    def _begin(self, work: Work, timer: threading.Timer | None = None) -> None:
        with self._pool_lock:
            if self._closed:
                return
            if timer is not None:
                self._timers.remove(timer)
            if self._beside is None:
                from concurrent.futures import ThreadPoolExecutor

                self._beside = ThreadPoolExecutor(1, thread_name_prefix="s3store-background")
            try:
                self._beside.submit(lambda: run(_on_its_own(work)))
            except RuntimeError:
                pass  # The interpreter is about to end.

    def _threads(self) -> ThreadPoolExecutor:
        with self._pool_lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._max_threads, thread_name_prefix="s3store")
            return self._pool


_blocking_runtimes: WeakSet[BlockingRuntime] = WeakSet()


def _after_fork() -> None:
    for runtime in _blocking_runtimes:
        runtime._without_threads()  # noqa: SLF001 - it is of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


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

    is_blocking = False

    def __init__(self, *, max_tasks: int = 32) -> None:
        import asyncio

        super().__init__()
        self._slots = asyncio.Semaphore(max_tasks)
        self._tasks: set[Task[None]] = set()
        self._waiting: set[TimerHandle] = set()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for that long."""
        import asyncio

        await asyncio.sleep(seconds)

    async def gather(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run each coroutine as a task; the first error, or a cancellation, cancels the others and waits for them."""
        coroutines = list(work)
        if len(coroutines) == 1:
            return [await coroutines[0]]
        return await self.branches(map(self._in_a_slot, coroutines))

    async def branches(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Run each coroutine as a task that waits for no slot; errors as `gather`."""
        import asyncio

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(coroutine) for coroutine in work]
        except BaseExceptionGroup as failures:
            # A caller of the core knows the errors of s3store.errors, not groups of them: the first one speaks.
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def offload(self, call: Callable[[], T]) -> T:
        """Make it in a thread."""
        import asyncio

        return await asyncio.to_thread(call)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return an `asyncio.Lock`."""
        import asyncio

        return asyncio.Lock()

    def background(self, work: Work, *, after: float = 0.0) -> None:
        """Run it as a task of the running loop."""
        import asyncio

        def begin() -> None:
            self._waiting.discard(handle)
            task = loop.create_task(_on_its_own(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        loop = asyncio.get_running_loop()
        handle = loop.call_later(after, begin)
        self._waiting.add(handle)

    def before_the_end(self, work: Work) -> None:
        """Run it on the running loop."""
        import asyncio

        from .farewell import PATIENCE, before_the_end

        loop = asyncio.get_running_loop()
        self._at_close.append(before_the_end(lambda: asyncio.run_coroutine_threadsafe(work(), loop).result(PATIENCE)))

    async def close(self) -> None:
        """Drop what waits, and wait for the tasks."""
        import asyncio

        self._close()
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_a_slot(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async with _closing(coroutine), self._slots:
            return await coroutine


def _in_threads(threads: ThreadPoolExecutor, coroutines: list[Coroutine[Any, Any, T]]) -> list[T]:
    """Finish coroutines in threads; when one fails, those that have not begun never do."""
    futures = [threads.submit(run, coroutine) for coroutine in coroutines]
    try:
        return [future.result() for future in futures]
    finally:
        for future, coroutine in zip(futures, coroutines, strict=True):
            if future.cancel():
                coroutine.close()


async def _on_its_own(work: Work) -> None:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - nobody waits for it, so that only a log can tell
        import logging

        logging.getLogger("s3store").warning("work in the background failed: %s", type(error).__name__)


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


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """Step through an async iterator of the core by hand."""
    done = object()

    async def step() -> T | object:
        return await anext(items, done)

    while (item := run(step())) is not done:
        yield item  # type: ignore[misc]


def iterate_parts(parts: AsyncIterator[list[T]]) -> Iterator[T]:
    """Step by hand through the items of an async iterator of lists."""
    for part in iterate(parts):
        yield from part


async def each_of(parts: AsyncIterator[list[T]]) -> AsyncIterator[T]:
    """Yield the items of an async iterator of lists."""
    async for part in parts:
        for item in part:
            yield item
