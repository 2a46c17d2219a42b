"""A clean-up as the design asks for it: list, raise the fence, delete what was listed and is not named.

A commit that slept since before the listing finds another fence than it uploaded under, and uploads again. So no clock
decides what may be deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...objects.base import NoSuchKey
from ...streams.change import Deletion, Workplace, next_version, propose_head
from ...streams.commit import Known, Proposal, commit
from ...streams.head import Head, unpack_head
from ...streams.terms import Terms

if TYPE_CHECKING:
    from ...keys import StreamKeys
    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.commit import CommitPolicy


async def sweep(store: ObjectStore, runtime: Runtime, policy: CommitPolicy, keys: StreamKeys) -> None:
    """Delete the segments of one stream that nothing names, whoever may still want to name them."""
    listed = []
    after: str | None = None
    while True:
        page = await store.list_page(keys.segments, after=after)
        listed += [found.key for found in page.objects]
        after = page.next_after
        if after is None:
            break
    place = Workplace(store, runtime, keys)
    landed = await commit(store, runtime, policy, _HeadCell(store, keys), _RaiseFence(place))
    if landed.proposal is not None:
        named = {keys.segment(segment.name) for segment in landed.proposal.state.segments}
        await place.remove(key for key in listed if key not in named)


class _RaiseFence:
    """A change that shuts out whatever was uploaded before; where there is no head, a tombstone does that."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._tombstone = Deletion(place, Terms(), listed=False, always=True)
        self.commit_id = self._tombstone.commit_id

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head with its fence raised, and nothing else changed."""
        head = base.state
        if head is None:
            return await self._tombstone.propose(base)
        raised = replace(head, **next_version(head, self.commit_id, self._place.time_after(head)))
        return propose_head(self._place.keys, replace(raised, fence=head.fence + 1))


class _HeadCell:
    """The head of a stream, read from the store."""

    def __init__(self, store: ObjectStore, keys: StreamKeys) -> None:
        self._store = store
        self._keys = keys
        self.key = keys.head
        self.session_id = keys.session_id

    async def read(self) -> Known[Head]:
        """See `Cell.read`."""
        try:
            stored = await self._store.get(self._keys.head)
        except NoSuchKey:
            return Known(None, None)
        return Known(unpack_head(self._keys, stored.body), stored.etag)
