"""A simulator that finds nothing proves nothing: each well-known mistake, put into the product, must be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store.errors import Decide
from s3store.keys import StreamKeys
from s3store.objects.base import all_keys, remove_all
from s3store.objects.cached import ETags
from s3store.objects.memory import MemoryStore
from s3store.streams import change, commit, stream
from s3store.streams.change import Deletion, StreamChange
from s3store.streams.draft import segment_of
from s3store.streams.removal import Removal
from s3store.streams.segments import pack_segment
from s3store.streams.stream import Streams
from s3store.streams.terms import Terms, living
from s3store.testing.simulation import SESSIONS, AnyReport

if TYPE_CHECKING:
    from s3store.streams.commit import Known, Landed, Proposal
    from s3store.streams.draft import Chunk
    from s3store.streams.head import Head
    from s3store.streams.segments import Segment


def _first_violation(mode: str, seeds: int) -> AnyReport:
    for seed in range(seeds):
        report = SESSIONS.simulate(seed, mode)
        if report.violations:
            return report
    pytest.fail(f"not found in {seeds} histories")


def test_a_412_taken_for_somebody_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer rebases and appends again, without looking for its own commit in the history."""
    monkeypatch.setattr(commit._Commit, "_find_landed", lambda self, found: None)
    monkeypatch.setattr(commit._Commit, "_settle", lambda self, found: setattr(self, "_unsettled", None))

    assert _first_violation("lossy", 100).violations


def test_another_proposal_for_the_same_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both bear the same version and commit id, so the history cannot tell which of the two has landed."""

    async def propose(self: Any, base: Known[Head], *, fresh: bool) -> Proposal[Head] | None:
        proposal: Proposal[Head] | None = await self._change.propose(base)
        return proposal or commit._NOTHING  # type: ignore[return-value]

    monkeypatch.setattr(commit._Commit, "_propose", propose)

    assert _first_violation("late", 300).violations


def test_a_short_history_costs_answers_and_not_safety(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> int:
        reports = [SESSIONS.simulate(seed, "late") for seed in range(150)]
        assert not any(report.violations for report in reports)
        return sum(report.unknown for report in reports)

    usual = unknown()
    monkeypatch.setattr(change, "HISTORY", 1)

    assert unknown() > usual


def test_a_history_taken_for_longer_than_it_is_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit id is kept, and whoever does not find his there believes that he never landed."""
    monkeypatch.setattr(change, "HISTORY", 1)
    monkeypatch.setattr(commit._Sent, "settled_by", lambda self, found: found.etag != self.base.etag)

    assert _first_violation("lossy", 300).violations


def test_a_resolve_that_only_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: Streams, session_id: str, commit_id: str) -> bool:
        found = await self.read_head(StreamKeys.of(session_id, "transcript"))
        return found.state is not None and commit_id in found.state.commits

    monkeypatch.setattr(Streams, "resolve", resolve)

    assert _first_violation("late", 300).violations


def test_a_clean_up_after_an_unknown_outcome_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(Decide):
        pass

    monkeypatch.setattr(stream, "OutcomeUnknown", Never)

    assert _first_violation("late", 600).violations


def test_segments_deleted_before_the_swap_is_sure_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    propose = StreamChange.propose

    async def hasty(self: StreamChange, base: Known[Head]) -> Proposal[Head] | None:
        proposal = await propose(self, base)
        if proposal is not None and base.state is not None:
            gone = {each.name for each in base.state.segments} - {each.name for each in proposal.state.segments}
            await self._place.remove(self._place.keys.segment(name) for name in sorted(gone))
        return proposal

    monkeypatch.setattr(StreamChange, "propose", hasty)

    assert _first_violation("lossy", 100).violations


def test_a_head_written_before_its_segments_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
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

    monkeypatch.setattr(StreamChange, "_upload", upload)
    monkeypatch.setattr(StreamChange, "clean_up", upload_late)

    assert _first_violation("fair", 50).violations


def test_a_delete_that_lists_after_its_swap_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then the list may hold what the next session of that id has just uploaded."""

    async def delete(self: Removal, session_id: str, terms: Terms) -> bool:
        keys = StreamKeys.of(session_id, "transcript")
        landed = await self._streams.swap(keys, Deletion(self._place(keys), terms, listed=True))
        await remove_all(self._store, self._runtime, await all_keys(self._store, keys.segments))
        return living(landed.base.state) is not None

    monkeypatch.setattr(Removal, "delete", delete)

    assert _first_violation("late", 1500).violations


def test_a_handle_that_forgets_its_incarnation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check = Terms.check
    monkeypatch.setattr(
        Terms,
        "check",
        lambda self, session_id, head: check(
            Terms(self.must_exist, self.must_be_new, self.expected_version), session_id, head
        ),
    )

    assert _first_violation("fair", 600).violations


def test_a_store_that_ignores_the_condition_of_a_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put = MemoryStore.put

    async def put_anyway(self: MemoryStore, key: str, body: bytes, **condition: object) -> str:
        return await put(self, key, body)

    monkeypatch.setattr(MemoryStore, "put", put_anyway)

    assert _first_violation("fair", 50).violations


def test_a_store_whose_etags_come_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they would if two commits could ever write the same bytes."""
    monkeypatch.setattr("s3store.objects.memory.hashlib.md5", _two_etags)

    assert _first_violation("fair", 100).violations


class _two_etags:  # noqa: N801 - stands for a function
    def __init__(self, body: bytes, *, usedforsecurity: bool) -> None:
        self._digest = str(sum(body) % 2)

    def hexdigest(self) -> str:
        return self._digest


def test_an_old_head_under_the_etag_of_the_current_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it is wrong, so that only its ETag tells, and it would be written back as the base of a commit."""
    monkeypatch.setattr(ETags, "believe", lambda self, kept: True)

    assert _first_violation("cached", 100).violations


def test_a_history_that_goes_wrong_is_cut_down_to_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit._Commit, "_find_landed", lambda self, found: None)
    monkeypatch.setattr(commit._Commit, "_settle", lambda self, found: setattr(self, "_unsettled", None))
    whole = _first_violation("lossy", 100)

    short = SESSIONS.shrink(whole.plan)

    assert short.violations
    assert short.plan.steps <= min(3, whole.plan.steps)
    assert f"seed {whole.plan.seed}:" in short.story()
    assert "VIOLATION" in short.story()
