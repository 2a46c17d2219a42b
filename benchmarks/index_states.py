"""Puts the index of a made-up population into a directory, through the code that writes any index.

`lived_in` is what years of writing and compaction leave: the changes are cut, oldest first, into runs of the sizes that
merging by tiers makes of batches of `BATCH`, each with the newest entry of every session that changed in its time, and
the last changes of all are still in the log. So a session stands in as many runs as it lived through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import s3store
from s3store.archive import Archive
from s3store.index.compact import Compactor
from s3store.index.log import Log
from s3store.index.policy import IndexPolicy
from s3store.index.sizes import FAN_IN, IndexSizes
from s3store.index.view import Index
from s3store.keys import INDEX_LOG
from s3store.locations import Opened
from s3store.objects.base import all_keys
from s3store.objects.directory import DirectoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.streams.commit import CommitPolicy

from .population import changes, entry_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from s3store.index.entry import Entry
    from s3store.index.pages import PageInfo
    from s3store.objects.base import ObjectStore

    from .population import Change

BATCH = 768
"""Changes in the log when it is compacted in passing: `compact_after` and half as much again, the mean of what clients
wait for."""
LOGGED = 400
"""Changes that are in the log of a lived-in index."""
IN_PASSING = 2
"""The highest tier that merges in passing make; larger ones are left to `s3store index compact`."""

_TOGETHER = 4096


class Parts:
    """The parts of an index over one store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.runtime = BlockingRuntime()
        self.log = Log(store, self.runtime)
        self.index = Index(store, self.runtime, self.log)
        self.compactor = Compactor(store, self.runtime, CommitPolicy(), self.index, IndexSizes())


def lived_in(folder: Path, sessions: int, *, highest: int | None = None) -> None:
    """Write the index of so many sessions as use leaves it; with `highest`, as no merge above that tier was made."""
    parts = Parts(DirectoryStore(folder, durable=False))
    make_archive(parts)
    history = sorted(changes(sessions))
    pages: list[PageInfo] = []
    for part, tier in _runs(history[:-LOGGED], highest):
        pages += run(parts.compactor.write(_newest_first(part), tier))
    run(parts.compactor.replace(lambda manifest: manifest.with_pages(pages)))
    for change in history[-LOGGED:]:
        run(parts.log.add(entry_after(change)))
    run(parts.runtime.close())


def compact_all(folder: Path) -> None:
    """Merge everything into one run, as `s3store index compact --all` does."""
    with s3store.SessionStore(f"file://{folder}") as store:
        store.index.compact(everything=True)


def copy(folder: Path, store: ObjectStore) -> None:
    """Store what a directory holds in another store as well, and delete from its log what is not in the directory's."""
    source = DirectoryStore(folder)
    keys = run(all_keys(source, ""))
    for key in keys:
        run(store.put(key, run(source.get(key)).body))
    for key in set(run(all_keys(store, INDEX_LOG))).difference(keys):
        run(store.delete(key))


def make_archive(parts: Parts) -> None:
    """Write the archive's own record."""
    archive = Archive(Opened(parts.store, built_in=True), parts.runtime, CommitPolicy(), IndexPolicy())
    run(archive.ready_to_write())


def _runs(history: Sequence[Change], highest: int | None) -> Iterator[tuple[Sequence[Change], int]]:
    """Cut a history into the runs that merging by tiers makes of it, the oldest and largest first."""
    tier, at = highest, 0
    if tier is None:
        tier = 0
        while BATCH * FAN_IN ** (tier + 1) <= len(history):
            tier += 1
    while tier >= 0:
        size = BATCH * FAN_IN**tier
        while len(history) - at >= size:
            yield history[at : at + size], tier
            at += size
        tier -= 1
    if at < len(history):
        yield history[at:], 0


async def _newest_first(history: Sequence[Change]) -> AsyncIterator[list[Entry]]:
    newest = {change.session: change for change in history}
    ordered = sorted(newest.values(), reverse=True)
    for at in range(0, len(ordered), _TOGETHER):
        yield [entry_after(change) for change in ordered[at : at + _TOGETHER]]
