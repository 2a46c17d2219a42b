"""The swaps of a head that take a session into a pack, and out of one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ...keys import segment_name
from ...streams.change import ONE_TICK, next_version, propose_head
from ...streams.draft import within_key_budget
from ...streams.frames import compress
from ...streams.segments import pack_segment
from ...streams.terms import living

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...streams.change import Workplace
    from ...streams.commit import Known, Landed, Proposal
    from ...streams.head import Head
    from ...streams.segments import Segment
    from ...streams.stream import Streams
    from ...streams.terms import Terms
    from .lines import PackedLines
    from .record import PackRecords


def _moved(head: Head, commit_id: str) -> Head:
    """Return a head that is a version on, and says the same. It does not move to the top of the listings."""
    return replace(head, **next_version(head, commit_id, head.updated_at + ONE_TICK), idle=head.idle + 1)


class Naming:
    """The first swap: the head names the pack, and keeps all it has. Only the very head that was packed does."""

    def __init__(self, place: Workplace, packed_at: str, segments: Sequence[Segment]) -> None:
        self._place = place
        self._packed_at = packed_at
        self._segments = tuple(segments)
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head that names the pack; None if somebody has changed the session since it was packed."""
        head = living(base.state)
        if head is None or head.commits[-1] != self._packed_at:
            return None
        return propose_head(self._place.keys, replace(_moved(head, self.commit_id), packed=self._segments))


class Thinning:
    """The second swap: the head stands on the pack alone, and its fence is raised, so that what was hot may go.

    Only if the pack's record is seen live after the head was read that names it, and both hold the same bytes.
    """

    def __init__(self, place: Workplace, lines: PackedLines, records: PackRecords, pack: str) -> None:
        self._place = place
        self._lines = lines
        self._records = records
        self._pack = pack
        self.differs = False
        """Whether the pack held other records than the head."""
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the thin head; None where the pack is not named any more, or not live, or holds something else."""
        head = living(base.state)
        if head is None or not names_to_be_thin(head, self._pack):
            return None
        record = await self._records.read(self._pack)
        if record is None or record.state != "live":
            return None
        if await self._digest(head.packed) != await self._digest(head.segments, head.tail):
            self.differs = True
            return None
        thin = replace(
            _moved(head, self.commit_id),
            segments=within_key_budget(head.packed),
            packed=(),
            tail=b"",
            tail_frame=compress(b""),
            tail_count=0,
            tail_keys=frozenset(),
            fence=head.fence + 1,
        )
        return propose_head(self._place.keys, thin)

    def free(self, landed: Landed[Head]) -> list[str]:
        """Return the keys of the objects that no head names any more, now that this has landed."""
        before = None if landed.proposal is None else landed.base.state
        sealed = () if before is None else before.segments
        return [self._place.keys.segment(each.name) for each in sealed if each.place is None]

    async def _digest(self, segments: Sequence[Segment], tail: bytes = b"") -> bytes:
        sha256 = hashlib.sha256()
        for segment in segments:
            sha256.update(await self._lines.segment_lines(self._place.keys, segment))
        sha256.update(tail)
        return sha256.digest()


class Unpacking:
    """Brings a session back: its records in segments of its own, byte for byte, and no pack named."""

    def __init__(self, place: Workplace, streams: Streams, terms: Terms) -> None:
        self._place = place
        self._streams = streams
        self._terms = terms
        self._fence = 0
        self._usable: dict[Segment, Segment] = {}
        self._uploaded: set[str] = set()
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the hot head, with its segments uploaded; None if it names no pack."""
        self._terms.check(self._place.keys.session_id, base.state)
        head = living(base.state)
        if head is None or not head.packs:
            return None
        if head.fence != self._fence:
            # Somebody may have deleted what was uploaded under the old fence.
            self._usable.clear()
            self._fence = head.fence
        segments = [await self._hot(head, segment) for segment in head.segments]
        return propose_head(
            self._place.keys, replace(_moved(head, self.commit_id), segments=tuple(segments), packed=())
        )

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """Delete the segments that nothing names now that this has landed, or has surely failed: then it is None.

        Never called after an unknown outcome: the head that names them may still land.
        """
        named = () if landed is None or landed.proposal is None else landed.proposal.state.segments
        unnamed = self._uploaded - {segment.name for segment in named}
        await self._place.remove(self._place.keys.segment(name) for name in sorted(unnamed))

    async def _hot(self, head: Head, segment: Segment) -> Segment:
        if segment.place is None:
            return segment
        if segment not in self._usable:
            keys = self._place.keys
            lines = await self._streams.segment_lines(keys, segment)
            data = pack_segment(keys, head.incarnation, segment.first, segment.count, compress(lines))
            name = segment_name(segment.first, self._place.runtime.ulid())
            self._uploaded.add(name)
            await self._place.store.put(keys.segment(name), data)
            self._usable[segment] = replace(
                segment, name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), place=None
            )
        return self._usable[segment]


def names_to_be_thin(head: Head, pack: str) -> bool:
    """Tell whether a head says that it is to stand on this pack alone."""
    return bool(head.packed) and all(each.place is not None and each.place.pack == pack for each in head.packed)
