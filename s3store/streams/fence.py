"""The fence of a stream: what lets go of uploads that nothing names, whoever may still want to name them.

A writer that uploads something remembers the fence of the head that it started from, and uploads it anew when it finds
another one. So once a head has landed with its fence raised, of all that was listed before only what this very head
names can ever be named. The rest is deleted, and no clock decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..errors import CorruptObject, UnsupportedFormat
from ..objects.base import NoSuchKey
from .change import ONE_TICK, next_version, propose_head, tombstone_after
from .terms import living

if TYPE_CHECKING:
    from collections.abc import Collection

    from .change import Workplace
    from .commit import Known, Landed, Proposal
    from .head import Head


class Names(Protocol):
    """Tells which keys a head names."""

    async def __call__(self, head: Head, /) -> frozenset[str]:
        """Return the keys of its segments, and of what their records name. Raises `NoSuchKey` for a gap."""
        ...


class Fencing:
    """A change that raises the fence of a stream, if that lets go of anything that was `listed` before.

    Where there is no head, a tombstone takes its place; the incarnation `doomed`, if it still lives, becomes one.
    """

    def __init__(self, place: Workplace, names: Names, listed: Collection[str], doomed: str | None = None) -> None:
        self._place = place
        self._names = names
        self._listed = frozenset(listed)
        self._doomed = doomed
        self._free: list[tuple[Head, frozenset[str]]] = []
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head with its fence raised, and nothing else changed; None if there is nothing to let go of."""
        head = base.state
        live = living(head)
        if live is not None and live.incarnation == self._doomed:
            return self._propose(tombstone_after(self._place, live, self.commit_id), await self._all_of(live))
        named = frozenset() if live is None else await self._names(live)
        free = self._listed - named
        if not free:
            return None
        if live is None:
            return self._propose(tombstone_after(self._place, head, self.commit_id), free)
        # By no more than a tick: a clean-up is no news of the session, and must not move it to the top of the listings.
        raised = replace(live, **next_version(live, self.commit_id, live.updated_at + ONE_TICK))
        return self._propose(replace(raised, fence=live.fence + 1, idle=live.idle + 1), free)

    def free(self, landed: Landed[Head]) -> frozenset[str]:
        """Return what nothing can name any more now that this has landed."""
        for head, free in self._free:
            if landed.proposal is not None and head is landed.proposal.state:
                return free
        return frozenset()

    def _propose(self, head: Head, free: frozenset[str]) -> Proposal[Head]:
        proposal = propose_head(self._place.keys, head)
        self._free.append((proposal.state, free))
        return proposal

    async def _all_of(self, doomed: Head) -> frozenset[str]:
        """Return what was listed, and what the doomed head names beside that: it may have been stored since."""
        try:
            return self._listed | await self._names(doomed)
        except (NoSuchKey, CorruptObject, UnsupportedFormat):
            # A damaged stream must go as well. What it named is let go of by the next clean-up, if it was not listed.
            return self._listed | {self._place.keys.segment(segment.name) for segment in doomed.segments}
