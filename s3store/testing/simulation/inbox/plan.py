"""A history of inboxes that is to be: who calls what, in which weather. Drawn from a seed, and cut down at need."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ....streams.commit import CommitPolicy
from ....streams.draft import Sizes
from ..network import CALM, WEATHERS, Weather
from ..processes import SizedPlan, drawn_crashes

if TYPE_CHECKING:
    from collections.abc import Mapping

StepKind: TypeAlias = Literal["post", "send", "serve", "watch", "receive", "look", "clean up"]

INBOX_SESSIONS = ("a", "b" * 300)
"""The key of a bell tells the id of the first, its body that of the second."""

_SENDS: Mapping[StepKind, int] = {"post": 10, "send": 10, "look": 2}
_WORKS: Mapping[StepKind, int] = {"serve": 20, "watch": 6, "receive": 6, "look": 2, "clean up": 2}
_MAINTENANCE = frozenset({"serve", "watch", "clean up"})


@dataclass(frozen=True, slots=True)
class InboxMode:
    """A kind of history: its weather, and what befalls the processes."""

    weather: Weather
    crashes: float = 0.0
    """The chance, 0 to 1, that a process crashes."""
    dozes: float = 0.0
    """The share of requests before which a process falls asleep, for less than a lease or for longer."""
    skewed: bool = False
    """Whether the clocks of the processes differ, by up to an hour."""
    cached: bool = False
    """Whether the processes share a cache, which is old or wrong as often as not."""

    def weather_of(self, step: InboxStep) -> Weather:
        """Return what the requests of a call meet. A worker sends so many that in most weathers it never got on."""
        if step.calm:
            return CALM
        return replace(self.weather, faults=self.weather.faults / 4) if step.kind in _MAINTENANCE else self.weather


_QUIET = Weather(faults=0.05)

INBOX_MODES: Mapping[str, InboxMode] = {
    "fair": InboxMode(WEATHERS["fair"]),
    "lossy": InboxMode(WEATHERS["lossy"]),
    "late": InboxMode(WEATHERS["late"]),
    "clocks": InboxMode(Weather(faults=0.05, jumps=0.05), skewed=True),
    "dozes": InboxMode(_QUIET, dozes=0.1),
    "cached": InboxMode(WEATHERS["lossy"], crashes=0.3, cached=True),
    "crashes": InboxMode(WEATHERS["lossy"], crashes=0.7, skewed=True),
    "storm": InboxMode(WEATHERS["storm"], crashes=0.4, dozes=0.02, skewed=True),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


@dataclass(frozen=True, slots=True)
class InboxStep:
    """One call that a client will make. Its particulars, and the faults that its requests meet, come from `seed`."""

    seed: int
    kind: StepKind
    session_id: str
    texts: tuple[str, ...]
    """What is sent, in one commit; no other step sends the same."""
    keyed: bool
    """Whether with idempotency keys. Who sends without settles an unknown outcome before sending again."""
    lease: float
    """For those who take messages, in seconds."""
    calm: bool = False
    """Whether its requests meet no faults: only a shrunk history has such."""


class InboxPlan(SizedPlan[InboxMode, InboxStep]):
    """A whole history to be. The first two processes send, the others work."""


def inbox_plan_for(seed: int, mode: str | None = None) -> InboxPlan:
    """Draw the plan of a seed. `mode` is one of `INBOX_MODES`; without one, the seed chooses."""
    chance = random.Random(f"inbox {seed}")  # noqa: S311 - a simulation must be repeatable
    modes = list(INBOX_MODES.values())
    chosen = INBOX_MODES[mode] if mode is not None else modes[seed % len(modes)]
    processes = chance.choice((3, 4, 4, 5))
    return InboxPlan(
        seed=seed,
        mode=chosen,
        policy=chance.choice((CommitPolicy(), CommitPolicy(seconds=5.0, attempts=8), CommitPolicy(3.0, attempts=3))),
        page=chance.choice((1, 2, 1000)),
        processes=tuple(_steps(chance, number, _SENDS if number < 2 else _WORKS) for number in range(processes)),
        crashes=drawn_crashes(chance, processes, chosen.crashes, within=40),
        sizes=Sizes(seal=chance.choice((1, 300, 100_000)), chunk=chance.choice((300, 100_000))),
    )


def _steps(chance: random.Random, process: int, calls: Mapping[StepKind, int]) -> tuple[InboxStep, ...]:
    return tuple(_step(chance, calls, f"{process}.{place}") for place in range(chance.randrange(2, 6)))


def _step(chance: random.Random, calls: Mapping[StepKind, int], name: str) -> InboxStep:
    kind = chance.choices(list(calls), weights=list(calls.values()))[0]
    messages = chance.choice((1, 1, 2, 3)) if kind == "send" else 1
    return InboxStep(
        seed=chance.getrandbits(48),
        kind=kind,
        session_id=chance.choice(INBOX_SESSIONS),
        texts=tuple(f"{name}.{number}" for number in range(messages)),
        keyed=kind == "post" or chance.random() < 0.5,
        lease=chance.choice((0.3, 1.0, 10.0)),
    )
