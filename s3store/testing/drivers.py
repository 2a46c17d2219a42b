"""How tests run the coroutines of a store: by hand and in threads, or on one event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from ..runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from types import TracebackType

T = TypeVar("T")


class Driver(Protocol):
    """Runs coroutines of one store, alone or against each other. A context manager, open for one test."""

    def __enter__(self) -> Self:
        """Make ready."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Give back what `__enter__` took."""
        ...

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish one coroutine and return its result."""
        ...

    def race(self, work: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """Start all at once, let them run side by side, and return their results in order."""
        ...


class BlockingDriver:
    """For stores that never suspend: coroutines are finished by hand, and race in threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing is held."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """See `Driver.run`."""
        return run(work)

    def race(self, work: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """See `Driver.race`: one thread each, and a barrier so that none has a start."""
        start = threading.Barrier(len(work))

        def racer(operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
            start.wait()
            return run(operation())

        with ThreadPoolExecutor(len(work)) as threads:
            return list(threads.map(racer, work))


class AsyncioDriver:
    """For stores of asyncio: one event loop from `__enter__` to `__exit__`, and tasks that race on it."""

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner().__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the event loop."""
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """See `Driver.run`."""
        return self._runner.run(work)

    def race(self, work: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """See `Driver.race`: one task each."""

        async def together() -> list[T]:
            return await asyncio.gather(*(operation() for operation in work))

        return self._runner.run(together())
