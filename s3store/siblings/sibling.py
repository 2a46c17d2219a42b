"""What the streams beside a transcript have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SessionNotFound
from ..keys import StreamKeys
from ..streams.terms import Terms, living

if TYPE_CHECKING:
    from ..archive import Archive
    from ..model import RecordFields
    from ..session import SessionCore
    from ..streams.change import Plan, StreamChange
    from ..streams.commit import Landed
    from ..streams.head import Head


class SiblingCore:
    """One stream beside the transcript of a session.

    One that belongs to a bound session raises `SessionDeleted` once that has been deleted.
    """

    def __init__(self, archive: Archive, session: SessionCore, stream: str) -> None:
        self.keys = StreamKeys.of(session.id, stream)
        self._archive = archive
        self._streams = archive.streams
        self._session = session
        self._incarnation: str | None = None

    async def change(self, plan: Plan, commit_id: str | None = None) -> StreamChange:
        """Return a change for `land`, once the archive may be written to."""
        await self._archive.ready_to_write()
        terms = await self._terms()
        return self._streams.change(self.keys.session_id, plan, terms, stream=self.keys.stream, commit_id=commit_id)

    async def land(self, change: StreamChange) -> Landed[Head]:
        """Make a change in one commit."""
        landed = await self._streams.land(change)
        self._meet(landed.known.state)
        return landed

    async def head(self) -> Head | None:
        """Return the head as it is now; None if nothing was ever saved, or all was deleted."""
        terms = await self._terms()
        found = (await self._streams.look(self.keys)).state
        terms.check(self.keys.session_id, found)
        return self._meet(living(found))

    async def read(self, last: int | None = None) -> tuple[Head, list[RecordFields]] | None:
        """Return the head with its records, or the `last` of them; None if nothing was ever saved."""
        terms = await self._terms()
        try:
            head, lines = await self._streams.read(
                self.keys.session_id,
                terms,
                lambda head: 0 if last is None else max(0, head.count - last),
                stream=self.keys.stream,
            )
        except SessionNotFound:
            return None
        self._meet(head)
        return head, lines

    async def exists(self) -> bool:
        """Tell whether anything was ever saved, be it nothing."""
        return await self.head() is not None

    async def resolve(self, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown`, as `SessionStore.resolve` does for the transcript."""
        await self._archive.ready_to_write()
        return await self._streams.resolve(self.keys.session_id, commit_id, stream=self.keys.stream)

    async def _terms(self) -> Terms:
        if self._session.bound and self._incarnation is None:
            # This stream has not been met yet, so that only the session itself can tell that it has been deleted.
            await self._session.exists()
        return Terms(incarnation=self._incarnation)

    def _meet(self, head: Head | None) -> Head | None:
        if self._session.bound and self._incarnation is None and head is not None:
            self._incarnation = head.incarnation
        return head
