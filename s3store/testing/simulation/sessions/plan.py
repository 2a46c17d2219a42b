"""A history that is to be: who calls what, in which weather. Drawn from a seed, and small enough to be cut down."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ....streams.commit import CommitPolicy
from ....streams.draft import Sizes
from ..network import WEATHERS, Weather
from ..processes import drawn_crashes

if TYPE_CHECKING:
    from collections.abc import Mapping

StepKind: TypeAlias = Literal[
    "append", "extend", "create", "save", "replace_last", "remove_last", "clear", "update", "append_and_update",
    "delete", "load", "last", "records", "info", "sweep", "pack", "settle", "unpack", "drop",
]  # fmt: skip

_CALLS: Mapping[StepKind, int] = {
    "append": 30, "extend": 12, "create": 4, "save": 8, "replace_last": 6, "remove_last": 7, "clear": 2, "update": 5,
    "append_and_update": 4, "delete": 6, "load": 10, "last": 4, "records": 3, "info": 4,
}  # fmt: skip
_KEYS = ("k0", "k1", "k2")
_PADDING = 400


@dataclass(frozen=True, slots=True)
class Mode:
    """A kind of history: its weather, and what befalls the processes."""

    weather: Weather
    crashes: float = 0.0
    """The chance, 0 to 1, that a process crashes, for each of its lives."""
    cancels: float = 0.0
    """The share of calls that are cancelled."""
    skewed: bool = False
    """Whether the clocks of the processes differ, by up to an hour."""
    calls: Mapping[StepKind, int] = field(default_factory=lambda: _CALLS)
    """What is called, and how often, as parts of their sum."""
    damages: bool = False
    """Whether a caller may be told `CorruptObject`."""
    cached: bool = False
    """Whether the processes share a cache, which is old or wrong as often as not."""
    most_calls: int = 5
    """How many calls a client makes at most."""
    dozes: float = 0.0
    """The share of requests, 0 to 1, before which a process falls asleep, for a moment or for hours: of packs only."""
    rots: bool = False
    """Whether half of the packs are stored otherwise than they were sent."""
    classes: bool = False
    """Whether packs are for other storage classes, an archive among them."""


MODES: Mapping[str, Mode] = {
    "fair": Mode(WEATHERS["fair"]),
    "lossy": Mode(WEATHERS["lossy"], skewed=True),
    "late": Mode(WEATHERS["late"]),
    "crashes": Mode(WEATHERS["lossy"], crashes=0.6, cancels=0.1, skewed=True),
    "sweeps": Mode(WEATHERS["lossy"], crashes=0.1, calls={"append": 30, "sweep": 20, "load": 5, "delete": 2}),
    "damage": Mode(WEATHERS["damage"], skewed=True, damages=True),
    "cached": Mode(WEATHERS["lossy"], crashes=0.3, cancels=0.05, skewed=True, cached=True),
    "storm": Mode(WEATHERS["storm"], crashes=0.4, cancels=0.05, skewed=True, calls={**_CALLS, "sweep": 5}),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call that a client will make.

    What depends on what it has seen by then is drawn from `seed`, as are the faults that its requests meet.
    """

    seed: int
    kind: StepKind
    session_id: str
    messages: tuple[str, ...]
    keys: tuple[str | None, ...]
    by_handle: bool
    must_exist: bool
    expects: bool
    """Whether it is made on the version that the client saw last."""
    resolves: bool
    """Whether the client settles an unknown outcome before it goes on."""
    calm: bool = False
    """Whether its requests meet no faults: only a shrunk history has such."""


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """What one client calls, one after the other. Clients with the same `process` share its memory."""

    process: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole history to be."""

    seed: int
    mode: Mode
    policy: CommitPolicy
    sizes: Sizes
    page: int
    """The most objects on a page of a listing."""
    clients: tuple[ClientPlan, ...]
    crashes: tuple[tuple[int, int], ...]
    """Processes that crash, by number, each with the number of requests that it lives to send."""

    @property
    def steps(self) -> int:
        """How many calls there are."""
        return sum(len(client.steps) for client in self.clients)

    def setting(self) -> str:
        """Return what else was drawn, as a line of a story."""
        return f"policy {self.policy}, {self.sizes}, pages of {self.page}"

    def smaller(self) -> list[Plan]:
        """Return copies with one thing less: a crash, a call, or the faults of one call."""
        places = [(number, place) for number, client in enumerate(self.clients) for place in range(len(client.steps))]
        return [
            *(self._without_crash(place) for place in range(len(self.crashes))),
            *(self.without_step(*place) for place in places),
            *(self._with_calm_step(*at) for at in places if not self.clients[at[0]].steps[at[1]].calm),
        ]

    def without_step(self, client: int, place: int) -> Plan:
        """Return a copy with one call less."""
        steps = self.clients[client].steps
        return self._with_steps(client, steps[:place] + steps[place + 1 :])

    def _with_calm_step(self, client: int, place: int) -> Plan:
        """Return a copy in which one call meets no faults."""
        steps = self.clients[client].steps
        return self._with_steps(client, (*steps[:place], replace(steps[place], calm=True), *steps[place + 1 :]))

    def _without_crash(self, place: int) -> Plan:
        """Return a copy in which one crash does not happen."""
        return replace(self, crashes=self.crashes[:place] + self.crashes[place + 1 :])

    def _with_steps(self, client: int, steps: tuple[Step, ...]) -> Plan:
        changed = replace(self.clients[client], steps=steps)
        return replace(self, clients=(*self.clients[:client], changed, *self.clients[client + 1 :]))


def plan_for(seed: int, mode: str | None = None) -> Plan:
    """Draw the plan of a seed. `mode` is one of `MODES`; without one, the seed chooses."""
    return draw(seed, MODES[mode] if mode is not None else list(MODES.values())[seed % len(MODES)])


def draw(seed: int, chosen: Mode) -> Plan:
    """Draw the plan of a seed in a mode."""
    chance = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    sessions = ["s0"] if chance.random() < 0.7 else ["s0", "s1"]
    processes = chance.choice((1, 2, 2, 3))
    clients = max(processes, chance.choice((2, 3)))
    return Plan(
        seed=seed,
        mode=chosen,
        policy=chance.choice(_POLICIES),
        sizes=Sizes(seal=chance.choice((1, 150, 250, 100_000)), chunk=chance.choice((150, 300, 600, 100_000))),
        page=chance.choice((1, 2, 1000)),
        clients=tuple(_client(chance, chosen, number, processes, sessions) for number in range(clients)),
        crashes=drawn_crashes(chance, processes, chosen.crashes, within=25),
    )


_POLICIES = (
    CommitPolicy(),
    CommitPolicy(seconds=10.0, attempts=8),
    CommitPolicy(seconds=3.0, attempts=3),
    CommitPolicy(seconds=1.0, attempts=2, pause=0.01),
)


def _client(chance: random.Random, mode: Mode, number: int, processes: int, sessions: list[str]) -> ClientPlan:
    steps = tuple(
        _step(chance, mode, f"{number}.{place}", sessions) for place in range(chance.randrange(2, mode.most_calls + 1))
    )
    return ClientPlan(number % processes, steps)


def _step(chance: random.Random, mode: Mode, name: str, sessions: list[str]) -> Step:
    kind = chance.choices(list(mode.calls), weights=list(mode.calls.values()))[0]
    number = 1 if kind in _ONE_MESSAGE else chance.randrange(5)
    messages = tuple(f"{name}.{place}" for place in range(number))
    if chance.random() < 0.1:
        messages = tuple(message + "." * _PADDING for message in messages)
    return Step(
        seed=chance.getrandbits(48),
        kind=kind,
        session_id=chance.choice(sessions),
        messages=messages,
        keys=tuple(chance.choice(_KEYS) if chance.random() < 0.4 else None for _ in messages),
        by_handle=chance.random() < 0.3,
        must_exist=chance.random() < 0.15,
        expects=chance.random() < 0.12,
        resolves=chance.random() < 0.6,
    )


_ONE_MESSAGE = frozenset({"append", "append_and_update", "replace_last"})
