"""Running a history of siblings, deletes and clean-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....archive import Archive
from ....keys import SESSIONS, session_part
from ....locations import Opened
from ....longterm.cleanup import CleanUp
from ..history import Operation, Terms
from ..world import DozingStore, Life, LinearWorld
from .bucket import SiblingsBucket
from .client import STREAMS, SiblingsClient, audit_step, last_clean_up, last_delete
from .plan import SiblingsPlan

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from ..history import Edit
    from ..network import Network
    from .plan import SiblingsStep

_SESSIONS = ("s0", "s1")
_DOZES = (1.0, 5.0, 90.0, 7200.0)
_DOZED_BEFORE = frozenset({"put", "swap", "delete"})


class SiblingsLife(Life):
    """One life of a process, with the archive and the clean-up as it sees them."""

    def __init__(self, world: SiblingsWorld, name: str, chance: random.Random, *, skew: float) -> None:
        super().__init__(world, name, chance, skew=skew)
        plan = world.plan
        self.archive = Archive(Opened(self.store, built_in=True), self.runtime, plan.policy, None, plan.sizes)
        prefixes = sorted({f"{SESSIONS}{session_part(session_id)[:3]}" for session_id in _SESSIONS})
        self.cleaner = CleanUp(self.store, self.runtime, self.archive.removal, prefixes)

    def open_store(self, network: Network, plan: SiblingsPlan) -> DozingStore:
        """See `Life.open_store`: one of the processes falls asleep before a write, for a moment or for hours."""
        return DozingStore(
            network,
            page=plan.page,
            # Only one of the processes does: others have to get something done meanwhile.
            dozes=plan.mode.dozes if self.name == "p0" else 0.0,
            draw=lambda chance: chance.choice(_DOZES),
            before=_DOZED_BEFORE,
        )


class SiblingsWorld(LinearWorld[SiblingsPlan, SiblingsLife, SiblingsClient]):
    """One history of siblings under way."""

    bucket: SiblingsBucket
    releases = 0.15
    expected = frozenset({"Conflict", "StoreUnavailable", "SessionNotFound"})

    def __init__(self, plan: SiblingsPlan) -> None:
        super().__init__(plan, SiblingsBucket)

    def clients(self) -> Iterator[tuple[str, SiblingsClient]]:
        """See `World.clients`: one a process."""
        for number, steps in enumerate(self.plan.processes):
            yield f"p{number}", self._client(f"p{number}", steps)

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> SiblingsLife:
        """See `World.live_once`."""
        return SiblingsLife(self, name, chance, skew=skew)

    def begin(self, who: str, step: SiblingsStep, stream: str, edits: Sequence[Edit] | None) -> Operation:
        """See `Recorder.begin`."""
        session, what = f"{step.session_id}/{stream}", None if edits is None else tuple(edits)
        return self.begins(lambda number, at: Operation(number, who, session, step.kind, what, Terms(), at))

    def cleaned(self, who: str, told: str) -> None:
        """See `Recorder.cleaned`."""
        self.note(who, f"has cleaned up: {told}")
        if "unreadable" in told or "Corrupt" in told:
            self.violates(f"a clean-up found what nothing here can cause: {told}")

    def finish(self) -> None:
        """Let the stragglers arrive, clean up, look at everything, and delete it all."""
        sessions = sorted({step.session_id for steps in self.plan.processes for step in steps})
        reads = [audit_step(session_id, stream) for session_id in sessions for stream in STREAMS]
        self.let_all_arrive()
        self._audit([last_clean_up(), *reads])
        if left := [*self.bucket.unnamed(), *self.bucket.half_deleted()]:
            self.violates(f"left behind by a clean-up in peace: {left}")
        self._audit([last_delete(session_id) for session_id in sessions])
        if left := self.bucket.content():
            self.violates(f"left behind by a delete in peace: {left}")
        self.judged()

    def _audit(self, steps: Sequence[SiblingsStep]) -> None:
        self.run_alone("audit", self._client("audit", steps).run(self.live("audit")))

    def _client(self, who: str, steps: Sequence[SiblingsStep]) -> SiblingsClient:
        return SiblingsClient(who, steps, self.plan.mode, self, self.scheduler)
