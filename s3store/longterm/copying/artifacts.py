"""The artifacts of a session on their way from an archive to another.

A body's key is used once, and a clean-up of the target may be about to delete any that it has listed and that nothing
names. So bodies are put anew, under fresh keys and by the rules of every other upload, and so are the records that name
them. A content that the target's set has already is not sent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ...errors import Conflict, CorruptObject, SessionNotFound
from ...objects.base import NoSuchKey
from ...siblings.artifact_plan import ArtifactPlan, Incoming, Said, replacing
from ...siblings.artifact_set import ArtifactSet
from ...siblings.content import Held
from ...siblings.model import ArtifactLimits
from ...siblings.upload import Uploader
from ...streams.terms import Terms
from .stream import StreamCopy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ...archive import Archive
    from ...changes import Change
    from ...siblings.artifact_set import Entry
    from ...siblings.model import ArtifactInfo
    from ...streams.change import Plan, Planned
    from ...streams.commit import Landed
    from ...streams.head import Head
    from .reports import Outcome


class ArtifactsCopy(StreamCopy):
    """The copy of a set of artifacts."""

    _artifacts = ArtifactSet()

    async def _read(self) -> Outcome:
        self.source, self._artifacts = await self._set_in(self._from)
        if self.target is None:
            return "new"
        try:
            self.target, there = await self._set_in(self._to)
        except SessionNotFound:
            raise Conflict(f"{self.keys.head}: was deleted in the target while it was compared") from None
        ours, theirs = list(self._artifacts.entries.values()), list(there.entries.values())
        same = sum(one.same_as(other) for one, other in zip(ours, theirs, strict=False))
        return self._outcome(is_prefix=same == len(theirs), is_same=same == len(theirs) == len(ours))

    async def _set_in(self, archive: Archive) -> tuple[Head, ArtifactSet]:
        head, lines = await archive.streams.read(self.keys.session_id, Terms(), stream=self.keys.stream)
        return head, ArtifactSet.of(self.keys.head, (line["message"] for line in lines))

    def _plan(self, more: list[Change]) -> Plan:
        to = self._to
        uploader = Uploader(to.store, to.runtime, self.keys)
        incoming = [self._incoming(entry, uploader) for entry in self._artifacts.entries.values()]
        edit = replacing(ArtifactLimits())
        return _With(more, ArtifactPlan(to.streams, to.store, to.runtime, self.keys, edit, incoming))

    def _incoming(self, entry: Entry, uploader: Uploader) -> Incoming:
        info = entry.info
        said = Said(info.name, info.media_type, info.tool, info.attributes)
        content = Held(entry.inline or b"") if info.body is None else _Body(self._from, self.keys.body(info.body), info)
        return Incoming(said, content, uploader, None, inline=info.body is None)


class _With:
    """A plan, and changes that are made in the same commit."""

    def __init__(self, more: list[Change], plan: ArtifactPlan) -> None:
        self._more = more
        self._inner = plan

    async def changes(self, head: Head | None) -> Planned:
        planned = await self._inner.changes(head)
        return planned._replace(changes=[*planned.changes, *self._more])

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        await self._inner.clean_up(landed)


class _Body:
    """The body of an artifact in the source, as content for the target: read when it is sent, piece by piece."""

    def __init__(self, source: Archive, key: str, info: ArtifactInfo) -> None:
        self.size: int | None = info.size
        self._store = source.store
        self._key = key
        self._info = info

    async def sha256(self) -> str | None:
        """See `Content.sha256`."""
        return self._info.sha256

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """See `Content.pieces`. Raises `CorruptObject` behind the last one if they are not the content."""
        digest = hashlib.sha256()
        for start in range(0, self._info.size, size):
            end = min(start + size, self._info.size)
            try:
                piece = (await self._store.get(self._key, byte_range=(start, end))).body
            except NoSuchKey:
                raise Conflict(f"{self._key}: was replaced in the source while it was copied") from None
            digest.update(piece)
            if end == self._info.size and digest.hexdigest() != self._info.sha256:
                raise CorruptObject(f"{self._key}: not the content that the artifact's record names")
            yield piece
