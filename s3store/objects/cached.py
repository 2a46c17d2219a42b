"""An object store with a cache in front of it.

What it gives is what the store would give, unless the caller is content with less: with what was current some seconds
ago, or with whatever is there while nobody can be asked.

- What never changes (segments, pages, bodies of artifacts) is given from the cache without asking.
- What is replaced (heads, the manifest) is given from the cache once the store has said, by a 304, that it is still so;
  or without asking, as far as the `Freshness` allows.
- Writes go through, and what was written is kept; all else is passed on.

Whoever reads checks the bytes, as those of the store; what fails is read from the store anew (see `parsed`). Nothing in
a head tells an earlier state of it from the current one, so that what is replaced is held to its ETag too (`ETags`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import NotCached, S3StoreError, StoreUnavailable
from ..keys import INDEX_LOG, is_replaced, never_changes
from .base import NoSuchKey, NotModified, ObjectAnswer, StoredObject, check_get, identified
from .tiers import tiered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base import ListPage, ObjectStore, ObjectVersion, Part, StartedUpload, Upload
    from .shelf import Kept, Shelf
    from .tiers import Storage, Tier

LARGEST_KEPT = 64 * 1024 * 1024
"""The most bytes of one object that are kept."""

_CONFIRM_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old what a caller gets may be: for `max_age` seconds nobody is asked; `offline` nobody ever is."""

    max_age: float = 0.0
    offline: bool = False

    def takes(self, at: float, now: float) -> bool:
        """Tell whether what was current at a time need not be asked for. A time to come is none that can be trusted."""
        return self.offline or 0 <= now - at < self.max_age

    def wants_confirmed(self, at: float, now: float) -> bool:
        """Tell whether it is worth a write to note that something is still current."""
        return not 0 <= now - at < min(self.max_age or _CONFIRM_AFTER, _CONFIRM_AFTER)


class ETags:
    """Tells whether kept bytes belong to their ETag, as far as that can be told.

    S3's ETags are the MD5 of the content, but where KMS encrypts. What a store gives shows which kind it has; until
    then, what does not fit is not believed.
    """

    def __init__(self) -> None:
        self._are_hashes: bool | None = None

    def learn(self, body: bytes, etag: str) -> None:
        """See what the store says of bytes."""
        if self._are_hashes is not False:
            self._are_hashes = _is_hash(etag, body)

    def believe(self, kept: Kept) -> bool:
        """Tell whether kept bytes may be what their ETag names."""
        return self._are_hashes is False or _is_hash(kept.tag, kept.body)


@dataclass(frozen=True, slots=True)
class Local:
    """What of one archive is kept on this machine, and what its caller takes of that unasked."""

    shelf: Shelf
    freshness: Freshness
    now: Callable[[], float]
    """Gives seconds since 1970."""
    etags: ETags = field(default_factory=ETags)

    def before(self, store: ObjectStore, freshness: Freshness) -> CachedStore:
        """Return the shelf in front of a store, for those who want what they read that fresh."""
        return CachedStore(store, self.shelf, freshness, self.now, self.etags)


class CachedStore:
    """Puts a shelf of a cache in front of `store`, blocking or not. `now` gives seconds since 1970.

    With `etags` None, what is kept is not held to its ETag: for those who cannot ask in a case of doubt.
    """

    def __init__(
        self,
        store: ObjectStore,
        shelf: Shelf,
        freshness: Freshness,
        now: Callable[[], float],
        etags: ETags | None = None,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._freshness = freshness
        self._now = now
        self._etags = etags

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`. Raises `NotCached` where nobody may be asked."""
        check_get(key, byte_range)
        kept = await self._find(key, if_none_match) if self._may_have(key, if_none_match) else None
        if kept is None or not (never_changes(key) or self._freshness.takes(kept.at, self._now())):
            if byte_range is not None:
                return await self._pass_on(key, if_none_match, byte_range)
            return await self._ask(key, if_none_match, kept)
        if kept.tag == if_none_match:
            raise NotModified(key)
        return self._given(key, kept, byte_range)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`. What is there after a failure is not known, so that nothing stays kept."""
        self._must_not_be_offline(key)
        at = self._now()
        try:
            etag = await self._store.put(key, body, if_match=if_match, if_absent=if_absent)
        except (ObjectAnswer, S3StoreError):
            if _is_kept(key):
                await self._shelf.forget(key)
            raise
        if _is_kept(key) or key.startswith(INDEX_LOG):
            await self._keep(key, StoredObject(body, etag), at)
        if key.startswith(INDEX_LOG):
            self._shelf.outdate(INDEX_LOG, self._now())
        return etag

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        self._must_not_be_offline(key)
        if _is_kept(key) or key.startswith(INDEX_LOG):
            await self._shelf.forget(key)
        await self._store.delete(key, if_match=if_match)

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`. Listings are not kept here: raises `NotCached` where nobody may be asked."""
        self._must_ask(prefix)
        return await self._store.list_page(prefix, after=after, limit=limit)

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`. Raises `NotCached` where nobody may be asked, as do the other questions below."""
        self._must_ask(key)
        return await self._store.size(key)

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`. What goes up in parts is not kept."""
        self._must_not_be_offline(key)
        return await self._store.begin_upload(key, part_size=part_size)

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        self._must_not_be_offline(upload.key)
        return await self._store.put_part(upload, number, body)

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        self._must_ask(upload.key)
        return await self._store.parts(upload)

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        self._must_not_be_offline(upload.key)
        return await self._store.finish_upload(upload, parts)

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        self._must_not_be_offline(upload.key)
        await self._store.abort_upload(upload)

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        self._must_ask(prefix)
        return await self._store.list_uploads(prefix)

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`, which asks nobody."""
        return await self._store.presign(key, seconds=seconds, filename=filename, media_type=media_type)

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`."""
        self._must_ask(prefix)
        return await self._store.list_versions(prefix)

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`."""
        self._must_not_be_offline(key)
        if _is_kept(key):
            await self._shelf.forget(key)
        await self._store.delete_version(key, version)

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        self._must_ask(key)
        return await tiered(self._store).storage(key)

    async def set_class(self, key: str, storage_class: str) -> None:
        """See `Tiered.set_class`."""
        self._must_not_be_offline(key)
        await tiered(self._store).set_class(key, storage_class)

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """See `Tiered.restore`."""
        self._must_not_be_offline(key)
        await tiered(self._store).restore(key, days=days, tier=tier)

    async def identity(self) -> str:
        """See `Identified.identity`: that of the store inside."""
        return await identified(self._store).identity()

    async def close(self) -> None:
        """Close the store inside, and the shelf."""
        await self._shelf.close()
        await self._store.close()

    def _may_have(self, key: str, if_none_match: str | None) -> bool:
        """Tell whether the shelf is worth a look: not for what the caller has, and is asked for anyway."""
        asks_anyway = self._freshness == ASKED and not never_changes(key)
        return _is_kept(key) and not (asks_anyway and if_none_match is not None)

    async def _find(self, key: str, if_none_match: str | None) -> Kept | None:
        kept = await self._shelf.get(key)
        if kept is None or self._etags is None or never_changes(key) or kept.tag == if_none_match:
            return kept  # With the caller's own ETag, its bytes are not given to anybody.
        return kept if self._etags.believe(kept) else None

    async def _ask(self, key: str, if_none_match: str | None, kept: Kept | None) -> StoredObject:
        known = if_none_match if kept is None else kept.tag
        at = self._now()
        try:
            found = await self._pass_on(key, known, None)
        except NotModified:
            if kept is None:
                raise
            if self._freshness.wants_confirmed(kept.at, at):
                await self._shelf.confirm(key, kept.tag, at)
            if kept.tag == if_none_match:
                raise
            return self._given(key, kept, None)
        except NoSuchKey:
            if kept is not None:
                await self._shelf.forget(key)
            raise
        if _is_kept(key):
            await self._keep(key, found, at)
            if self._etags is not None and is_replaced(key):
                self._etags.learn(found.body, found.etag)
        return found

    async def _pass_on(self, key: str, if_none_match: str | None, byte_range: tuple[int, int] | None) -> StoredObject:
        if self._freshness.offline:
            raise NotCached(f"{key}: not in the cache of this machine, and the archive was opened offline")
        return await self._store.get(key, if_none_match=if_none_match, byte_range=byte_range)

    async def _anew(self, key: str, byte_range: tuple[int, int] | None) -> StoredObject:
        await self._shelf.forget(key)
        return await (self._ask(key, None, None) if byte_range is None else self._pass_on(key, None, byte_range))

    async def _keep(self, key: str, found: StoredObject, at: float) -> None:
        if len(found.body) <= LARGEST_KEPT:
            await self._shelf.put(key, found.etag, found.body, at)
        else:
            await self._shelf.forget(key)

    def _given(self, key: str, kept: Kept, byte_range: tuple[int, int] | None) -> StoredObject:
        body = kept.body if byte_range is None else kept.body[slice(*byte_range)]
        return StoredObject(body, kept.tag, partial(self._anew, key, byte_range))

    def _must_ask(self, name: str) -> None:
        if self._freshness.offline:
            raise NotCached(f"{name}: the store would have to be asked, and the archive was opened offline")

    def _must_not_be_offline(self, key: str) -> None:
        if self._freshness.offline:
            raise StoreUnavailable(
                f"{key}: nothing can be written, since the archive was opened offline", may_have_landed=False
            )


ASKED = Freshness()
"""Everything that may have changed is asked for."""
_UNASKED = Freshness(offline=True)


class Readings(NamedTuple):
    """One store, as it is read by those who need the truth, by the caller, and by those who only guess."""

    store: ObjectStore
    """For commits and upkeep: asks each time, as far as anybody may be asked."""
    reader: ObjectStore
    """For loads and listings: as fresh as the caller wants it."""
    kept: ObjectStore | None
    """For guesses: asks nobody. None without a cache."""

    @classmethod
    def of(cls, store: ObjectStore, local: Local | None) -> Readings:
        """Return a store with what is kept of it, if anything is, in front."""
        if local is None:
            return cls(store, store, None)
        if local.freshness.offline:
            offline = CachedStore(store, local.shelf, _UNASKED, local.now)
            return cls(offline, offline, offline)
        kept = local.before(store, _UNASKED)
        asking = local.before(store, ASKED)
        reader = local.before(store, local.freshness) if local.freshness.max_age else asking
        return cls(asking, reader, kept)


def _is_hash(etag: str, body: bytes) -> bool:
    # Not for secrecy: it is what the store calls the bytes by.
    return etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()


def _is_kept(key: str) -> bool:
    return never_changes(key) or is_replaced(key)
