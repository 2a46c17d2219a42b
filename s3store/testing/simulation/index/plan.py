"""A history of the index that is to be: who writes, who lists, who keeps the index. Drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ....index.policy import IndexPolicy
from ....index.sizes import IndexSizes
from ....keys import session_prefix
from ....streams.commit import CommitPolicy
from ..network import WEATHERS, Weather
from ..processes import drawn_crashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Role: TypeAlias = Literal["writer", "reader", "keeper"]
StepKind: TypeAlias = Literal[
    "append", "update", "create", "save", "delete", "close",
    "list", "pages", "count", "running",
    "compact", "merge", "sweep", "rebuild", "mend",
]  # fmt: skip

SESSIONS = ("a", "b", "c", "d", "e", "f")
"""The sessions that histories are about, the first few of them."""

_CALLS: Mapping[Role, Mapping[StepKind, int]] = {
    "writer": {
        "append": 30, "update": 16, "create": 14, "save": 5, "delete": 14, "close": 4, "list": 6, "count": 1,
    },
    "reader": {"list": 12, "pages": 6, "count": 3, "running": 2},
    "keeper": {"compact": 14, "merge": 4, "sweep": 5, "rebuild": 1, "mend": 1},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexMode:
    """A kind of history: its weather, and what befalls the processes."""

    weather: Weather
    crashes: float = 0.0
    """The chance, 0 to 1, that a process crashes, for each of them."""
    dozes: float = 0.0
    """The share of requests before which a process sleeps for about an hour."""
    skewed: bool = False
    """Whether the clocks of the processes differ, by up to an hour."""
    relaxed: bool = False
    """Whether sessions are published at most every so many seconds."""
    readers: tuple[int, ...] = (0, 1, 1, 2)
    """How many only list; one of these numbers."""
    keepers: tuple[int, ...] = (1, 2)
    """How many keep the index; one of these numbers."""
    calls: Mapping[Role, Mapping[StepKind, int]] = field(default_factory=lambda: _CALLS)
    """What is called, and how often, as parts of their sum."""


_REBUILDS: Mapping[Role, Mapping[StepKind, int]] = {
    **_CALLS,
    "writer": {"append": 20, "create": 5, "delete": 3},
    "keeper": {"compact": 12, "sweep": 7, "rebuild": 8, "mend": 2},
}
_COMES_AND_GOES: Mapping[Role, Mapping[StepKind, int]] = {
    **_CALLS,
    "writer": {"append": 20, "update": 6, "create": 10, "delete": 20, "close": 6, "list": 4},
}
_CROWD: Mapping[Role, Mapping[StepKind, int]] = {
    "writer": {"append": 20, "create": 5, "delete": 4},
    "reader": {"list": 14, "pages": 3, "count": 2},
    "keeper": {"compact": 18, "merge": 2, "sweep": 7},
}

INDEX_MODES: Mapping[str, IndexMode] = {
    "fair": IndexMode(WEATHERS["fair"]),
    "crowd": IndexMode(WEATHERS["fair"], readers=(2, 3), keepers=(2, 3), calls=_CROWD),
    "lossy": IndexMode(WEATHERS["lossy"], skewed=True),
    "late": IndexMode(WEATHERS["late"]),
    "keepers": IndexMode(WEATHERS["late"], crashes=0.1, readers=(1, 2), keepers=(2, 3)),
    "zombies": IndexMode(WEATHERS["late"], dozes=0.04, keepers=(2, 3)),
    "crashes": IndexMode(WEATHERS["lossy"], crashes=0.6, skewed=True),
    "relaxed": IndexMode(WEATHERS["late"], crashes=0.1, relaxed=True, calls=_COMES_AND_GOES),
    "rebuilds": IndexMode(WEATHERS["fair"], crashes=0.1, dozes=0.03, keepers=(2, 3), calls=_REBUILDS),
    "storm": IndexMode(WEATHERS["storm"], crashes=0.4, dozes=0.02, skewed=True, keepers=(1, 2, 3)),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


@dataclass(frozen=True, slots=True)
class IndexStep:
    """One call that a client will make. Its particulars, and the faults that its requests meet, come from `seed`."""

    seed: int
    kind: StepKind
    session_id: str
    calm: bool = False
    """Whether its requests meet no faults: only a shrunk history has such."""


@dataclass(frozen=True, slots=True)
class IndexClientPlan:
    """What one client calls, one after the other. Clients with the same `process` share its memory."""

    process: int
    role: Role
    steps: tuple[IndexStep, ...]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """A whole history to be."""

    seed: int
    mode: IndexMode
    patience: CommitPolicy
    policy: IndexPolicy
    sizes: IndexSizes
    sessions: tuple[str, ...]
    page: int
    """The most objects on a page of a listing."""
    clients: tuple[IndexClientPlan, ...]
    crashes: tuple[tuple[int, int], ...]
    """Processes that crash, by number, each with the number of requests that it lives to send."""

    @property
    def steps(self) -> int:
        """How many calls there are."""
        return sum(len(client.steps) for client in self.clients)

    def setting(self) -> str:
        """Return what else was drawn, as a line of a story."""
        return f"{self.patience}, {self.policy}, {self.sizes}, listings of {self.page} a page"

    def smaller(self) -> Iterable[IndexPlan]:
        """Yield copies with a little less in them: a crash, a call, or the faults of a call."""
        for place in range(len(self.crashes)):
            yield replace(self, crashes=self.crashes[:place] + self.crashes[place + 1 :])
        for number, client in enumerate(self.clients):
            for place in range(len(client.steps)):
                yield self._with_steps(number, client.steps[:place] + client.steps[place + 1 :])
        for number, client in enumerate(self.clients):
            for place, step in enumerate(client.steps):
                if not step.calm:
                    calm = replace(step, calm=True)
                    yield self._with_steps(number, (*client.steps[:place], calm, *client.steps[place + 1 :]))

    def _with_steps(self, client: int, steps: tuple[IndexStep, ...]) -> IndexPlan:
        changed = replace(self.clients[client], steps=steps)
        return replace(self, clients=(*self.clients[:client], changed, *self.clients[client + 1 :]))


def index_plan_for(seed: int, mode: str | None = None) -> IndexPlan:
    """Draw the plan of a seed. `mode` is one of `INDEX_MODES`; without one, the seed chooses."""
    chance = random.Random(f"index {seed}")  # noqa: S311 - a simulation must be repeatable
    chosen = INDEX_MODES[mode] if mode is not None else list(INDEX_MODES.values())[seed % len(INDEX_MODES)]
    sessions = SESSIONS[: chance.choice((1, 2, 3, 4, 6))]
    clients = tuple(_clients(chance, chosen, sessions))
    processes = 1 + max(client.process for client in clients)
    return IndexPlan(
        seed=seed,
        mode=chosen,
        patience=chance.choice(_PATIENCE),
        policy=IndexPolicy(
            publish_every=chance.choice((0.2, 5.0, 1000.0)) if chosen.relaxed else 0.0,
            compact_after=chance.choice((None, None, 16)),
        ),
        sizes=IndexSizes(
            page_entries=chance.choice((1, 2, 3, 1000)),
            page_bytes=chance.choice((1, 100_000)),
            fan_in=chance.choice((2, 2, 3)),
            long=chance.choice((100_000, 10_000_000, 3_600_000_000)),
            taken_back=chance.choice((1, 2, 16)),
            prefixes=tuple(sorted({session_prefix(session_id)[:12] for session_id in sessions})),
        ),
        sessions=sessions,
        page=chance.choice((1, 2, 3, 1000)),
        clients=clients,
        crashes=drawn_crashes(chance, processes, chosen.crashes, within=40),
    )


_PATIENCE = (
    CommitPolicy(),
    CommitPolicy(seconds=10.0, attempts=8),
    CommitPolicy(seconds=3.0, attempts=3),
    CommitPolicy(seconds=1.0, attempts=2, pause=0.01),
)


def _clients(chance: random.Random, mode: IndexMode, sessions: tuple[str, ...]) -> Iterator[IndexClientPlan]:
    writers = chance.choice((1, 2, 2, 3))
    for number in range(writers):
        yield _client(chance, mode, number, "writer", sessions, 4, 8)
    for number in range(chance.choice(mode.readers)):
        # A reader in a writer's process sees what that has not published yet.
        process = chance.randrange(writers) if chance.random() < 0.4 else writers + number
        yield _client(chance, mode, process, "reader", sessions, 2, 5)
    for number in range(chance.choice(mode.keepers)):
        yield _client(chance, mode, writers + number, "keeper", sessions, 2, 5)


def _client(
    chance: random.Random, mode: IndexMode, process: int, role: Role, sessions: tuple[str, ...], least: int, most: int
) -> IndexClientPlan:
    calls = mode.calls[role]
    kinds = chance.choices(list(calls), weights=list(calls.values()), k=chance.randint(least, most))
    return IndexClientPlan(
        process,
        role,
        tuple(IndexStep(chance.getrandbits(48), kind, chance.choice(sessions)) for kind in kinds),
    )
