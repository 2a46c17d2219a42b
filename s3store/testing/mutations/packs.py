"""The rules of packs, broken one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...longterm.packs import swaps
from ...longterm.packs.drop import Drop, _become
from ...longterm.packs.file import PackFile
from ...longterm.packs.record import PackRecord
from ...streams.change import propose_head
from ...streams.draft import within_key_budget
from ...streams.frames import compress
from ...streams.terms import living
from ..simulation import PACKS
from .mutation import mutation

if TYPE_CHECKING:
    import pytest

    from ...streams.commit import Known, Proposal
    from ...streams.head import Head


@mutation("A head comes to stand on a pack only if its record is seen live after the head", PACKS, "drops", seed=0)
def a_pack_without_a_record(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    class AllLive:
        async def read(self, name: str) -> PackRecord:
            return PackRecord(name, "live", None)  # type: ignore[arg-type]  # nobody asks when

    begin = swaps.Thinning.__init__

    def trusting(self: swaps.Thinning, place: Any, streams: Any, records: Any, pack: str) -> None:
        begin(self, place, streams, AllLive(), pack)  # type: ignore[arg-type]  # in place of the records

    patch.setattr(swaps.Thinning, "__init__", trusting)


@mutation("A pack is marked dropped before anybody looks for heads that name it", PACKS, "drops", seed=0)
def a_drop_that_looks_before_it_marks(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def condemn(self: Drop, found: PackRecord) -> bool:
        if await self.named_by(found.name, found.sessions):
            return False
        await self._records.swap(found.name, lambda now: _become(now, "live", "dropped"))
        landed = await self._records.swap(found.name, lambda now: _become(now, "dropped", "gone"))
        return landed.known.state is not None and landed.known.state.state == "gone"

    patch.setattr(Drop, "_condemn", condemn)


@mutation("A pack goes only once its record is gone, unchanged since the look", PACKS, "drops", seed=0)
def a_drop_that_leads_back(patch: pytest.MonkeyPatch) -> None:
    """Of two who drop a pack, one deletes what the other has given back."""

    async def condemn(self: Drop, found: PackRecord) -> bool:
        marked = (await self._records.swap(found.name, lambda now: _become(now, "live", "dropped"))).known.state
        if marked is None:
            return False
        if await self.named_by(marked.name, marked.sessions):
            await self._records.swap(marked.name, lambda now: _become(now, "dropped", "live"))
            return False
        return True

    patch.setattr(Drop, "_condemn", condemn)


@mutation("A session moves into a pack in two swaps", PACKS, "drops", seed=0)
def a_session_that_moves_in_one_swap(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def straight(self: swaps.Naming, base: Known[Head]) -> Proposal[Head] | None:
        head = living(base.state)
        if head is None or head.commits[-1] != self._packed_at:
            return None
        thin = replace(
            swaps._moved(head, self.commit_id),
            segments=within_key_budget(self._segments),
            tail=b"",
            tail_frame=compress(b""),
            tail_count=0,
            tail_keys=frozenset(),
            fence=head.fence + 1,
        )
        return propose_head(self._place.keys, thin)

    patch.setattr(swaps.Naming, "propose", straight)


@mutation("A pack is read back and compared before any head names it", PACKS, "rot", seed=0)
def a_pack_that_is_not_read_back(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def trust(self: PackFile, key: str) -> None:
        pass

    patch.setattr(PackFile, "_read_back", trust)
