"""The rules of packs, broken one by one.

Two more, that a head comes to stand on a pack only if the record is live, and that a pack goes only if its record is as
it was before the look, are broken too seldom by chance: `tests/longterm/test_packs.py` has the moments themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...longterm.packs import swaps
from ...longterm.packs.drop import Drop, _become
from ...longterm.packs.file import PackFile
from ...longterm.packs.settle import Settle
from ...streams.change import propose_head
from ...streams.draft import within_key_budget
from ...streams.frames import compress
from ...streams.terms import living
from ..simulation import PACKS
from .mutation import mutation

if TYPE_CHECKING:
    import pytest

    from ...longterm.packs.record import PackRecord
    from ...longterm.packs.reports import Settled
    from ...streams.commit import Known, Proposal
    from ...streams.head import Head


@mutation("A pack is marked dropped before anybody looks for heads that name it", PACKS, "drops", seed=322)
def a_drop_that_looks_before_it_marks(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def condemn(self: Drop, found: PackRecord) -> bool:
        if await self.named_by(found.name, found.sessions):
            return False
        await self._records.swap(found.name, lambda now: _become(now, "live", "dropped"))
        landed = await self._records.swap(found.name, lambda now: _become(now, "dropped", "gone"))
        return landed.known.state is not None and landed.known.state.state == "gone"

    patch.setattr(Drop, "_condemn", condemn)


@mutation("A session moves into a pack in two swaps", PACKS, "drops", seed=9)
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


@mutation("A pack is read back and compared before any head names it", PACKS, "rot", seed=1)
def a_pack_that_is_not_read_back(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def trust(self: PackFile, key: str) -> None:
        pass

    patch.setattr(PackFile, "_read_back", trust)


@mutation(
    "A file that still stands beside a record that says gone is deleted again",
    PACKS,
    "classes",
    seed=220,
)
def a_file_beside_a_gone_record_that_stays(patch: pytest.MonkeyPatch) -> None:
    """A move that was under way brings a pack back behind its delete."""
    record = Settle._record

    async def blind(self: Settle, key: str, report: Settled, *, has_file: bool) -> None:
        await record(self, key, report, has_file=False)

    patch.setattr(Settle, "_record", blind)
