"""A history of retention that is to be: who calls what, in which weather. Drawn from a seed, and cut down at need."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ....streams.commit import CommitPolicy
from ..network import CALM, WEATHERS, Weather
from ..processes import ProcessesPlan, drawn_crashes

if TYPE_CHECKING:
    from collections.abc import Mapping

StepKind: TypeAlias = Literal["append", "load", "hold", "release", "delete", "maintain"]

BY_HAND, BY_RULE = "by hand", ("by rule 1", "by rule 2")
"""The session that users delete, and those that only rules do."""

_CALLS: Mapping[StepKind, int] = {"append": 20, "load": 3, "hold": 12, "release": 5, "delete": 8}
_UPKEEP: Mapping[StepKind, int] = {"maintain": 10, "append": 1}


@dataclass(frozen=True, slots=True)
class RetentionMode:
    """A kind of history: its weather, and what befalls the processes."""

    weather: Weather
    crashes: float = 0.0
    """The chance, 0 to 1, that a process crashes."""
    dozes: float = 0.0
    """The share of requests before which a maintainer falls asleep, for moments or for hours."""
    skewed: bool = False
    """Whether the clocks of the processes differ, by up to an hour."""

    def weather_of(self, step: RetentionStep) -> Weather:
        """Return what the requests of a call meet. Maintenance sends so many that in most weathers it never ended."""
        if step.calm:
            return CALM
        return replace(self.weather, faults=self.weather.faults / 10) if step.kind == "maintain" else self.weather


RETENTION_MODES: Mapping[str, RetentionMode] = {
    "fair": RetentionMode(WEATHERS["fair"]),
    "clocks": RetentionMode(Weather(faults=0.05, jumps=0.1), skewed=True),
    "dozes": RetentionMode(Weather(faults=0.05), dozes=0.15),
    "lossy": RetentionMode(WEATHERS["lossy"], skewed=True, dozes=0.03),
    "late": RetentionMode(WEATHERS["late"]),
    "crashes": RetentionMode(WEATHERS["lossy"], crashes=0.7, skewed=True),
    "storm": RetentionMode(WEATHERS["storm"], crashes=0.4, dozes=0.03, skewed=True),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """One call that a client will make."""

    seed: int
    kind: StepKind
    session_id: str
    pause: float
    """How long the client waits before it on an average, in seconds."""
    calm: bool = False
    """Whether its requests meet no faults: only a shrunk history has such."""


class RetentionPlan(ProcessesPlan[RetentionMode, RetentionStep]):
    """A whole history to be. The first two processes are maintainers."""


def retention_plan_for(seed: int, mode: str | None = None) -> RetentionPlan:
    """Draw the plan of a seed. `mode` is one of `RETENTION_MODES`; without one, the seed chooses."""
    chance = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    modes = list(RETENTION_MODES.values())
    chosen = RETENTION_MODES[mode] if mode is not None else modes[seed % len(modes)]
    processes = chance.choice((3, 4))
    return RetentionPlan(
        seed=seed,
        mode=chosen,
        policy=chance.choice((CommitPolicy(), CommitPolicy(seconds=3.0, attempts=3))),
        page=chance.choice((1, 2, 1000)),
        processes=tuple(_steps(chance, _UPKEEP if number < 2 else _CALLS) for number in range(processes)),
        crashes=drawn_crashes(chance, processes, chosen.crashes, within=60),
    )


def _steps(chance: random.Random, calls: Mapping[StepKind, int]) -> tuple[RetentionStep, ...]:
    return tuple(_step(chance, calls) for _ in range(chance.randrange(4, 9)))


def _step(chance: random.Random, calls: Mapping[StepKind, int]) -> RetentionStep:
    kind = chance.choices(list(calls), weights=list(calls.values()))[0]
    session_id = BY_HAND if kind == "delete" else chance.choice((BY_HAND, *BY_RULE))
    pause = chance.choice((1800.0, 5400.0) if kind == "maintain" else (0.1, 60.0, 1800.0, 5400.0))
    return RetentionStep(chance.getrandbits(48), kind, session_id, pause)
