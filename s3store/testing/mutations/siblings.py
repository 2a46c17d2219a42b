"""The rules of siblings, deletes and clean-ups, broken one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import OutcomeUnknown
from ...keys import stored_key
from ...objects.base import all_keys
from ...siblings import artifact_plan
from ...streams import fence
from ...streams import stream as streams_module
from ...streams.change import StreamChange, propose_head
from ...streams.removal import Removal
from ..simulation import SIBLINGS
from .mutation import mutation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pytest

    from ...keys import StreamKeys
    from ...objects.base import Upload
    from ...siblings.artifact_set import ArtifactSet, Entry
    from ...streams.commit import Proposal
    from ...streams.draft import Chunk
    from ...streams.head import Head
    from ...streams.segments import Segment

_HISTORIES_OF_EACH_MODE = 90


@mutation(
    "A clean-up swaps the head with its fence raised",
    SIBLINGS,
    "parts",
    seed=93,
)
def a_clean_up_that_raises_no_fence(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    def propose_unfenced(keys: StreamKeys, head: Head) -> Proposal[Head]:
        return propose_head(keys, replace(head, fence=head.fence - 1))

    patch.setattr(fence, "propose_head", propose_unfenced)


@mutation(
    "A writer uploads its segments anew when the fence is another one",
    SIBLINGS,
    "zombies",
    seed=7,
)
def a_writer_of_segments_that_does_not_heed_the_fence(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def seal(self: StreamChange, chunks: Sequence[Chunk], incarnation: str, *, fence: int) -> list[Segment]:
        return await self.place.runtime.gather([self._upload(chunk, incarnation) for chunk in chunks])

    patch.setattr(StreamChange, "_seal", seal)


@mutation(
    "A writer uploads its bodies anew when the fence is another one",
    SIBLINGS,
    "parts",
    seed=93,
)
def a_writer_of_bodies_that_does_not_heed_the_fence(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    entry = artifact_plan.Incoming.entry

    async def heedless(self: artifact_plan.Incoming, before: ArtifactSet, fence: int) -> Entry:
        return await entry(self, before, 0)

    patch.setattr(artifact_plan.Incoming, "entry", heedless)


@mutation(
    "What nothing names is listed before the fence is raised",
    SIBLINGS,
    "parts",
    seed=99,
)
def a_clean_up_that_lists_after_the_swap(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    sweep = Removal.sweep

    async def late(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Any:
        freed = await sweep(self, keys, listed, doomed)
        found = {key for key in await all_keys(self._store, keys.segments) if stored_key(key).kind != "head"}
        return freed | (found - set(listed) if freed else set())

    patch.setattr(Removal, "sweep", late)


@mutation(
    "A head is never deleted: it becomes a tombstone",
    SIBLINGS,
    "lossy",
    seed=23,
)
def deleting_the_heads_of_siblings(patch: pytest.MonkeyPatch) -> None:
    """Without a tombstone nothing is left that would keep a creator from naming what is gone."""
    sweep = Removal.sweep

    async def without_tombstone(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: Any = None) -> Any:
        freed = await sweep(self, keys, listed, doomed)
        return freed | {keys.head} if doomed is not None else freed

    patch.setattr(Removal, "sweep", without_tombstone)


@mutation(
    "A clean-up deletes only after its swap has surely landed",
    SIBLINGS,
    "storm",
    seed=583,
)
def a_clean_up_after_an_unknown_outcome_of_siblings(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    sweep = Removal.sweep

    async def careless(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Any:
        try:
            return await sweep(self, keys, listed, doomed)
        except OutcomeUnknown:
            return (await self.look(keys, listed, doomed)).free

    patch.setattr(Removal, "sweep", careless)


@mutation(
    "Uploads in parts are given up before the fence is raised",
    SIBLINGS,
    "parts",
    seed=508,
)
def uploads_given_up_after_the_fence_was_raised(patch: pytest.MonkeyPatch) -> None:
    """Somebody who knows the new fence goes on with one of them, and names what the delete has listed."""

    async def too_late(self: Removal, uploads: Sequence[Upload]) -> list[str]:
        return [upload.key for upload in uploads]

    patch.setattr(Removal, "_abort", too_late)


@mutation(
    "A session is not created anew before the siblings of the deleted one are tombstones",
    SIBLINGS,
    "crashes",
    seed=73,
)
def a_session_created_anew_beside_siblings_of_the_deleted_one(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def finish(*_: object) -> None:
        pass

    patch.setattr(streams_module, "finish", finish)
