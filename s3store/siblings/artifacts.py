"""The artifacts of a session: put, read, listed, removed; alone or as a set."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import ArtifactNotFound, Conflict, CorruptObject, InvalidOption
from ..objects.base import NoSuchKey
from .artifact_plan import ArtifactPlan, Incoming, Said, putting, removing, replacing
from .artifact_set import ArtifactSet, Entry, check_description, check_name
from .content import content_of, media_type_of
from .download import PartFile, body_pieces, body_to_file, read_body
from .model import Artifact, ArtifactInfo, ArtifactLimits, NewArtifact
from .sibling import SiblingCore
from .upload import PART, Uploader

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from ..archive import Archive
    from ..session import SessionCore
    from ..streams.head import Head
    from .artifact_plan import Edit
    from .model import Progress

T = TypeVar("T")
R = TypeVar("R")

_RESTARTS = 8


class _Found(NamedTuple):
    head: Head
    artifacts: ArtifactSet


class ArtifactsCore(SiblingCore):
    """The artifacts of one session, with the limits that hold when something is put."""

    def __init__(self, archive: Archive, session: SessionCore, stream: str, limits: ArtifactLimits) -> None:
        super().__init__(archive, session, stream)
        self._store = archive.store
        self._runtime = archive.runtime
        self._limits = limits
        self._uploader = Uploader(archive.store, archive.runtime, self.keys)

    async def put(self, new: NewArtifact, progress: Progress | None) -> ArtifactInfo:
        """See `Artifacts.put`."""
        plan = self._plan(putting(self._limits), [await self._incoming(new, progress)])
        await self._commit(plan)
        return plan.entries[0].info

    async def put_as(self, new: NewArtifact, name_of: Callable[[Iterable[str]], str]) -> ArtifactInfo:
        """Keep an artifact under a name that depends on those there are.

        `name_of` is given them, anew for each set that the commit is tried on, so that two writers never take one name.
        """
        named: list[ArtifactInfo] = []

        def edit(before: ArtifactSet, entries: Sequence[Entry]) -> ArtifactSet:
            after = [entry.named(name_of(before.entries)) for entry in entries]
            named[:] = [entry.info for entry in after]
            return putting(self._limits)(before, after)

        await self._commit(self._plan(edit, [await self._incoming(new, None)]))
        return named[0]

    async def save(self, artifacts: Iterable[NewArtifact | Artifact]) -> list[ArtifactInfo]:
        """See `Artifacts.save`."""
        plan = await self.saving(artifacts)
        await self._commit(plan)
        return [entry.info for entry in plan.entries]

    async def saving(self, artifacts: Iterable[NewArtifact | Artifact]) -> ArtifactPlan:
        """Return the plan that makes these the whole set."""
        given = [await self._incoming(each, None) for each in artifacts]
        return self._plan(replacing(self._limits), given)

    async def infos(self) -> list[ArtifactInfo]:
        """See `Artifacts.list`."""
        found = await self._find()
        return [] if found is None else [entry.info for entry in found.artifacts.entries.values()]

    async def load(self) -> list[Artifact] | None:
        """See `Artifacts.load`."""
        found = await self.read_all()
        return None if found is None else found[1]

    async def read_all(self) -> tuple[Head, list[Artifact]] | None:
        """Return the head, and all artifacts with their contents; None if nothing was ever saved."""

        async def contents(found: _Found | None) -> tuple[Head, list[Artifact]] | None:
            if found is None:
                return None
            entries = found.artifacts.entries.values()
            return found.head, await self._runtime.gather([self._content(entry) for entry in entries])

        return await self._unless_replaced(self._find, contents)

    async def get(self, name: str) -> Artifact:
        """See `Artifacts.get`."""
        return await self._unless_replaced(lambda: self._entry(name), self._content)

    async def pick(self, choose: Callable[[Iterable[str]], str | None]) -> Artifact | None:
        """Return the artifact whose name is chosen from those there are; None where none is."""

        async def look() -> Entry | None:
            found = await self._find()
            name = None if found is None else choose(found.artifacts.entries)
            return None if found is None or name is None else found.artifacts.entries[name]

        async def read(entry: Entry | None) -> Artifact | None:
            return None if entry is None else await self._content(entry)

        return await self._unless_replaced(look, read)

    async def read_range(self, name: str, start: int, stop: int | None) -> bytes:
        """See `Artifacts.read`."""
        if start < 0 or (stop is not None and stop < start):
            raise InvalidOption(f"a range of bytes is 0 <= start <= stop, not {start} to {stop}")

        async def read(entry: Entry) -> bytes:
            end = entry.info.size if stop is None else min(stop, entry.info.size)
            if entry.info.body is None:
                return bytes(entry.inline or b"")[start:end]
            if start >= end:
                return b""
            return (await self._store.get(self.keys.body(entry.info.body), byte_range=(start, end))).body

        return await self._unless_replaced(lambda: self._entry(name), read)

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        """See `Artifacts.stream`."""
        entry = await self._entry(name)
        info = entry.info
        if info.body is None:
            yield entry.inline or b""
            return
        pieces = body_pieces(self._store, self._runtime, self.keys.body(info.body), info.size, info.sha256)
        try:
            async for piece in pieces:
                yield piece
        except NoSuchKey as gone:
            if (await self._entry(name)).info.body == info.body:
                raise CorruptObject(f"{self.keys.head}: names {gone.key}, which is missing") from None
            raise self._replaced() from None

    async def get_to(self, name: str, path: str | os.PathLike[str], progress: Progress | None) -> ArtifactInfo:
        """See `Artifacts.get_to`."""
        target = Path(path)

        async def fetch(entry: Entry) -> ArtifactInfo:
            part = PartFile(target.parent, entry.info.sha256)
            try:
                await self._into(part, entry, progress)
                await self._runtime.offload(lambda: part.become(target))
            finally:
                part.close()
            return entry.info

        return await self._unless_replaced(lambda: self._entry(name), fetch)

    async def remove(self, name: str) -> bool:
        """See `Artifacts.remove`."""
        found = await self._find()
        if found is None or name not in found.artifacts.entries:
            return False
        await self._commit(self._plan(removing([name])))
        return True

    async def remove_those(self, chosen: Callable[[str], bool]) -> None:
        """Remove all artifacts whose names are chosen, in one commit, also those that were put meanwhile."""

        def edit(before: ArtifactSet, entries: Sequence[Entry]) -> ArtifactSet:
            return removing([name for name in before.entries if chosen(name)])(before, entries)

        if any(chosen(info.name) for info in await self.infos()):
            await self._commit(self._plan(edit))

    async def url(self, name: str, seconds: int, filename: str | None) -> str:
        """See `Artifacts.url`."""
        info = (await self._entry(name)).info
        if info.body is None:
            raise InvalidOption(
                f"artifact {name!r}: its content stands in its record and has no URL; put it with inline=False"
            )
        return await self._store.presign(
            self.keys.body(info.body), seconds=seconds, filename=filename, media_type=info.media_type
        )

    async def _incoming(self, given: NewArtifact | Artifact, progress: Progress | None) -> Incoming:
        new = given.as_new() if isinstance(given, Artifact) else given
        check_name(new.name)
        check_description(new.media_type, new.tool, new.attributes)
        said = Said(
            new.name, new.media_type or media_type_of(new.data), new.tool, MappingProxyType(dict(new.attributes))
        )
        content = await content_of(new.data, self._runtime, PART)
        return Incoming(said, content, self._uploader, progress, inline=new.inline)

    def _plan(self, edit: Edit, incoming: Iterable[Incoming] = ()) -> ArtifactPlan:
        return ArtifactPlan(self._streams, self._store, self._runtime, self.keys, edit, list(incoming))

    async def _commit(self, plan: ArtifactPlan) -> None:
        change = await self.change(plan)
        # What is large goes up before this process's other writers of the set have to wait for it.
        await self._streams.foresee(change)
        await self.land(change)

    async def _find(self) -> _Found | None:
        found = await self.read()
        if found is None:
            return None
        return _Found(found[0], ArtifactSet.of(self.keys.head, (line["message"] for line in found[1])))

    async def _entry(self, name: str) -> Entry:
        found = await self._find()
        if found is None or name not in found.artifacts.entries:
            raise ArtifactNotFound(f"session {self.keys.session_id!r}: has no artifact {name!r}")
        return found.artifacts.entries[name]

    async def _content(self, entry: Entry) -> Artifact:
        info = entry.info
        if info.body is None:
            return Artifact(info, entry.inline or b"")
        key = self.keys.body(info.body)
        return Artifact(info, await read_body(self._store, self._runtime, key, info.size, info.sha256))

    async def _into(self, part: PartFile, entry: Entry, progress: Progress | None) -> None:
        if entry.info.body is None:
            part.begin(0)
            part.write(entry.inline or b"")
            return
        key = self.keys.body(entry.info.body)
        await body_to_file(self._store, self._runtime, key, entry.info, part, progress)

    async def _unless_replaced(self, look: Callable[[], Awaitable[T]], read: Callable[[T], Awaitable[R]]) -> R:
        """Look where something is kept and read it; again if it was replaced or moved meanwhile."""
        missed: T | None = None
        for _ in range(_RESTARTS):
            found = await look()
            try:
                return await read(found)
            except NoSuchKey as gone:
                if missed == found:
                    raise CorruptObject(f"{self.keys.head}: names {gone.key}, which is missing") from None
                missed = found
        raise self._replaced()

    def _replaced(self) -> Conflict:
        return Conflict(f"session {self.keys.session_id!r}: its artifacts were replaced while they were read")
