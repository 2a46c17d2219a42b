"""Running a history of the index: writers, readers and keepers, and what must be listed in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....archive import Archive
from ....index.compact import Compactor
from ....index.log import Log
from ....index.view import Index
from ....locations import Opened
from ..calls import CallsWorld
from ..network import SimulatedStore
from ..world import DozingStore, Life
from .bucket import IndexBucket
from .client import IndexClient
from .final import compare_all
from .plan import IndexPlan
from .truth import Owner

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from ..network import Network

_DOZES = (60.0, 7200.0)


class IndexLife(Life):
    """One life of a process, with the index as it sees it."""

    def __init__(self, world: IndexWorld, name: str, chance: random.Random, *, skew: float) -> None:
        super().__init__(world, name, chance, skew=skew)
        plan = world.plan
        self.archive = Archive(
            Opened(self.store, built_in=True), self.runtime, plan.patience, plan.policy, index_sizes=plan.sizes
        )
        index = Index(self.store, self.runtime, Log(self.store, self.runtime))
        self.compactor = Compactor(self.store, self.runtime, plan.patience, index, plan.sizes)
        self.owner = Owner()

    def open_store(self, network: Network, plan: IndexPlan) -> SimulatedStore:
        """See `Life.open_store`: in some modes it may sleep for an hour before any request."""
        if not plan.mode.dozes:
            return SimulatedStore(network, page=plan.page)
        return DozingStore(network, page=plan.page, dozes=plan.mode.dozes, draw=lambda chance: chance.uniform(*_DOZES))


class IndexWorld(CallsWorld[IndexPlan, IndexLife, IndexClient]):
    """One history of the index under way."""

    bucket: IndexBucket

    def __init__(self, plan: IndexPlan) -> None:
        super().__init__(plan, IndexBucket)

    def clients(self) -> Iterator[tuple[str, IndexClient]]:
        """See `World.clients`."""
        for number, client in enumerate(self.plan.clients):
            process = f"p{client.process}"
            yield process, self._client(f"{process}.{number}", client.steps)

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> IndexLife:
        """See `World.live_once`."""
        return IndexLife(self, name, chance, skew=skew)

    def finish(self) -> None:
        """Compare what is listed with what there is: before the stragglers, after them, and once all is mended."""
        life = self.live("audit")
        auditor = self._client("audit", ())
        self.run_alone("audit", auditor.reader.look(life))
        self.let_all_arrive()
        self.run_alone("audit", auditor.reader.look(life))
        self.run_alone("audit", compare_all(life, auditor, self.bucket, self))

    def _client(self, who: str, steps: Sequence[Any]) -> IndexClient:
        return IndexClient(who, steps, self.plan.mode, self.bucket, self, self.scheduler)
