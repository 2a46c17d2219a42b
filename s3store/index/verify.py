"""Comparing the index with the truth, and mending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import transcript_head
from .entry import Entry
from .heads import all_heads
from .reports import Difference, Verified
from .view import PageGone
from .walk import NewestFirst, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .heads import Done
    from .reports import Fault
    from .view import Index

T = TypeVar("T")

_LOOKS = 3
_PAUSE = 0.2
_AHEAD = 8


class _Said(NamedTuple):
    """What counts of an entry, small enough to be held for every session."""

    order: tuple[str, int]
    deleted: bool
    content: int


class Verify:
    """Compares the index of one archive with its heads, beside writers at work.

    A writer tells the index after it has changed a session, so what differs is looked at again, some moments later,
    before it is called wrong.
    """

    def __init__(self, store: ObjectStore, runtime: Runtime, index: Index, prefixes: Sequence[str]) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._prefixes = prefixes

    async def run(self, progress: Callable[[Done], None] | None = None) -> Verified:
        """Read every head and the whole index, and say each difference."""
        damaged: list[str] = []
        stored: dict[str, _Said] = {}
        async for heads in all_heads(self._store, self._runtime, self._index, self._prefixes, progress):
            damaged += heads.damaged
            stored |= {entry.id: _said(entry) for entry in heads.entries}
        live = sum(not said.deleted for said in stored.values())
        try:
            suspects = _differing(stored, await self._indexed(_said))
            for look in range(_LOOKS):
                if suspects:
                    await self._runtime.sleep(_PAUSE * look)
                    suspects = await self._look_again(suspects)
        except CorruptObject as error:
            return Verified(live, (), tuple(damaged), str(error))
        return Verified(live, tuple(suspects), tuple(damaged), None)

    async def fix(self, differences: Iterable[Difference]) -> int:
        """Tell the index the truth about sessions; return for how many. Leaves out those that need a rebuild."""
        mendable = [found.session_id for found in differences if not found.needs_rebuild]
        indexed = await self._indexed(lambda entry: entry, frozenset(mendable))
        mended = 0
        for session_id in mendable:
            entry = await self._index.head(transcript_head(session_id))
            if entry is None and session_id in indexed:
                entry = _gone(indexed[session_id])
            # Neither is there where a rebuild was faster.
            if entry is not None:
                await self._index.log.add(entry)
                mended += 1
        return mended

    async def telling(self, ids: frozenset[str]) -> int:
        """Return of how many of these sessions, all deleted, the index still says more than a tombstone does."""

        def tells(entry: Entry) -> bool:
            return not entry.deleted or bool(entry.fields.keys() - _OF_A_TOMBSTONE)

        return sum((await self._indexed(tells, ids)).values())

    async def _look_again(self, suspects: Sequence[Difference]) -> list[Difference]:
        # The heads first: what they say by now must be in an index that is read afterwards.
        ids = [found.session_id for found in suspects]
        stored: dict[str, _Said] = {}
        unreadable: set[str] = set()
        for session_id, entry in zip(ids, await self._runtime.gather([self._head(each) for each in ids]), strict=True):
            if isinstance(entry, Entry):
                stored[session_id] = _said(entry)
            elif entry is _UNREADABLE:
                unreadable.add(session_id)
        again = _differing(stored, await self._indexed(_said, frozenset(ids)))
        return [found for found in again if found.session_id not in unreadable]

    async def _head(self, session_id: str) -> Entry | object:
        try:
            return await self._index.head(transcript_head(session_id))
        except (CorruptObject, UnsupportedFormat):
            return _UNREADABLE

    async def _indexed(self, said: Callable[[Entry], T], ids: frozenset[str] | None = None) -> dict[str, T]:
        """Read what the index says of some sessions, or of all, deleted ones included."""
        async for view in self._index.views():
            sources = Sources(list(view.entries.values()), view.manifest.pages, self._index.pages, _AHEAD)
            found: dict[str, T] = {}
            try:
                async for batch in NewestFirst(sources, lambda _: True).batches():
                    found |= {entry.id: said(entry) for entry in batch if ids is None or entry.id in ids}
            except PageGone:
                continue
            return found
        raise AssertionError("views either come or raise")


_UNREADABLE = object()
_OF_A_TOMBSTONE = frozenset({
    "id", "incarnation", "version", "updated_at", "created_at", "count", "size", "deleted", "provisional", "renewed",
})  # fmt: skip


def _said(entry: Entry) -> _Said:
    fields = {name: value for name, value in entry.fields.items() if name != "provisional"}
    return _Said((entry.incarnation, entry.version), entry.deleted, hash(orjson.dumps(fields, option=_SORTED)))


_SORTED = orjson.OPT_SORT_KEYS


def _differing(stored: Mapping[str, _Said], indexed: Mapping[str, _Said]) -> list[Difference]:
    return [
        Difference(session_id, fault, _version(there), _version(here))
        for session_id in sorted(stored.keys() | indexed.keys())
        if (fault := _fault(here := stored.get(session_id), there := indexed.get(session_id)))
    ]


def _fault(stored: _Said | None, indexed: _Said | None) -> Fault | None:
    if stored is None:
        return None if indexed is None or indexed.deleted else "gone"
    if indexed is None:
        return None if stored.deleted else "missing"
    if indexed.order != stored.order:
        return "behind" if indexed.order < stored.order else "ahead"
    return None if indexed.content == stored.content else "wrong"


def _version(said: _Said | None) -> int | None:
    return None if said is None else said.order[1]


def _gone(indexed: Entry) -> Entry:
    """Return the entry that takes a session out of the index that is not there."""
    version = indexed.version + 1
    return indexed._replace(version=version, fields={**indexed.fields, "version": version, "deleted": True})
