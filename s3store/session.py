"""What can be done with one session: the core of `SessionStore`'s methods and of the handles of both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .changes import Append, Clear, Extend, RemoveLast, Replace, ReplaceLast, Update
from .errors import InvalidOption, SessionNotFound
from .keys import ARTIFACTS, TRANSCRIPT, StreamKeys, encode_id
from .model import Transcript
from .siblings.artifacts import ArtifactsCore
from .siblings.bundle import BundleCore
from .siblings.events import EventsCore
from .siblings.inbox.core import InboxCore
from .streams.change import Workplace
from .streams.holding import Holding, Releasing
from .streams.terms import Terms, refuse_held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .archive import Archive
    from .changes import Change
    from .longterm.reports import ErasedVersions, Remains
    from .model import Committed, Hold, Record, SessionInfo
    from .siblings.bundle import Pieces
    from .siblings.model import ArtifactLimits, Bundle
    from .streams.head import Head


class SessionCore:
    """One session of an archive.

    A bound one belongs to the incarnation that it meets first, and raises `SessionDeleted` once that is gone; one that
    is not bound takes what it finds. Its commits seal a tail of `seal` bytes at the latest, if that is given.
    """

    def __init__(self, archive: Archive, session_id: str, *, bound: bool, seal: int | None = None) -> None:
        encode_id(session_id)  # a wrong id is refused before anything is sent
        self.id = session_id
        self.incarnation: str | None = None
        self._archive = archive
        self._streams = archive.streams
        self._seal = seal
        self.bound = bound

    async def commit(
        self,
        changes: Iterable[Change],
        *,
        must_exist: bool = False,
        must_be_new: bool = False,
        expected_version: int | None = None,
    ) -> Committed:
        """Make changes in one commit, on the given terms."""
        changes = list(changes)
        if not changes:
            raise InvalidOption("commit needs at least one change")
        terms = Terms(must_exist, must_be_new, _version(expected_version), self.incarnation)
        await self._archive.ready_to_write()
        committed = await self._streams.commit(self.id, changes, terms, seal=self._seal)
        self._meet(committed.info)
        return committed

    async def create(
        self, messages: Iterable[object], keys: Iterable[str | None] | None, metadata: dict[str, Any]
    ) -> SessionInfo:
        """See `SessionStore.create`."""
        changes: list[Change] = [Extend(messages, keys=keys), Update(**metadata)]
        return (await self.commit(changes, must_be_new=True)).info

    async def save(
        self,
        messages: Iterable[object],
        keys: Iterable[str | None] | None,
        expected_version: int | None,
        metadata: dict[str, Any],
    ) -> SessionInfo:
        """See `SessionStore.save`."""
        changes: list[Change] = [Replace(messages, keys=keys), Update(**metadata)]
        return (await self.commit(changes, expected_version=expected_version)).info

    async def append(
        self, message: object, key: str | None, *, must_exist: bool, expected_version: int | None
    ) -> SessionInfo:
        """See `SessionStore.append`."""
        changes = [Append(message, key=key)]
        return (await self.commit(changes, must_exist=must_exist, expected_version=expected_version)).info

    async def extend(
        self,
        messages: Iterable[object],
        keys: Iterable[str | None] | None,
        *,
        must_exist: bool,
        expected_version: int | None,
    ) -> SessionInfo:
        """See `SessionStore.extend`."""
        changes = [Extend(messages, keys=keys)]
        return (await self.commit(changes, must_exist=must_exist, expected_version=expected_version)).info

    async def replace_last(self, message: object) -> bool:
        """See `SessionStore.replace_last`."""
        return bool((await self.commit([ReplaceLast(message)], must_exist=True)).removed)

    async def remove_last(self) -> Record | None:
        """See `SessionStore.remove_last`."""
        removed = (await self.commit([RemoveLast()], must_exist=True)).removed
        return removed[0] if removed else None

    async def clear(self) -> int:
        """See `SessionStore.clear`."""
        return (await self.commit([Clear()], must_exist=True)).cleared

    async def update(self, expected_version: int | None, metadata: dict[str, Any]) -> SessionInfo:
        """See `SessionStore.update`."""
        changes = [Update(**metadata)]
        return (await self.commit(changes, must_exist=True, expected_version=expected_version)).info

    async def delete(self) -> bool:
        """See `SessionStore.delete`."""
        await self._archive.ready_to_write()
        await self._met()
        return await self._archive.removal.delete(self.id, self._terms())

    async def hold(self, reason: str, who: str | None) -> Hold:
        """See `SessionStore.hold`."""
        await self._archive.ready_to_write()
        await self._met()
        place = self._place()
        holding = Holding(place, self._terms(), reason, who)
        landed = await self._streams.swap(place.keys, holding)
        head = landed.base.state if landed.proposal is None else landed.proposal.state
        found = None if head is None else holding.found_in(head)
        if found is None:
            raise AssertionError("what landed has the hold")
        return found

    async def release(self, hold_id: str | None) -> int:
        """See `SessionStore.release`."""
        await self._archive.ready_to_write()
        await self._met()
        place = self._place()
        landed = await self._streams.swap(place.keys, Releasing(place, self._terms(), hold_id))
        if landed.proposal is None or landed.base.state is None:
            return 0
        return len(landed.base.state.holds) - len(landed.proposal.state.holds)

    def _place(self) -> Workplace:
        return Workplace(self._archive.store, self._archive.runtime, StreamKeys.of(self.id, TRANSCRIPT))

    async def remains(self) -> Remains:
        """See `SessionStore.remains`."""
        return await self._archive.erasure.remains(self.id)

    async def erase_versions(self) -> ErasedVersions:
        """See `SessionStore.erase_versions`."""
        await self._archive.ready_to_write()
        refuse_held(self.id, await self._archive.removal.head(StreamKeys.of(self.id, TRANSCRIPT)))
        return await self._archive.erasure.erase_versions(self.id)

    async def unpack(self) -> bool:
        """See `SessionStore.unpack`."""
        await self._archive.ready_to_write()
        await self._met()
        return await self._archive.packs.unpack(self.id, self._terms())

    async def resolve(self, commit_id: str) -> bool:
        """See `SessionStore.resolve`."""
        await self._archive.ready_to_write()
        return await self._streams.resolve(self.id, commit_id)

    def events(self, stream: str) -> EventsCore:
        """Return a stream of events beside the transcript. Nothing is sent."""
        return EventsCore(self._archive, self, stream)

    def artifacts(self, limits: ArtifactLimits) -> ArtifactsCore:
        """Return the artifacts of the session. Nothing is sent."""
        return ArtifactsCore(self._archive, self, ARTIFACTS, limits)

    def inbox(self) -> InboxCore:
        """Return the inbox of the session. Nothing is sent."""
        return InboxCore(self._archive, self)

    async def save_all(self, pieces: Pieces, metadata: dict[str, Any]) -> SessionInfo | None:
        """See `SessionStore.save_all`."""
        return await BundleCore(self._archive, self).save(pieces, metadata)

    async def load_all(self) -> Bundle:
        """See `SessionStore.load_all`."""
        return await BundleCore(self._archive, self).load()

    async def exists(self) -> bool:
        """See `SessionStore.exists`."""
        try:
            await self.info()
        except SessionNotFound:
            return False
        return True

    async def info(self) -> SessionInfo:
        """See `SessionStore.info`."""
        return self._meet(await self._streams.info(self.id, self._terms()))

    async def load(self) -> Transcript:
        """See `SessionStore.load`."""
        transcript = await self._streams.load(self.id, self._terms())
        self._meet(transcript.info)
        return transcript

    async def read(self) -> tuple[Head, Transcript] | None:
        """Return the head with the transcript; None if there is no session."""
        try:
            head, lines = await self._streams.read(self.id, self._terms())
        except SessionNotFound:
            return None
        return head, Transcript(self._meet(head.info(self.id)), tuple(lines))

    async def last(self, number: int) -> list[Record]:
        """See `SessionStore.last`."""
        if number < 0:
            raise InvalidOption(f"the number of records to read is 0 or more, not {number}")
        await self._met()
        return await self._streams.last(self.id, number, self._terms())

    def parts(self, start: int) -> AsyncIterator[list[Record]]:
        """See `SessionStore.records`; a part is a list of records."""
        if start < 0:
            raise InvalidOption(f"the first record to read is 0 or more, not {start}")
        return self._parts(start)

    async def _parts(self, start: int) -> AsyncIterator[list[Record]]:
        await self._met()
        async for part in self._streams.parts(self.id, self._terms(), start=start):
            yield part

    async def _met(self) -> None:
        """Have a bound one meet its session, if there is one: for calls whose results do not tell whom they met."""
        if self.bound and self.incarnation is None:
            await self.exists()

    def _terms(self) -> Terms:
        return Terms(incarnation=self.incarnation)

    def _meet(self, info: SessionInfo) -> SessionInfo:
        if self.bound and self.incarnation is None:
            self.incarnation = info.incarnation
        return info


def _version(expected: int | None) -> int | None:
    if expected is not None and (isinstance(expected, bool) or not isinstance(expected, int) or expected < 0):
        raise InvalidOption(f"expected_version is a session's version, or 0 for none, not {expected!r}")
    return expected
