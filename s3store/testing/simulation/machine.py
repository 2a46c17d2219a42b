"""The cache of the machine that the simulated processes share: it forgets, is old, damaged, or another object's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...objects.cached import ASKED, Local
from ...objects.shelf import Shelf

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from .runtime import SimulatedRuntime
    from .scheduler import Scheduler

_FAULTS = 0.4


class Kept(NamedTuple):
    """What is kept under a name."""

    tag: str
    body: bytes
    at: float


class UnreliableCache:
    """Keeps every state that it was ever given, and gives back any of them, or something else.

    It is what a cache may become at worst: each answer is well-formed, and only what the reader checks tells that it is
    wrong. It outlives the processes.
    """

    def __init__(self, scheduler: Scheduler, meet: Callable[[str], None]) -> None:
        self._scheduler = scheduler
        self._meet = meet
        self._states: dict[str, list[Kept]] = {}

    def get(self, name: str) -> Kept | None:
        """See `Keeper.get`; one answer in a few is wrong."""
        states = self._states.get(name)
        if not states:
            return None
        chance = self._chance
        if chance is None or chance.random() >= _FAULTS:
            return states[-1]
        self._meet("the cache was old, wrong or empty")
        fault = chance.choice((self._nothing, self._old, self._old_as_new, self._foreign, self._flipped))
        return fault(states, chance)

    def put(self, name: str, tag: str, body: bytes, *, at: float | None = None) -> None:
        """See `Keeper.put`."""
        self._states.setdefault(name, []).append(Kept(tag, body, at or 0.0))

    def confirm(self, name: str, tag: str, *, at: float | None = None) -> None:
        """See `Keeper.confirm`: nothing hangs on the time here."""

    def forget(self, name: str) -> None:
        """See `Keeper.forget`; it may come to mind again."""
        chance = self._chance
        if chance is None or chance.random() >= _FAULTS:
            self._states.pop(name, None)

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Keeper.names`."""
        return iter(sorted(name for name in self._states if name.startswith(prefix)))

    def close(self) -> None:
        """See `Keeper.close`."""

    @property
    def _chance(self) -> random.Random | None:
        task = self._scheduler.current
        return None if task is None else task.chance

    def _nothing(self, _: list[Kept], __: random.Random) -> Kept | None:
        return None

    def _old(self, states: list[Kept], chance: random.Random) -> Kept | None:
        return chance.choice(states)

    def _old_as_new(self, states: list[Kept], chance: random.Random) -> Kept | None:
        return states[-1]._replace(body=chance.choice(states).body)

    def _foreign(self, states: list[Kept], chance: random.Random) -> Kept | None:
        other = self._states[chance.choice(sorted(self._states))]
        return states[-1]._replace(body=chance.choice(other).body)

    def _flipped(self, states: list[Kept], chance: random.Random) -> Kept | None:
        body = bytearray(states[-1].body)
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        return states[-1]._replace(body=bytes(body))


def local_of(cache: UnreliableCache, runtime: SimulatedRuntime) -> Local:
    """Return what a process makes of the cache: it believes nothing that it has not asked about."""

    async def identity() -> str:
        return "the bucket"

    return Local(Shelf(cache, identity), ASKED, lambda: runtime.now().timestamp())
