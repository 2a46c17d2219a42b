"""What the commit protocol is given: the changes of a caller, and a delete, as proposals for a new head."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypedDict

from ..errors import Decide, FixTheCall, OutcomeUnknown
from ..ids import ulid_after
from ..keys import segment_name
from ..model import Metadata
from ..objects.base import remove_all
from ..times import format_time
from ..version import WRITER
from .commit import Known, Landed, Proposal
from .draft import Chunk, Draft, Outcome, SegmentReader, Sizes, segment_of, within_key_budget
from .frames import compress
from .head import HISTORY, Copied, Head, pack_head
from .records import Stamp
from .segments import Segment, pack_segment
from .terms import Terms, living, refuse_held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime

    from ..changes import Change, CopyOf
    from ..keys import StreamKeys
    from ..objects.base import ObjectStore
    from ..runtime import Runtime

ONE_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Workplace:
    """Where a change works: one stream, its store, and the runtime."""

    store: ObjectStore
    runtime: Runtime
    keys: StreamKeys

    def time_after(self, head: Head | None) -> datetime:
        """Return the time for a new version: now, but never back, whatever the clocks of the writers say."""
        now = self.runtime.now()
        return now if head is None else max(now, head.updated_at + ONE_TICK)

    async def remove(self, keys: Iterable[str]) -> None:
        """Delete objects that nothing names any more. What cannot be deleted now is left to the clean-up."""
        await remove_all(self.store, self.runtime, keys)


class CleansUp(Protocol):
    """A change that uploads something before its head lands."""

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """Delete what it has uploaded, and no head names now that it has landed, or has surely failed: then None."""
        ...


@asynccontextmanager
async def cleaning_up(change: CleansUp) -> AsyncIterator[None]:
    """Where a change surely fails in here, have it delete what it has uploaded.

    Not after an unknown outcome: the head that names that may still land.
    """
    try:
        yield
    except OutcomeUnknown:
        raise
    except (Decide, FixTheCall):
        await change.clean_up(None)
        raise


class Planned(NamedTuple):
    """What a plan makes of a head."""

    changes: Sequence[Change]
    raises_fence: bool = False
    """Whether the new head's fence is raised, so that nobody names what this commit drops and then deletes."""


class Plan(Protocol):
    """Changes that depend on the head that they are made to.

    A plan may upload what its records name, before it returns them. It keeps in mind the fence of the head that it
    uploaded under, and uploads anew, under fresh names, when it is asked with another one.
    """

    async def changes(self, head: Head | None) -> Planned:
        """Return the changes to make to this head, which may be a tombstone; None where there is no head."""
        ...

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """Delete what nothing names now that the commit has landed, or (None) surely never will."""
        ...


class FixedPlan:
    """The same changes whatever the head."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._planned = Planned(changes)

    async def changes(self, _head: Head | None) -> Planned:
        """Return them."""
        return self._planned

    async def clean_up(self, _landed: Landed[Head] | None) -> None:
        """Nothing was uploaded."""


class StreamChange:
    """A caller's plan for one stream, on its way into the head. `commit_id` is made here unless it is given."""

    def __init__(
        self,
        place: Workplace,
        reader: SegmentReader,
        plan: Plan,
        terms: Terms,
        sizes: Sizes,
        commit_id: str | None = None,
    ) -> None:
        self._place = place
        self._sizes = sizes
        self._reader = reader
        self._plan = plan
        self._terms = terms
        self.commit_id = commit_id or place.runtime.ulid()
        self._incarnation = place.runtime.ulid()
        self._fence = 0
        self._usable: dict[tuple[int, str], Segment] = {}
        self._uploaded: set[str] = set()
        self._outcomes: list[tuple[Head, Outcome]] = []

    @property
    def place(self) -> Workplace:
        """Where it works."""
        return self._place

    @property
    def must_be_new(self) -> bool:
        """Whether it asks for a stream that is not there yet."""
        return self._terms.must_be_new

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head that the changes make of `base`, with every segment that it names uploaded."""
        head = base.state
        live = living(head)
        now = self._place.time_after(head)
        draft, raises_fence = await self._draft(head, now)
        if live is not None and not draft.touched:
            return None
        incarnation = self._incarnation_after(head) if live is None else live.incarnation
        chunks, tail, tail_count = draft.finish()
        sealed = await self._seal(chunks, incarnation, fence=0 if head is None else head.fence)
        copy = draft.copied
        created_at, updated_at = _times(copy, head, now)
        grown = Head(
            incarnation=incarnation,
            segments=within_key_budget([*draft.segments, *sealed]),
            tail=tail,
            tail_frame=compress(tail),
            tail_count=tail_count,
            tail_keys=frozenset(draft.tail_keys),
            created_at=created_at,
            metadata=draft.metadata,
            siblings=draft.siblings,
            consumption=draft.consumption,
            holds=() if live is None else live.holds,
            copied=_copied(copy, live, self.commit_id),
            extra={} if live is None else live.extra,
            **next_version(head, self.commit_id, updated_at),
        )
        if raises_fence:
            grown = replace(grown, fence=grown.fence + 1)
        proposal = propose_head(self._place.keys, grown)
        self._outcomes.append((proposal.state, draft.outcome))
        return proposal

    async def alters(self, base: Known[Head]) -> bool:
        """Tell whether there is anything to write to `base`. What the plan uploads is uploaded; segments are not."""
        draft, _ = await self._draft(base.state, self._place.time_after(base.state))
        return living(base.state) is None or draft.touched

    async def _draft(self, head: Head | None, now: datetime) -> tuple[Draft, bool]:
        """Make the changes to a draft of `head`, and tell whether its fence is to be raised."""
        self._terms.check(self._place.keys.session_id, head)
        stamp = Stamp(self.commit_id, format_time(now))
        draft = Draft(self._place.keys, living(head), stamp, self._reader, self._sizes)
        planned = await self._plan.changes(head)
        await draft.apply(planned.changes)
        return draft, planned.raises_fence

    def outcome(self, landed: Landed[Head]) -> Outcome:
        """Return what the changes did in the proposal that landed."""
        for head, outcome in self._outcomes:
            if landed.proposal is not None and head is landed.proposal.state:
                return outcome
        return Outcome()

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """Delete the segments that nothing names now that the commit has landed, or has surely failed.

        Never called after an unknown outcome: the head that names them may still land.
        """
        keys = self._place.keys
        unnamed = set(self._uploaded)
        if landed is not None and landed.proposal is not None:
            before = landed.base.state
            if before is not None:
                unnamed |= {segment.name for segment in before.segments if segment.place is None}
            unnamed -= {segment.name for segment in landed.proposal.state.segments}
        await self._place.remove(keys.segment(name) for name in sorted(unnamed))
        await self._plan.clean_up(landed)

    def _incarnation_after(self, tombstone: Head | None) -> str:
        """Return a new incarnation, which sorts behind the deleted one, whatever the clocks of the writers say."""
        return self._incarnation if tombstone is None else max(self._incarnation, ulid_after(tombstone.incarnation))

    async def _seal(self, chunks: Sequence[Chunk], incarnation: str, *, fence: int) -> list[Segment]:
        if fence != self._fence:
            # Somebody may have deleted what was uploaded under the old fence.
            self._usable.clear()
            self._fence = fence
        return await self._place.runtime.gather([self._upload(chunk, incarnation) for chunk in chunks])

    async def _upload(self, chunk: Chunk, incarnation: str) -> Segment:
        """Store a chunk as a segment, unless an earlier attempt of this commit has stored just that."""
        same = chunk.first, hashlib.sha256(chunk.lines).hexdigest()
        if same in self._usable:
            return self._usable[same]
        keys = self._place.keys
        name = segment_name(chunk.first, self._place.runtime.ulid())
        data = pack_segment(keys, incarnation, chunk.first, chunk.records, chunk.frame)
        self._uploaded.add(name)
        await self._place.store.put(keys.segment(name), data)
        segment = segment_of(chunk, name, data)
        self._usable[same] = segment
        return segment


def _times(copy: CopyOf | None, head: Head | None, now: datetime) -> tuple[datetime, datetime]:
    """Return when a stream was made and changed last: a copy takes its original's times, and never goes back."""
    if copy is None:
        live = living(head)
        return now if live is None else live.created_at, now
    return copy.created_at, copy.updated_at if head is None else max(copy.updated_at, head.updated_at + ONE_TICK)


def _copied(copy: CopyOf | None, live: Head | None, commit_id: str) -> Copied | None:
    if copy is None:
        return None if live is None else live.copied
    return Copied(copy.commit, copy.incarnation, commit_id)


class NextVersion(TypedDict):
    """The fields of a head that go on from its predecessor's, whatever the commit does."""

    version: int
    commits: tuple[str, ...]
    fence: int
    updated_at: datetime
    writer: str


class Deletion:
    """A delete: the head becomes a tombstone, which fences whoever uploaded something for the session before.

    `listed` says whether anything beside the head was found: where there is neither head nor anything else, nothing
    is written, unless `always`. `siblings` are the incarnations that are to go with a transcript, by stream.
    """

    def __init__(
        self,
        place: Workplace,
        terms: Terms,
        *,
        listed: bool,
        always: bool = False,
        siblings: Mapping[str, str] | None = None,
    ) -> None:
        self._place = place
        self._terms = terms
        self._listed = listed
        self._always = always
        self._siblings = siblings or {}
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the tombstone for `base`."""
        head = base.state
        self._terms.check(self._place.keys.session_id, head)
        refuse_held(self._place.keys.session_id, head)
        if living(head) is None and not self._listed and not self._always:
            return None
        tombstone = tombstone_after(self._place, head, self.commit_id)
        return propose_head(
            self._place.keys, replace(tombstone, deleted_with={**tombstone.deleted_with, **self._siblings})
        )


def tombstone_after(place: Workplace, head: Head | None, commit_id: str) -> Head:
    """Return the tombstone for a head, or for a stream that has none, with its fence raised."""
    now = place.time_after(head)
    tombstone = Head(
        incarnation=place.runtime.ulid() if head is None else head.incarnation,
        segments=(),
        tail=b"",
        tail_frame=compress(b""),
        tail_count=0,
        tail_keys=frozenset(),
        created_at=now if head is None else head.created_at,
        metadata=Metadata(),
        deleted_at=now if head is None or head.deleted_at is None else head.deleted_at,
        deleted_with={} if head is None else head.deleted_with,
        **next_version(head, commit_id, now),
    )
    return replace(tombstone, fence=tombstone.fence + 1)


def next_version(head: Head | None, commit_id: str, now: datetime) -> NextVersion:
    """Return the fields that every new version has in common. They go on counting through a delete."""
    return NextVersion(
        version=1 if head is None else head.version + 1,
        commits=((() if head is None else head.commits) + (commit_id,))[-HISTORY:],
        fence=0 if head is None else head.fence,
        updated_at=now,
        writer=WRITER,
    )


def propose_head(keys: StreamKeys, head: Head) -> Proposal[Head]:
    """Return a head as a proposal."""
    body = pack_head(keys, head)
    return Proposal(replace(head, size=len(body)), body)
