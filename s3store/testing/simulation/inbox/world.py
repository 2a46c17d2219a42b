"""Running a history of inboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....archive import Archive
from ....keys import SESSIONS, session_part
from ....locations import Opened
from ....longterm.cleanup import CleanUp
from ....session import SessionCore
from ..calls import CallsWorld
from ..machine import UnreliableCache, local_of
from ..world import DozingStore, Life
from .bucket import InboxBucket
from .client import InboxClient
from .ledger import Inbox, Ledger
from .plan import INBOX_SESSIONS, InboxPlan

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from ..network import Network
    from .plan import InboxStep

_DOZES = (0.3, 1.0, 3.0, 30.0)
_A_DAY = 86_400.0
"""Long enough for every lease to be over, by whatever clock."""


class InboxLife(Life):
    """One life of a process, with the archive as it sees it."""

    def __init__(self, world: InboxWorld, name: str, chance: random.Random, *, skew: float) -> None:
        super().__init__(world, name, chance, skew=skew)
        plan = world.plan
        local = local_of(world.cache, self.runtime) if plan.mode.cached else None
        self.archive = Archive(
            Opened(self.store, built_in=True), self.runtime, plan.policy, None, plan.sizes, local=local
        )
        prefixes = sorted(f"{SESSIONS}{session_part(session_id)}/" for session_id in INBOX_SESSIONS)
        self.cleaner = CleanUp(self.store, self.runtime, self.archive.removal, prefixes)

    def open_store(self, network: Network, plan: InboxPlan) -> DozingStore:
        """See `Life.open_store`: anybody falls asleep now and then, for less than a lease or for longer."""
        return DozingStore(network, page=plan.page, dozes=plan.mode.dozes, draw=lambda chance: chance.choice(_DOZES))


class InboxWorld(CallsWorld[InboxPlan, InboxLife, InboxClient]):
    """One history of inboxes under way."""

    bucket: InboxBucket

    def __init__(self, plan: InboxPlan) -> None:
        super().__init__(plan, InboxBucket)
        self.cache = UnreliableCache(self.scheduler, self.network.meet)
        self.ledger = Ledger()
        self.run_alone("first", _create(self.live("first")))

    def clients(self) -> Iterator[tuple[str, InboxClient]]:
        """See `World.clients`: one a process."""
        for number, steps in enumerate(self.plan.processes):
            yield f"p{number}", self._client(f"p{number}", steps)

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> InboxLife:
        """See `World.live_once`."""
        return InboxLife(self, name, chance, skew=skew)

    def finish(self) -> None:
        """Let the stragglers arrive and all leases end, work off what bells tell of, clean up, and judge."""
        self.let_all_arrive()
        self.run_alone("audit", self._in_peace(self.live("audit")))
        self.report.violations += self.ledger.wrong
        for session_id in INBOX_SESSIONS:
            bucket = self.bucket
            inbox = Inbox(session_id, bucket.sent(session_id), bucket.done(session_id), bucket.transcript(session_id))
            self.report.violations += [f"{session_id[:1]}: {wrong}" for wrong in self.ledger.judge(inbox)]
        if bells := self.bucket.bells():
            self.violates(f"bells hang although nothing waits: {bells}")
        elif left := self.bucket.unnamed():
            self.violates(f"left behind by a clean-up in peace: {left}")

    async def _in_peace(self, life: InboxLife) -> None:
        await life.runtime.sleep(_A_DAY)
        await self._client("audit", ()).work_off(life, 60.0)
        await life.cleaner.run(older_than=0.0, dry_run=False)

    def _client(self, who: str, steps: Sequence[InboxStep]) -> InboxClient:
        return InboxClient(who, steps, self.plan.mode, self, self.scheduler)


async def _create(life: InboxLife) -> None:
    for session_id in INBOX_SESSIONS:
        await SessionCore(life.archive, session_id, bound=False).create((), None, {})
