"""The rules of the index, broken one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import Conflict, OutcomeUnknown, StoreUnavailable
from ...index import log as index_log
from ...index.compact import Compactor, _RunWriter
from ...index.publish import Publisher
from ...index.rebuild import Rebuild
from ...index.view import Index, View
from ...keys import log_key
from ...streams.stream import Streams, _Creation
from ..simulation import INDEX
from .mutation import mutation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from ...index.entry import Entry
    from ...index.manifest import Manifest
    from ...index.pages import PageInfo
    from ...streams.commit import Known, Proposal
    from ...streams.head import Head


@mutation(
    "The log is listed before the manifest is read",
    INDEX,
    "crowd",
    seed=27,
)
def a_manifest_read_before_the_log(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    view = Index.view

    async def view_of_old(self: Index, own: Iterable[Entry] = (), *, as_kept: bool = False) -> View:
        known = await self.cell.read()
        found = await view(self, own, as_kept=as_kept)
        return View(known, found.logged, found.entries, found.heads)

    patch.setattr(Index, "view", view_of_old)


@mutation(
    "A compaction deletes only after its swap surely succeeded",
    INDEX,
    "crowd",
    seed=0,
)
def deleting_without_having_won(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    swap_in = Compactor._swap_in

    async def anyway(self: Compactor, known: Known[Manifest], new: Sequence[PageInfo], old: Sequence[PageInfo]) -> None:
        try:
            await swap_in(self, known, new, old)
        except (Conflict, StoreUnavailable):
            pass

    patch.setattr(Compactor, "_swap_in", anyway)


@mutation(
    "After an unknown outcome a compaction removes nothing",
    INDEX,
    "late",
    seed=36,
)
def a_clean_up_after_an_unknown_outcome_of_the_index(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    swap_in = Compactor._swap_in

    async def tidy(self: Compactor, known: Known[Manifest], new: Sequence[PageInfo], old: Sequence[PageInfo]) -> None:
        try:
            await swap_in(self, known, new, old)
        except OutcomeUnknown:
            await self.remove(page.key for page in new)
            raise

    patch.setattr(Compactor, "_swap_in", tidy)


@mutation(
    "A sweep of the index swaps the manifest between listing and deleting",
    INDEX,
    "crowd",
    seed=78,
)
def a_sweep_without_the_fencing_swap(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def sweep(self: Compactor) -> int:
        listed = await self.stored_pages()
        found = (await self._index.cell.read()).state
        return await self.remove_unnamed(listed, [found] if found else [])

    patch.setattr(Compactor, "sweep", sweep)


@mutation(
    "A rebuild is told of in the manifest before its first page, and a sweep spares it",
    INDEX,
    "rebuilds",
    seed=31,
)
def a_sweep_that_spares_no_rebuild(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr("s3store.index.manifest.Manifest.spares", lambda self, key: False)


@mutation(
    "A rebuild keeps what was merged while it went on",
    INDEX,
    "rebuilds",
    seed=29,
)
def a_rebuild_that_drops_what_was_merged_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def put_in_place(self: Rebuild, new: Sequence[PageInfo], before: Known[Manifest]) -> list[Manifest]:
        return await self._compactor.replace(lambda manifest: replace(manifest.with_pages(new), rebuild=""))

    patch.setattr(Rebuild, "_put_in_place", put_in_place)


@mutation(
    "A log entry is taken back only for a newer one that sorts behind it",
    INDEX,
    "fair",
    seed=55,
)
def keys_of_the_log_that_are_out_of_order(patch: pytest.MonkeyPatch) -> None:
    """A listing of several pages then passes the newer entry before it stands, and comes to the older one too late."""
    patch.setattr(index_log, "log_key", lambda ulid, text: log_key(_backwards(ulid), text))
    publish = Publisher._publish

    async def take_all_back(self: Publisher, entry: Entry) -> None:
        told = self._of(entry.id)
        before = list(told.standing)
        await publish(self, entry)
        stale = [each for each in before if each in told.standing and each.version <= entry.version]
        told.standing = [each for each in told.standing if each not in stale]
        await self._log.remove(each.key for each in stale)

    patch.setattr(Publisher, "_publish", take_all_back)


def _backwards(ulid: str) -> str:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(alphabet[31 - alphabet.index(digit)] for digit in ulid)


@mutation(
    "A new session's entry is stored before its head",
    INDEX,
    "lossy",
    seed=9,
)
def a_new_sessions_entry_after_its_head(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def propose(self: _Creation, base: Known[Head]) -> Proposal[Head] | None:
        return await self._change.propose(base)

    patch.setattr(_Creation, "propose", propose)


@mutation(
    "A later change's entry is stored after its head",
    INDEX,
    "lossy",
    seed=0,
)
def an_entry_of_a_change_before_its_head(patch: pytest.MonkeyPatch) -> None:
    """The index then tells of what may never come about."""

    async def propose(self: _Creation, base: Known[Head]) -> Proposal[Head] | None:
        proposal = await self._change.propose(base)
        if proposal is not None:
            assert self._listener is not None
            await self._listener.publish(self._place.keys.session_id, proposal.state)
        return proposal

    patch.setattr(_Creation, "propose", propose)


@mutation(
    "A change is acknowledged after its entry stands",
    INDEX,
    "fair",
    seed=0,
)
def a_change_that_is_acknowledged_before_its_entry(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def publish(self: Streams, place: Any, known: Known[Head], commit_id: str | None) -> None:
        if self._listener is not None and known.state is not None:
            listener, head = self._listener, known.state
            self._runtime.background(lambda: listener.publish(place.keys.session_id, head), after=0.5)

    patch.setattr(Streams, "_publish", publish)


@mutation(
    "A process sees what it has not published yet",
    INDEX,
    "relaxed",
    seed=75,
)
def a_process_that_does_not_see_its_own_writes(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr(Publisher, "own", lambda self: [])


@mutation(
    "close() publishes what is due",
    INDEX,
    "relaxed",
    seed=2,
)
def a_close_that_publishes_nothing(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def flush(self: Publisher) -> None:
        await self._take_back()

    patch.setattr(Publisher, "flush", flush)


@mutation(
    "A deleted session stays in the index as long as its tombstone",
    INDEX,
    "lossy",
    seed=2,
)
def a_deleted_entry_dropped_from_the_index(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    add = _RunWriter.add

    async def without_deleted(self: _RunWriter, entries: Iterable[Entry]) -> None:
        await add(self, [entry for entry in entries if not entry.deleted])

    patch.setattr(_RunWriter, "add", without_deleted)


@mutation(
    "A provisional entry is merged only when its head has confirmed it",
    INDEX,
    "late",
    seed=128,
)
def a_provisional_entry_that_is_merged_unconfirmed(patch: pytest.MonkeyPatch) -> None:
    """Its head may still land, and then nothing tells of it."""
    patch.setattr(View, "settled", lambda self, logged: True)


@mutation(
    "A provisional entry is checked against the head",
    INDEX,
    "lossy",
    seed=1,
)
def a_provisional_entry_that_is_taken_at_its_word(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr("s3store.index.view._is_sure", lambda entry: hasattr(entry, "fields"))
