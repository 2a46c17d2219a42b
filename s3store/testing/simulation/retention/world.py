"""Running a history of retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....archive import Archive
from ....index.policy import IndexPolicy
from ....locations import Opened
from ....session import SessionCore
from ..calls import CallsWorld
from ..world import DozingStore, Life
from .bucket import RetentionBucket
from .client import EXPECTED, RetentionClient, maintain
from .plan import RetentionPlan

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from ..calls import Call
    from ..network import Network

_DOZES = (1.0, 90.0, 5400.0, 9000.0)
_MAINTAINERS = frozenset({"p0", "p1"})
_LONG_AFTER = 30 * 86_400.0


class RetentionLife(Life):
    """One life of a process, with the archive as it sees it."""

    def __init__(self, world: RetentionWorld, name: str, chance: random.Random, *, skew: float) -> None:
        super().__init__(world, name, chance, skew=skew)
        self.archive = Archive(
            Opened(self.store, built_in=True), self.runtime, world.plan.policy, IndexPolicy(compact_after=None)
        )

    def open_store(self, network: Network, plan: RetentionPlan) -> DozingStore:
        """See `Life.open_store`: a maintainer falls asleep now and then, between its look and its delete as well."""
        return DozingStore(
            network,
            page=plan.page,
            dozes=plan.mode.dozes if self.name in _MAINTAINERS else 0.0,
            draw=lambda chance: chance.choice(_DOZES),
        )


class RetentionWorld(CallsWorld[RetentionPlan, RetentionLife, RetentionClient]):
    """One history of retention under way."""

    bucket: RetentionBucket

    def __init__(self, plan: RetentionPlan) -> None:
        super().__init__(plan, RetentionBucket)
        self._held: set[tuple[str, str]] = set()
        self._released: set[str] = set()

    def clients(self) -> Iterator[tuple[str, RetentionClient]]:
        """See `World.clients`: one a process."""
        for number, steps in enumerate(self.plan.processes):
            who = f"p{number}"
            yield who, RetentionClient(who, steps, self.plan.mode, self, self.scheduler)

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> RetentionLife:
        """See `World.live_once`."""
        return RetentionLife(self, name, chance, skew=skew)

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        """See `Recorder.end`."""
        super().end(call, told, wrong, unknown=unknown)
        if not unknown and told.isidentifier() and told not in EXPECTED:
            self.violates(f"{call.line()}: an error that nothing here can cause")

    def held(self, session_id: str, hold_id: str) -> None:
        """See `Recorder.held`."""
        self._held.add((session_id, hold_id))

    def letting_go(self, session_id: str) -> None:
        """See `Recorder.letting_go`."""
        self._released.add(session_id)

    def finish(self) -> None:
        """Let the stragglers arrive, and much time pass; then what is left is what is held, and it can be read."""
        self.let_all_arrive()
        life = self.live("audit")
        self.run_alone("audit", self._in_peace(life))
        living = self.bucket.living()
        for session_id, hold_id in sorted(self._held):
            if session_id not in self._released and hold_id not in living.get(session_id, ()):
                self.violates(f"{session_id}: hold {hold_id} was acknowledged, nobody released it, and it is gone")
        if left := sorted(session_id for session_id, holds in living.items() if not holds):
            self.violates(f"left by maintenance in peace: {left}")
        if left := self.bucket.plans():
            self.violates(f"plans left by maintenance in peace: {left}")

    async def _in_peace(self, life: RetentionLife) -> None:
        # A process that died may not have told the index of its last writes.
        await life.archive.index.verify(None, fix=True)
        for _ in range(2):
            await life.runtime.sleep(_LONG_AFTER)
            await maintain(life)
        for session_id in self.bucket.living():
            await SessionCore(life.archive, session_id, bound=False).load()
