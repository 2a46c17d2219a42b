"""What the core is given for a runtime: virtual time, a clock that is wrong, seeded chance, fan-out and locks."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ...ids import UlidSource
from .scheduler import Join, Sleep, Wait

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine, Iterable

    from ...runtime import Work
    from .scheduler import Scheduler, Task

T = TypeVar("T")

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedRuntime:
    """The runtime of one simulated process. `skew` is how far its clock is off, in seconds; anybody may change it."""

    is_blocking = False

    def __init__(self, scheduler: Scheduler, chance: random.Random, *, skew: float = 0.0) -> None:
        self.skew = skew
        self.ulid = UlidSource(self.now, chance.getrandbits)
        self.start_background: Callable[[Task, Work], None] = _refuse
        """Starts work in the background for a task; whoever runs the process decides when it may still begin."""
        self._scheduler = scheduler
        self._chance = chance

    def now(self) -> datetime:
        """See `Runtime.now`; wrong by `skew`."""
        return _EPOCH + timedelta(seconds=self._scheduler.time + self.skew)

    def monotonic(self) -> float:
        """See `Runtime.monotonic`: virtual time."""
        return self._scheduler.time

    def random(self) -> float:
        """See `Runtime.random`: drawn from what the running task meets, so that other tasks do not change it."""
        current = self._scheduler.current
        return (self._chance if current is None else current.chance).random()

    async def sleep(self, seconds: float) -> None:
        """See `Runtime.sleep`: others run, and virtual time passes."""
        await Sleep(seconds)

    async def gather(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """See `Runtime.gather`: each coroutine is a task of the scheduler."""
        coroutines = list(work)
        if not coroutines:
            return []
        results: list[T] = await Join(coroutines)
        return results

    async def branches(self, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """See `Runtime.branches`: no other than `gather`."""
        return await self.gather(work)

    async def offload(self, call: Callable[[], T]) -> T:
        """See `Runtime.offload`: takes no time."""
        return call()

    def lock(self) -> AbstractAsyncContextManager[None]:
        """See `Runtime.lock`."""
        return _Lock(self._scheduler)

    def background(self, work: Work, *, after: float = 0.0) -> None:
        """See `Runtime.background`: a task of its own, which dies with its process."""
        current = self._scheduler.current
        if current is None:
            raise RuntimeError("work in the background is begun by a task")
        self._scheduler.after(after, lambda: self.start_background(current, work))

    def before_the_end(self, work: Work) -> None:
        """See `Runtime.before_the_end`: a simulated process is never told."""

    async def close(self) -> None:
        """Nothing is held."""


def _refuse(_: Task, __: Work) -> None:
    raise RuntimeError("nobody runs the work of this process in the background")


class _Lock(AbstractAsyncContextManager[None]):
    """First come, first served."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False
        self._waiting: deque[_Turn] = deque()

    async def __aenter__(self) -> None:
        if self._held:
            await _Turn(self._waiting)
        self._held = True

    async def __aexit__(self, *exc_info: object) -> None:
        # Never suspends: it also runs while a crashed task is being closed.
        self._held = False
        if self._waiting:
            self._held = True
            self._waiting.popleft().come()


class _Turn(Wait):
    def __init__(self, queue: deque[_Turn]) -> None:
        self._queue = queue

    def begin(self, scheduler: Scheduler, task: Task) -> None:
        self._scheduler, self._task = scheduler, task
        self._queue.append(self)

    def come(self) -> None:
        self._scheduler.after(0.0, lambda: self._scheduler.resume(self._task, self))

    def abandon(self) -> None:
        if self in self._queue:
            self._queue.remove(self)
