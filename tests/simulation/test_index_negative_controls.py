"""Each rule of the index, broken in the product, must be found by the simulator within a few hundred histories."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from s3store.errors import Conflict, OutcomeUnknown, StoreUnavailable
from s3store.index import log as index_log
from s3store.index.compact import Compactor, _RunWriter
from s3store.index.publish import Publisher
from s3store.index.rebuild import Rebuild
from s3store.index.view import Index, View
from s3store.keys import log_key
from s3store.streams.stream import Streams, _Creation
from s3store.testing.simulation import INDEX, AnyReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from s3store.index.entry import Entry
    from s3store.index.manifest import Manifest
    from s3store.index.pages import PageInfo
    from s3store.streams.commit import Known, Proposal
    from s3store.streams.head import Head


def _first_violation(mode: str, seeds: int) -> AnyReport:
    for seed in range(seeds):
        report = INDEX.simulate(seed, mode)
        if report.violations:
            print(f"{mode}: seed {seed}: {report.violations[0]}")  # noqa: T201 - docs/protocol.md names these
            return report
    pytest.fail(f"not found in {seeds} histories")


def test_a_manifest_read_before_the_log_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    view = Index.view

    async def view_of_old(self: Index, own: Iterable[Entry] = ()) -> View:
        known = await self.cell.read()
        found = await view(self, own)
        return View(known, found.logged, found.entries, found.heads)

    monkeypatch.setattr(Index, "view", view_of_old)

    assert _first_violation("crowd", 200).violations


def test_deleting_without_having_won_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    swap_in = Compactor._swap_in

    async def anyway(self: Compactor, known: Known[Manifest], new: Sequence[PageInfo], old: Sequence[PageInfo]) -> None:
        try:
            await swap_in(self, known, new, old)
        except (Conflict, StoreUnavailable):
            pass

    monkeypatch.setattr(Compactor, "_swap_in", anyway)

    assert _first_violation("crowd", 300).violations


def test_a_clean_up_after_an_unknown_outcome_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    swap_in = Compactor._swap_in

    async def tidy(self: Compactor, known: Known[Manifest], new: Sequence[PageInfo], old: Sequence[PageInfo]) -> None:
        try:
            await swap_in(self, known, new, old)
        except OutcomeUnknown:
            await self.remove(page.key for page in new)
            raise

    monkeypatch.setattr(Compactor, "_swap_in", tidy)

    assert _first_violation("late", 400).violations


def test_a_sweep_without_the_fencing_swap_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sweep(self: Compactor) -> int:
        listed = await self.stored_pages()
        found = (await self._index.cell.read()).state
        return await self.remove_unnamed(listed, [found] if found else [])

    monkeypatch.setattr(Compactor, "sweep", sweep)

    assert _first_violation("crowd", 300).violations


def test_a_sweep_that_spares_no_rebuild_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.index.manifest.Manifest.spares", lambda self, key: False)

    assert _first_violation("rebuilds", 1500).violations


def test_a_rebuild_that_drops_what_was_merged_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def put_in_place(self: Rebuild, new: Sequence[PageInfo], before: Known[Manifest]) -> list[Manifest]:
        return await self._compactor.replace(lambda manifest: replace(manifest.with_pages(new), rebuild=""))

    monkeypatch.setattr(Rebuild, "_put_in_place", put_in_place)

    assert _first_violation("rebuilds", 400).violations


def test_keys_of_the_log_that_are_out_of_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of several pages then passes the newer entry before it stands, and comes to the older one too late."""
    monkeypatch.setattr(index_log, "log_key", lambda ulid, text: log_key(_backwards(ulid), text))
    publish = Publisher._publish

    async def take_all_back(self: Publisher, entry: Entry) -> None:
        told = self._of(entry.id)
        before = list(told.standing)
        await publish(self, entry)
        stale = [each for each in before if each in told.standing and each.version <= entry.version]
        told.standing = [each for each in told.standing if each not in stale]
        await self._log.remove(each.key for each in stale)

    monkeypatch.setattr(Publisher, "_publish", take_all_back)

    assert _first_violation("fair", 1500).violations


def _backwards(ulid: str) -> str:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(alphabet[31 - alphabet.index(digit)] for digit in ulid)


def test_a_new_sessions_entry_after_its_head_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def propose(self: _Creation, base: Known[Head]) -> Proposal[Head] | None:
        return await self._change.propose(base)

    monkeypatch.setattr(_Creation, "propose", propose)

    assert _first_violation("lossy", 200).violations


def test_an_entry_of_a_change_before_its_head_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index then tells of what may never come about."""

    async def propose(self: _Creation, base: Known[Head]) -> Proposal[Head] | None:
        proposal = await self._change.propose(base)
        if proposal is not None:
            assert self._listener is not None
            await self._listener.publish(self._place.keys.session_id, proposal.state)
        return proposal

    monkeypatch.setattr(_Creation, "propose", propose)

    assert _first_violation("lossy", 200).violations


def test_a_change_that_is_acknowledged_before_its_entry_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def publish(self: Streams, place: Any, known: Known[Head], commit_id: str | None) -> None:
        if self._listener is not None and known.state is not None:
            listener, head = self._listener, known.state
            self._runtime.background(lambda: listener.publish(place.keys.session_id, head), after=0.5)

    monkeypatch.setattr(Streams, "_publish", publish)

    assert _first_violation("fair", 100).violations


def test_a_process_that_does_not_see_its_own_writes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Publisher, "own", lambda self: [])

    assert _first_violation("relaxed", 300).violations


def test_a_close_that_publishes_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def flush(self: Publisher) -> None:
        await self._take_back()

    monkeypatch.setattr(Publisher, "flush", flush)

    assert _first_violation("relaxed", 100).violations


def test_a_deleted_entry_dropped_from_the_index_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    add = _RunWriter.add

    async def without_deleted(self: _RunWriter, entries: Iterable[Entry]) -> None:
        await add(self, [entry for entry in entries if not entry.deleted])

    monkeypatch.setattr(_RunWriter, "add", without_deleted)

    assert _first_violation("lossy", 400).violations


def test_a_provisional_entry_that_is_merged_unconfirmed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head may still land, and then nothing tells of it."""
    monkeypatch.setattr(View, "settled", lambda self, logged: True)

    assert _first_violation("late", 600).violations


def test_a_provisional_entry_that_is_taken_at_its_word_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.index.view._is_sure", lambda entry: hasattr(entry, "fields"))

    assert _first_violation("lossy", 200).violations


def test_a_history_that_goes_wrong_is_cut_down_to_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.index.view._is_sure", lambda entry: hasattr(entry, "fields"))
    whole = _first_violation("lossy", 200)

    short = INDEX.shrink(whole.plan)

    assert short.violations
    assert short.plan.steps <= whole.plan.steps // 2
    assert f"seed {whole.plan.seed}:" in short.story()
    assert "VIOLATION" in short.story()
