"""Proof that a session is gone: what is left of it, earlier versions included, and the end of those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import AccessDenied, CorruptObject, UnsupportedFormat
from ..keys import StreamKeys, pack_key, session_prefix, stored_key
from ..objects.base import NoSuchKey
from ..streams.head import unpack_head
from ..streams.terms import living
from .reports import ErasedVersions, Remains, Remnant

if TYPE_CHECKING:
    from ..objects.base import ObjectStore, ObjectVersion
    from ..runtime import Runtime
    from .packs.service import Packs


class Erasure:
    """Looks for what is left of sessions, and ends earlier versions. `packs` are those of the archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, packs: Packs) -> None:
        self._store = store
        self._runtime = runtime
        self._packs = packs

    async def remains(self, session_id: str) -> Remains:
        """List everything under a session's prefix, objects, uploads in parts and earlier versions, and its packs."""
        prefix = session_prefix(session_id)
        uploads = [Remnant(found.upload.key, "upload", 0) for found in await self._store.list_uploads(prefix)]
        versions = await self._store.list_versions(prefix)
        found = await self._runtime.gather([self._remnant(session_id, version) for version in versions])
        return Remains(session_id, (*found, *uploads, *await self._in_packs(session_id)))

    async def _in_packs(self, session_id: str) -> list[Remnant]:
        """Return the packs that hold records of a session, and the earlier versions of their files."""
        names = {record.name for record in await self._packs.records() if session_id in record.sessions}
        of_names = await self._runtime.gather([self._store.list_versions(pack_key(name)) for name in sorted(names)])
        versions = [version for of_one in of_names for version in of_one]
        return [
            Remnant(version.key, "pack", version.size) if _stands(version) else _earlier(version)
            for version in versions
        ]

    async def erase_versions(self, session_id: str) -> ErasedVersions:
        """Remove every version of a session's objects that is no current object, and say which could not be."""
        return await self.erase_earlier(session_prefix(session_id))

    async def erase_earlier(self, prefix: str) -> ErasedVersions:
        """Do so for all objects under a prefix."""
        versions = await self._store.list_versions(prefix)
        # A delete marker goes only after all that it hides: else the newest of that would be the object again.
        hidden = [version for version in versions if not version.is_current and not version.is_delete_marker]
        kept = await self._remove(hidden)
        uncovered = {remnant.key for remnant, _ in kept}
        markers = [version for version in versions if version.is_delete_marker and version.key not in uncovered]
        removed = len(hidden) + len(markers) - len(kept)
        kept_markers = await self._remove(markers)
        return ErasedVersions(removed - len(kept_markers), (*kept, *kept_markers))

    async def _remove(self, versions: list[ObjectVersion]) -> list[tuple[Remnant, str]]:
        async def remove(version: ObjectVersion) -> tuple[Remnant, str] | None:
            try:
                await self._store.delete_version(version.key, version.version)
            except AccessDenied as error:
                return _earlier(version), str(error)
            return None

        return [kept for kept in await self._runtime.gather([remove(version) for version in versions]) if kept]

    async def _remnant(self, session_id: str, version: ObjectVersion) -> Remnant:
        if not _stands(version):
            return _earlier(version)
        key = stored_key(version.key)
        if key.kind == "head" and await self._is_tombstone(StreamKeys.of(session_id, key.stream)):
            return Remnant(version.key, "tombstone", version.size)
        return Remnant(version.key, key.kind, version.size)

    async def _is_tombstone(self, keys: StreamKeys) -> bool:
        try:
            head = unpack_head(keys, (await self._store.get(keys.head)).body)
        except (NoSuchKey, CorruptObject, UnsupportedFormat):
            return False
        return living(head) is None


def _stands(version: ObjectVersion) -> bool:
    """Tell whether a version is the object as it is now."""
    return version.is_current and not version.is_delete_marker


def _earlier(version: ObjectVersion) -> Remnant:
    return Remnant(
        version.key, "delete marker" if version.is_delete_marker else "version", version.size, version.version
    )
