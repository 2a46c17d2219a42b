"""Plans and clients of histories in which each process makes the calls of its steps, one after the other."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...streams.commit import CommitPolicy
    from ...streams.draft import Sizes
    from .network import Weather
    from .report import Mode
    from .runtime import SimulatedRuntime
    from .scheduler import Scheduler

    class Step(Protocol):
        """One call that a client will make: a dataclass."""

        @property
        def seed(self) -> int:
            """What its particulars are drawn from, and the faults that its requests meet."""
            ...

        @property
        def calm(self) -> bool:
            """Whether its requests meet no faults: only a shrunk history has such."""
            ...

    class Life(Protocol):
        """One life of a process."""

        runtime: SimulatedRuntime


M = TypeVar("M", bound="Mode")
S = TypeVar("S", bound="Step")
L = TypeVar("L", bound="Life")


@dataclass(frozen=True, slots=True)
class ProcessesPlan(Generic[M, S]):
    """A whole history to be: for each process its steps, one after the other."""

    seed: int
    mode: M
    policy: CommitPolicy
    page: int
    """The most objects on a page of a listing."""
    processes: tuple[tuple[S, ...], ...]
    crashes: tuple[tuple[int, int], ...]
    """Processes that crash, by number, each with the number of requests that it lives to send."""

    @property
    def steps(self) -> int:
        """How many calls there are."""
        return sum(map(len, self.processes))

    def setting(self) -> str:
        """Return what else was drawn, as a line of a story."""
        return f"{self.policy}, listings of {self.page} a page"

    def smaller(self) -> list[Self]:
        """Return copies with one thing less: a crash, a call, or the faults of one call."""
        places = [(number, place) for number, steps in enumerate(self.processes) for place in range(len(steps))]
        return [
            *(replace(self, crashes=self.crashes[:at] + self.crashes[at + 1 :]) for at in range(len(self.crashes))),
            *(self._with(number, place, ()) for number, place in places),
            *(
                self._with(number, place, (_calm(self.processes[number][place]),))
                for number, place in places
                if not self.processes[number][place].calm
            ),
        ]

    def _with(self, number: int, place: int, steps: tuple[S, ...]) -> Self:
        changed = (*self.processes[number][:place], *steps, *self.processes[number][place + 1 :])
        return replace(self, processes=(*self.processes[:number], changed, *self.processes[number + 1 :]))


@dataclass(frozen=True, slots=True)
class SizedPlan(ProcessesPlan[M, S]):
    """A history to be whose streams are of sizes that were drawn too."""

    sizes: Sizes

    def setting(self) -> str:
        """Return what else was drawn, as a line of a story."""
        return f"{self.policy}, {self.sizes}, listings of {self.page} a page"


def drawn_crashes(chance: random.Random, processes: int, share: float, *, within: int) -> tuple[tuple[int, int], ...]:
    """Draw which processes crash, a share of them, and how many requests, less than `within`, each lives to send."""
    return tuple((process, chance.randrange(1, within)) for process in range(processes) if chance.random() < share)


class SteppingClient(ABC, Generic[S, L]):
    """Goes through its steps, also when its process dies under it: then the next life goes on."""

    def __init__(self, who: str, steps: Sequence[S], scheduler: Scheduler) -> None:
        self.who = who
        self._steps = steps
        self._scheduler = scheduler
        self._next = 0

    async def run(self, life: L) -> None:
        """Make the calls that are left, in a process that has just started."""
        task = self._scheduler.current
        if task is None:
            raise RuntimeError("a client runs as a task of its scheduler")
        while self._next < len(self._steps):
            step = self._steps[self._next]
            self._next += 1
            task.chance = random.Random(step.seed)  # noqa: S311 - a simulation must be repeatable
            task.weather = self.weather_of(step)
            await life.runtime.sleep(self.pause_before(step, task.chance))
            await self.take(life, step, task.chance)

    @abstractmethod
    def weather_of(self, step: S) -> Weather:
        """Return what the requests of a step meet."""

    @abstractmethod
    def pause_before(self, step: S, chance: random.Random) -> float:
        """Draw how long the client waits before a step, in seconds."""

    @abstractmethod
    async def take(self, life: L, step: S, chance: random.Random) -> None:
        """Make the call of a step, and write down what it was told."""


def _calm(step: Any) -> Any:
    return replace(step, calm=True)
