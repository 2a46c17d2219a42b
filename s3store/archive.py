"""An archive: an object store, what it can do, and the sessions in it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

import orjson

from . import keys
from .errors import CorruptObject, StoreNotCapable, StoreUnavailable, UnsupportedFormat
from .index.policy import IndexPolicy
from .index.service import IndexCore
from .index.sizes import IndexSizes
from .objects.base import NoSuchKey, PreconditionFailed, WriteRaced
from .streams.draft import Sizes
from .streams.head import unpack_transcript_head
from .streams.stream import Streams
from .streams.terms import living
from .times import format_time
from .version import WRITER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .jsontext import JsonValue
    from .locations import Opened
    from .model import SessionInfo
    from .objects.base import ListedObject, ObjectStore
    from .objects.capability import Capability
    from .runtime import Runtime, Work
    from .streams.commit import CommitPolicy

ARCHIVE_FORMAT = "s3store.archive/1"
"""What `archive.json` says of itself."""


class ArchiveRecord(NamedTuple):
    """What `archive.json` says: the archive's id, and the check that its store has passed."""

    id: str
    capability: dict[str, JsonValue]


class Archive:
    """The core of both faces. It awaits nothing but the store and the runtime that it is given.

    With `index` None the index is told nothing: for those who look at the streams alone.
    """

    def __init__(
        self,
        opened: Opened,
        runtime: Runtime,
        policy: CommitPolicy,
        index: IndexPolicy | None = IndexPolicy(),  # noqa: B008 - it is immutable
        sizes: Sizes = Sizes(),  # noqa: B008 - it is immutable
        index_sizes: IndexSizes = IndexSizes(),  # noqa: B008 - it is immutable
    ) -> None:
        self.store: ObjectStore = opened.store
        self.runtime = runtime
        self.index = IndexCore(opened.store, runtime, policy, index or IndexPolicy(), index_sizes)
        listener = None if index is None else self.index.publisher
        self.streams = Streams(opened.store, runtime, policy, sizes, listener)
        self._built_in = opened.built_in
        self._record: ArchiveRecord | None = None
        self._opening = runtime.lock()
        # Done from the last to the first: what still works in the background ends before what it works on.
        self._closing = AsyncExitStack()
        for end in (opened.store.close, runtime.close, self.index.publisher.flush):
            self._closing.push_async_callback(end)

    async def ready_to_write(self) -> ArchiveRecord:
        """Make sure, once, that this store may be written to: by its record, or by checking it and recording that.

        Raises `StoreNotCapable` if the store does not keep its promises, `UnsupportedFormat` if the archive was
        made by a later version.
        """
        if self._record is None:
            async with self._opening:
                if self._record is None:
                    self._record = await self._read_record() or await self._create_record()
        return self._record

    async def check(self) -> Capability:
        """Try and race the store's conditional writes, and say what was found; nothing is recorded."""
        from .objects.capability import check_capability

        return await check_capability(self.store, self.runtime)

    async def scan(self) -> AsyncIterator[SessionInfo]:
        """Read the head of every session, in the order of the keys: the truth, at one request a session."""
        after: str | None = None
        while True:
            page = await self.store.list_page(keys.SESSIONS, after=after)
            heads = [listed for listed in page.objects if keys.is_transcript_head(listed.key)]
            for info in await self.runtime.gather([self._info_at(listed) for listed in heads]):
                if info is not None:
                    yield info
            if page.next_after is None:
                return
            after = page.next_after

    def before_closing(self, work: Work) -> None:
        """Run `work` when the archive is closed, while it can still be used; what it raises, `close` raises."""
        self._closing.push_async_callback(work)

    async def close(self) -> None:
        """Write and publish what waits for it, and give back connections and threads."""
        await self._closing.aclose()

    async def _info_at(self, listed: ListedObject) -> SessionInfo | None:
        try:
            stored = await self.store.get(listed.key)
        except NoSuchKey:
            return None
        session_id, head = unpack_transcript_head(listed.key, stored.body)
        return None if living(head) is None else head.info(session_id)

    async def _read_record(self) -> ArchiveRecord | None:
        try:
            stored = await self.store.get(keys.ARCHIVE)
        except NoSuchKey:
            return None
        try:
            found = orjson.loads(stored.body)
            known, record = found["format"], ArchiveRecord(found["id"], found["capability"])
        except (ValueError, TypeError, LookupError):
            raise CorruptObject(f"{keys.ARCHIVE}: not the record of an archive") from None
        if known != ARCHIVE_FORMAT:
            raise UnsupportedFormat(f"{keys.ARCHIVE}: of format {known!r}; a newer s3store may open it")
        if record.capability.get("shared_writing") is not True:
            raise StoreNotCapable(f"{keys.ARCHIVE}: says that this store is not fit for shared writing")
        return record

    async def _create_record(self) -> ArchiveRecord:
        record = ArchiveRecord(self.runtime.ulid(), await self._find_out())
        body = {
            "format": ARCHIVE_FORMAT,
            "id": record.id,
            "created_at": format_time(self.runtime.now()),
            "writer": WRITER,
            "capability": record.capability,
        }
        try:
            await self.store.put(keys.ARCHIVE, orjson.dumps(body, option=orjson.OPT_INDENT_2), if_absent=True)
        except (PreconditionFailed, WriteRaced, StoreUnavailable) as answer:
            # Somebody else made it at the same moment, or it was us and the answer was lost: what stands counts.
            found = await self._read_record()
            if found is None:
                raise StoreUnavailable(f"{keys.ARCHIVE}: could not be made now", may_have_landed=False) from answer
            return found
        return record

    async def _find_out(self) -> dict[str, JsonValue]:
        if self._built_in:
            return {"shared_writing": True, "built_in": True}
        capability = await self.check()
        capability.require_shared_writing()
        found: dict[str, JsonValue] = capability.to_json()
        return found
