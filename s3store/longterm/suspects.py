"""One session that a clean-up looks at more closely: what of it nothing names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import CallAPerson, CorruptObject, Decide, StoreUnavailable, UnsupportedFormat
from ..keys import TRANSCRIPT, StreamKeys, id_of_part, session_part
from ..streams.terms import living

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..objects.base import ListedObject
    from ..streams.removal import Removal
    from .reports import CleanedUp, LeftReason
    from .stored import StoredSession


class Freed(NamedTuple):
    """An object that may be deleted."""

    key: str
    size: int
    """In bytes; 0 where no listing told it."""


class Suspect(NamedTuple):
    """A session of which something may have to go, as it was listed."""

    stored: StoredSession
    heads: Sequence[str]
    """The streams that have a head."""
    old: Mapping[str, list[ListedObject]]
    """What is old enough, by stream, heads left out."""
    half_deleted: bool
    """Whether it may have been deleted, and its siblings not."""

    async def clean(self, removal: Removal, report: CleanedUp) -> list[Freed]:
        """Raise the fences that it takes, and return what may be deleted then; in a dry run, what could be.

        It runs beside others, and so does one thing after the other itself. What fails goes into the report.
        """
        session_id = None
        try:
            session_id = id_of_part(self.stored.part) or await self._told_id(removal)
            doomed = await self._half_deleted(removal, session_id) if session_id is not None else {}
        except (StoreUnavailable, CallAPerson) as error:
            report.failed(_reason(error), self._number(), str(error))
            return []
        if session_id is None:
            report.failed("nameless", self._number(), f"{self.stored.part}: nothing there tells the session's id")
            return []
        freed: list[Freed] = []
        for stream in sorted(self.old.keys() | doomed.keys()):
            keys = StreamKeys.of(session_id, stream)
            try:
                freed += await self._clean_stream(removal, keys, doomed.get(stream), report)
            except (StoreUnavailable, CallAPerson, Decide) as error:
                report.failed(_reason(error), len(self.old.get(stream, ())) or 1, f"{keys.head}: {error}")
        return freed

    async def _clean_stream(
        self, removal: Removal, keys: StreamKeys, doomed: str | None, report: CleanedUp
    ) -> list[Freed]:
        old = {listed.key: listed.size for listed in self.old.get(keys.stream, ())}
        found = await removal.look(keys, old, doomed)
        if found.dies:
            report.removed["sibling"] += 1
        if report.dry_run or not (found.free or found.dies):
            return [Freed(key, old.get(key, 0)) for key in sorted(found.free)]
        free = await removal.sweep(keys, old, doomed)
        return [Freed(key, old.get(key, 0)) for key in sorted(free)]

    async def _half_deleted(self, removal: Removal, session_id: str) -> dict[str, str]:
        """Return the siblings, by stream, that went with the transcript and may live: each with its incarnation."""
        if not self.half_deleted:
            return {}
        head = await removal.head(StreamKeys.of(session_id, TRANSCRIPT))
        if head is None or living(head) is not None:
            return {}
        return {stream: found for stream, found in head.deleted_with.items() if stream in self.heads}

    async def _told_id(self, removal: Removal) -> str | None:
        """Learn an id that is too long for a key from a head, or else from a segment."""
        for key, listed in sorted(self.stored.objects, key=lambda each: each[0].kind != "head"):
            if key.kind in {"head", "segment"}:
                found = await removal.told_id(listed.key)
                if found is not None and session_part(found) == self.stored.part:
                    return found
        return None

    def _number(self) -> int:
        return sum(map(len, self.old.values())) or 1


def _reason(error: Exception) -> LeftReason:
    if isinstance(error, CorruptObject | UnsupportedFormat):
        return "unreadable"
    return "raced" if isinstance(error, Decide) else "failed"
