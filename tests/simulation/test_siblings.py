"""Seeded histories of siblings, deletes and clean-ups; and the mistakes that they would find."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from s3store.errors import OutcomeUnknown
from s3store.keys import stored_key
from s3store.objects.base import all_keys
from s3store.siblings import artifact_plan
from s3store.streams import fence
from s3store.streams import stream as streams_module
from s3store.streams.change import StreamChange, propose_head
from s3store.streams.removal import Removal
from s3store.testing.simulation import SIBLINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from s3store.keys import StreamKeys
    from s3store.objects.base import Upload
    from s3store.siblings.artifact_set import ArtifactSet, Entry
    from s3store.streams.commit import Proposal
    from s3store.streams.draft import Chunk
    from s3store.streams.head import Head
    from s3store.streams.segments import Segment
    from s3store.testing.simulation import AnyReport

_HISTORIES_OF_EACH_MODE = 90


@pytest.mark.parametrize("mode", SIBLINGS.modes)
def test_nothing_named_is_lost_and_nothing_deleted_is_left(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = SIBLINGS.simulate(seed, mode)
        assert not report.violations, SIBLINGS.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    reports = [SIBLINGS.simulate(seed) for seed in range(150)]

    happened = " ".join(what for report in reports for _, _, what in report.trace)
    told = {type(operation.outcome).__name__ for report in reports for operation in report.operations}

    assert told == {"Wrote", "Read", "Deleted", "Failed", "Unknown"}
    for removed in ("'segment'", "'body'", "'upload'", "'sibling'", "'young'"):
        assert removed in happened
    for fate in ("crashes", "the answer was lost", "long after", "or never", "409", "503"):
        assert fate in happened


def test_the_same_seed_gives_the_same_history() -> None:
    for seed in range(30):
        assert SIBLINGS.simulate(seed).digest() == SIBLINGS.simulate(seed).digest()


def _first_violation(mode: str, seeds: int) -> AnyReport:
    for seed in range(seeds):
        report = SIBLINGS.simulate(seed, mode)
        if report.violations:
            return report
    pytest.fail(f"not found in {seeds} histories")


def test_a_clean_up_that_raises_no_fence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def propose_unfenced(keys: StreamKeys, head: Head) -> Proposal[Head]:
        return propose_head(keys, replace(head, fence=head.fence - 1))

    monkeypatch.setattr(fence, "propose_head", propose_unfenced)

    assert _first_violation("parts", 300).violations


def test_a_writer_of_segments_that_does_not_heed_the_fence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def seal(self: StreamChange, chunks: Sequence[Chunk], incarnation: str, *, fence: int) -> list[Segment]:
        return await self.place.runtime.gather([self._upload(chunk, incarnation) for chunk in chunks])

    monkeypatch.setattr(StreamChange, "_seal", seal)

    assert _first_violation("zombies", 300).violations


def test_a_writer_of_bodies_that_does_not_heed_the_fence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = artifact_plan.Incoming.entry

    async def heedless(self: artifact_plan.Incoming, before: ArtifactSet, fence: int) -> Entry:
        return await entry(self, before, 0)

    monkeypatch.setattr(artifact_plan.Incoming, "entry", heedless)

    assert _first_violation("parts", 300).violations


def test_a_clean_up_that_lists_after_the_swap_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Removal.sweep

    async def late(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Any:
        freed = await sweep(self, keys, listed, doomed)
        found = {key for key in await all_keys(self._store, keys.segments) if stored_key(key).kind != "head"}
        return freed | (found - set(listed) if freed else set())

    monkeypatch.setattr(Removal, "sweep", late)

    assert _first_violation("parts", 300).violations


def test_deleting_the_heads_of_siblings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tombstone nothing is left that would keep a creator from naming what is gone."""
    sweep = Removal.sweep

    async def without_tombstone(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: Any = None) -> Any:
        freed = await sweep(self, keys, listed, doomed)
        return freed | {keys.head} if doomed is not None else freed

    monkeypatch.setattr(Removal, "sweep", without_tombstone)

    assert _first_violation("lossy", 300).violations


def test_a_clean_up_after_an_unknown_outcome_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Removal.sweep

    async def careless(self: Removal, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Any:
        try:
            return await sweep(self, keys, listed, doomed)
        except OutcomeUnknown:
            return (await self.look(keys, listed, doomed)).free

    monkeypatch.setattr(Removal, "sweep", careless)

    assert _first_violation("storm", 900).violations


def test_uploads_given_up_after_the_fence_was_raised_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who knows the new fence goes on with one of them, and names what the delete has listed."""

    async def too_late(self: Removal, uploads: Sequence[Upload]) -> list[str]:
        return [upload.key for upload in uploads]

    monkeypatch.setattr(Removal, "_abort", too_late)

    assert _first_violation("parts", 900).violations


def test_a_session_created_anew_beside_siblings_of_the_deleted_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def finish(*_: object) -> None:
        pass

    monkeypatch.setattr(streams_module, "finish", finish)

    assert "of the deleted session" in _first_violation("crashes", 600).violations[0]
