"""The rules of the commit protocol, broken one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import Conflict, Decide
from ...keys import StreamKeys
from ...objects.base import all_keys, remove_all
from ...objects.cached import ETags, Freshness
from ...objects.memory import MemoryStore
from ...streams import change, commit
from ...streams.change import Deletion, StreamChange
from ...streams.draft import Draft, segment_of
from ...streams.removal import Removal
from ...streams.segments import pack_segment
from ...streams.stream import Streams
from ...streams.terms import Terms, living
from ..simulation import SESSIONS
from .mutation import mutation

if TYPE_CHECKING:
    import pytest

    from ...streams.commit import Known, Landed, Proposal
    from ...streams.draft import Chunk
    from ...streams.head import Head
    from ...streams.segments import Segment


@mutation(
    "After an answer that is not 200, a commit looks for its own id in the history before it goes on",
    SESSIONS,
    "lossy",
    seed=1,
)
def a_412_taken_for_somebody_else(patch: pytest.MonkeyPatch) -> None:
    """The writer rebases and appends again, without looking for its own commit in the history."""
    patch.setattr(commit._Commit, "_find_landed", lambda self, found: None)
    patch.setattr(commit._Commit, "_settle", lambda self, found: setattr(self, "_unsettled", None))


@mutation(
    "For one state of a head there is one proposal of a commit",
    SESSIONS,
    "late",
    seed=14,
)
def another_proposal_for_the_same_state(patch: pytest.MonkeyPatch) -> None:
    """Both bear the same version and commit id, so the history cannot tell which of the two has landed."""

    async def propose(self: Any, base: Known[Head], *, fresh: bool) -> Proposal[Head] | None:
        proposal: Proposal[Head] | None = await self._change.propose(base)
        return proposal or commit._NOTHING  # type: ignore[return-value]

    patch.setattr(commit._Commit, "_propose", propose)


@mutation(
    "An id that the history can no longer show is not taken for one that never landed",
    SESSIONS,
    "lossy",
    seed=18,
)
def a_history_taken_for_longer_than_it_is(patch: pytest.MonkeyPatch) -> None:
    """One commit id is kept, and whoever does not find his there believes that he never landed."""
    patch.setattr(change, "HISTORY", 1)
    patch.setattr(commit._Sent, "settled_by", lambda self, found: found.etag != self.base.etag)


@mutation(
    "resolve() settles an outcome: it fences, and does not only look",
    SESSIONS,
    "late",
    seed=4,
)
def a_resolve_that_only_looks(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def resolve(self: Streams, session_id: str, commit_id: str) -> bool:
        found = await self.read_head(StreamKeys.of(session_id, "transcript"))
        return found.state is not None and commit_id in found.state.commits

    patch.setattr(Streams, "resolve", resolve)


@mutation(
    "Nothing is cleaned up after an unknown outcome",
    SESSIONS,
    "late",
    seed=32,
)
def a_clean_up_after_an_unknown_outcome(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    class Never(Decide):
        pass

    patch.setattr(change, "OutcomeUnknown", Never)


@mutation(
    "What a head no longer names is deleted only after the swap that dropped it has surely landed",
    SESSIONS,
    "lossy",
    seed=2,
)
def segments_deleted_before_the_swap_is_sure(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    propose = StreamChange.propose

    async def hasty(self: StreamChange, base: Known[Head]) -> Proposal[Head] | None:
        proposal = await propose(self, base)
        if proposal is not None and base.state is not None:
            gone = {each.name for each in base.state.segments} - {each.name for each in proposal.state.segments}
            await self._place.remove(self._place.keys.segment(name) for name in sorted(gone))
        return proposal

    patch.setattr(StreamChange, "propose", hasty)


@mutation(
    "A segment is stored before the head that names it",
    SESSIONS,
    "fair",
    seed=2,
)
def a_head_written_before_its_segments(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    clean_up = StreamChange.clean_up
    late: dict[str, bytes] = {}

    async def upload(self: StreamChange, chunk: Chunk, incarnation: str) -> Segment:
        keys = self._place.keys
        name = f"{chunk.first:010d}-{self._place.runtime.ulid()}"
        data = late[keys.segment(name)] = pack_segment(keys, incarnation, chunk.first, chunk.records, chunk.frame)
        return segment_of(chunk, name, data)

    async def upload_late(self: StreamChange, landed: Landed[Head] | None) -> None:
        while late:
            await self._place.store.put(*late.popitem())
        await clean_up(self, landed)

    patch.setattr(StreamChange, "_upload", upload)
    patch.setattr(StreamChange, "clean_up", upload_late)


@mutation(
    "A delete lists what it will remove before its swap",
    SESSIONS,
    "late",
    seed=30,
)
def a_delete_that_lists_after_its_swap(patch: pytest.MonkeyPatch) -> None:
    """By then the list may hold what the next session of that id has just uploaded."""

    async def delete(self: Removal, session_id: str, terms: Terms) -> bool:
        keys = StreamKeys.of(session_id, "transcript")
        landed = await self._streams.swap(keys, Deletion(self._place(keys), terms, listed=True))
        await remove_all(self._store, self._runtime, await all_keys(self._store, keys.segments))
        return living(landed.base.state) is not None

    patch.setattr(Removal, "delete", delete)


@mutation(
    "A handle belongs to its incarnation",
    SESSIONS,
    "fair",
    seed=19,
)
def a_handle_that_forgets_its_incarnation(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    check = Terms.check
    patch.setattr(
        Terms,
        "check",
        lambda self, session_id, head: check(
            Terms(self.must_exist, self.must_be_new, self.expected_version), session_id, head
        ),
    )


@mutation(
    "A head is written with If-Match or If-None-Match",
    SESSIONS,
    "fair",
    seed=0,
)
def a_store_that_ignores_the_condition_of_a_write(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    put = MemoryStore.put

    async def put_anyway(self: MemoryStore, key: str, body: bytes, **condition: object) -> str:
        return await put(self, key, body)

    patch.setattr(MemoryStore, "put", put_anyway)


@mutation(
    "An ETag never comes back: each commit writes its own id into the body",
    SESSIONS,
    "fair",
    seed=0,
)
def a_store_whose_etags_come_back(patch: pytest.MonkeyPatch) -> None:
    """As they would if two commits could ever write the same bytes."""
    patch.setattr("s3store.objects.memory.hashlib.md5", _two_etags)


class _two_etags:  # noqa: N801 - stands for a function
    def __init__(self, body: bytes, *, usedforsecurity: bool) -> None:
        self._digest = str(sum(body) % 2)

    def hexdigest(self) -> str:
        return self._digest


@mutation(
    "A cached head is a guess: it counts only with the ETag of its own bytes",
    SESSIONS,
    "cached",
    seed=39,
)
def an_old_head_under_the_etag_of_the_current_one(patch: pytest.MonkeyPatch) -> None:
    """Nothing in it is wrong, so that only its ETag tells, and it would be written back as the base of a commit."""
    patch.setattr(ETags, "believe", lambda self, kept: True)


@mutation(
    "A commit is turned down only if nothing of it can still land; else its outcome is unknown",
    SESSIONS,
    "late",
    seed=4,
)
def a_conflict_told_while_a_write_is_on_its_way(patch: pytest.MonkeyPatch) -> None:
    """The caller believes that nothing was written, and it lands later."""

    def unknown(self: Any) -> Conflict:
        return Conflict(f"{self._cell.key}: not written")

    patch.setattr(commit._Commit, "_unknown", unknown)


@mutation("A commit with expected_version lands on that version or not at all", SESSIONS, "fair", seed=8)
def an_expected_version_that_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Whoever asked for a conflict writes over what he has not seen."""
    check = Terms.check
    patch.setattr(
        Terms, "check", lambda self, session_id, head: check(replace(self, expected_version=None), session_id, head)
    )


@mutation("A record whose idempotency key is stored already is not stored again", SESSIONS, "fair", seed=3)
def a_key_that_is_not_looked_up(patch: pytest.MonkeyPatch) -> None:
    """A caller that repeats its call doubles its record."""

    async def is_new(self: Draft, key: str) -> bool:
        self._new_keys.add(key)
        return True

    patch.setattr(Draft, "_is_new", is_new)


@mutation("A head that the cache holds is asked about before it is believed", SESSIONS, "cached", seed=3)
def a_read_that_does_not_ask_the_store(patch: pytest.MonkeyPatch) -> None:
    """What the machine has kept is shown as if it were the newest state."""
    patch.setattr("s3store.testing.simulation.machine.ASKED", Freshness(max_age=3600.0))
