"""Tasks and virtual time: a plain loop over coroutines, in which nothing is left to the machine.

A coroutine suspends by awaiting a `Wait`, which arranges for its own end. Time passes only from one event to the next,
so an hour of back-off costs nothing.
"""

from __future__ import annotations

import heapq
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine, Generator

    from .network import Weather


class Cancelled(BaseException):
    """Thrown into a task at the point where it waits. As with asyncio, no handler for errors catches it."""


class Crashed(BaseException):
    """Thrown into a task whose process has ended, as often as it takes: nothing that it still tries is begun."""


class Endless(Exception):
    """The history took more events than it may: something waits for itself or tries for ever."""


class Wait:
    """What a coroutine suspends on. Once begun it resumes its task, with a value or an error."""

    def __await__(self) -> Generator[Wait, Any, Any]:
        return (yield self)

    def begin(self, scheduler: Scheduler, task: Task) -> None:
        """Arrange for the end of the wait."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Nobody waits any more: the task was closed or cancelled."""


class Task:
    """A coroutine under way, with the chance and the weather that its requests meet."""

    __slots__ = ("_coroutine", "_done", "chance", "closed", "wait", "weather", "who")

    def __init__(
        self,
        who: str,
        coroutine: Coroutine[Any, Any, Any],
        chance: random.Random,
        weather: Weather,
        done: Callable[[object, BaseException | None], None],
    ) -> None:
        self.who = who
        self.chance = chance
        self.weather = weather
        self.wait: Wait | None = None
        self.closed = False
        self._coroutine = coroutine
        self._done = done

    def step(self, scheduler: Scheduler, value: object, error: BaseException | None) -> None:
        """Run until the coroutine waits or ends."""
        self.wait = None
        before, scheduler.current = scheduler.current, self
        try:
            wait = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
        except StopIteration as end:
            self.closed = True
            result, failure = end.value, None
        except BaseException as raised:  # noqa: BLE001 - it is handed on to whoever waits for the task
            self.closed = True
            result, failure = None, raised
        finally:
            scheduler.current = before
        if self.closed:
            self._done(result, failure)
        else:
            self.wait = wait
            wait.begin(scheduler, self)

    def close(self) -> None:
        """End the coroutine where it stands, as the end of its process would. What it sent is still on its way."""
        if not self.closed:
            self.closed = True
            if self.wait is not None:
                self.wait.abandon()
                self.wait = None
            # Not `close()`: that leaves an asynchronous generator which is being waited for unable to end.
            with suppress(StopIteration, Crashed):
                while True:
                    wait: Wait = self._coroutine.throw(Crashed())
                    wait.abandon()


class Scheduler:
    """Events in the order of virtual time, and the task that runs at the moment."""

    def __init__(self, *, most_events: int = 50_000) -> None:
        self.time = 0.0
        self.current: Task | None = None
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._most = most_events

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen later. Events of the same moment happen in the order in which they were asked for."""
        self._count += 1
        heapq.heappush(self._events, (self.time + seconds, self._count, action))

    def start(self, task: Task) -> None:
        """Run a new task up to its first wait."""
        if not task.closed:
            task.step(self, None, None)

    def resume(self, task: Task, wait: Wait, value: object = None, error: BaseException | None = None) -> None:
        """End a wait, unless the task has stopped waiting for it."""
        if task.wait is wait and not task.closed:
            task.step(self, value, error)

    def cancel(self, task: Task) -> None:
        """Throw `Cancelled` into a waiting task."""
        if task.wait is not None and not task.closed:
            task.wait.abandon()
            task.step(self, None, Cancelled())

    def run(self) -> None:
        """Let events happen until there are no more. Raises `Endless` if there are too many."""
        while self._events:
            self.time, _, action = heapq.heappop(self._events)
            action()
            if self._count > self._most:
                raise Endless


class Sleep(Wait):
    """Wait for virtual seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def begin(self, scheduler: Scheduler, task: Task) -> None:
        """See `Wait.begin`."""
        scheduler.after(self._seconds, lambda: scheduler.resume(task, self))


class Join(Wait):
    """Wait for coroutines that run side by side; the first error closes the others and is raised."""

    def __init__(self, coroutines: list[Coroutine[Any, Any, Any]]) -> None:
        self._coroutines = coroutines
        self._results: list[Any] = [None] * len(coroutines)
        self._left = len(coroutines)
        self._tasks: list[Task] = []

    def begin(self, scheduler: Scheduler, task: Task) -> None:
        """See `Wait.begin`."""

        def done_at(place: int) -> Callable[[object, BaseException | None], None]:
            def done(result: object, error: BaseException | None) -> None:
                self._results[place] = result
                self._left -= 1
                if error is not None:
                    self.abandon()
                    scheduler.resume(task, self, error=error)
                elif not self._left:
                    scheduler.resume(task, self, self._results)

            return done

        self._tasks = [
            Task(task.who, coroutine, task.chance, task.weather, done_at(place))
            for place, coroutine in enumerate(self._coroutines)
        ]
        for child in self._tasks:
            scheduler.start(child)

    def abandon(self) -> None:
        """See `Wait.abandon`: the children end with their parent, also those that have not begun."""
        for child in self._tasks:
            child.close()
        if not self._tasks:
            for coroutine in self._coroutines:
                coroutine.close()
