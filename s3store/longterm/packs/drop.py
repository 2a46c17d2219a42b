"""The end of a pack that no session needs.

Mark the record *dropped*, and only then look for heads that name the pack: a cleaner that saw it live before has read a
head that names it, and one that comes later sees the mark. Where one is found the mark is taken back. Else the mark
becomes *gone*, on the condition that the record is just what it was before the look, so that of two who drop a pack
neither deletes what the other has given back. Only then the file goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...keys import TRANSCRIPT, StreamKeys, pack_key
from ...streams.terms import living
from .record import PackRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.stream import Streams
    from .record import PackRecords, PackState

_TOGETHER = 64


class Drop:
    """Drops packs of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, streams: Streams, records: PackRecords) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams
        self._records = records

    async def drop(self, name: str) -> bool:
        """Remove a pack unless a session names it; tell whether it is gone. Raises what the commit protocol raises."""
        found = await self._records.read(name)
        if found is None:
            return False
        if found.state != "gone" and not await self._condemn(found):
            return False
        # Also one that is gone already: whoever condemned it may have died before this.
        await self._store.delete(pack_key(name))
        await self._records.swap(name, _forget)
        return True

    async def remove_unrecorded(self, name: str) -> bool:
        """Remove a file that has no record, which a crashed packer has left; tell whether it is gone."""

        def condemn(found: PackRecord | None) -> PackRecord | None:
            return PackRecord(name, "gone", self._runtime.now()) if found is None else None

        landed = await self._records.swap(name, condemn)
        if landed.proposal is None:
            return False
        await self._store.delete(pack_key(name))
        return True

    async def is_named(self, name: str, sessions: Sequence[str]) -> bool:
        """Tell whether any of these sessions has a head that names a pack.

        It ends with the first such, and few heads are read where most name it: all are only where none does.
        """
        start, together = 0, 1
        while start < len(sessions):
            if await self.named_by(name, sessions[start : start + together]):
                return True
            start, together = start + together, min(_TOGETHER, 2 * together)
        return False

    async def named_by(self, name: str, sessions: Sequence[str]) -> list[str]:
        """Return which of these sessions have a head that names a pack."""

        async def names(session_id: str) -> bool:
            head = living((await self._streams.read_head(StreamKeys.of(session_id, TRANSCRIPT))).state)
            return head is not None and name in head.packs

        found: list[str] = []
        for start in range(0, len(sessions), _TOGETHER):
            together = sessions[start : start + _TOGETHER]
            told = await self._runtime.gather([names(session_id) for session_id in together])
            found += [session_id for session_id, is_named in zip(together, told, strict=True) if is_named]
        return found

    async def _condemn(self, found: PackRecord) -> bool:
        # Before the mark only to spare the swaps: what counts is the look after it.
        if found.state == "live" and await self.is_named(found.name, found.sessions):
            return False
        marked = (await self._records.swap(found.name, lambda now: _become(now, "live", "dropped"))).known.state
        if marked is None or marked.state != "dropped":
            return marked is not None and marked.state == "gone"
        if await self.is_named(marked.name, marked.sessions):
            await self._records.swap(marked.name, lambda now: _become(now, "dropped", "live"))
            return False
        landed = await self._records.swap(marked.name, lambda now: _become(now, "dropped", "gone", marked.version))
        return landed.known.state is not None and landed.known.state.state == "gone"


def _become(
    now: PackRecord | None, before: PackState, then: PackState, version: int | None = None
) -> PackRecord | None:
    if now is None or now.state != before or version not in {None, now.version}:
        return None
    return replace(now, state=then)


def _forget(now: PackRecord | None) -> PackRecord | None:
    """Forget who was in it, once there is no file any more."""
    return replace(now, sessions=()) if now is not None and now.sessions else None
