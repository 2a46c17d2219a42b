"""An archive: an object store, what it can do, and the sessions in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import orjson

from . import keys
from .errors import CorruptObject, InvalidOption, StoreNotCapable, StoreUnavailable, UnsupportedFormat
from .index.policy import IndexPolicy
from .index.service import IndexCore
from .index.sizes import IndexSizes
from .locations import Opened
from .objects.base import NoSuchKey, PreconditionFailed, WriteRaced, identified, parsed
from .objects.cached import Freshness, Readings
from .objects.tiers import check_class
from .siblings.inbox.bells import Bells
from .streams.draft import Sizes
from .streams.head import unpack_transcript_head
from .streams.removal import Removal
from .streams.stream import Streams
from .streams.terms import living
from .times import format_time
from .version import WRITER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable
    from pathlib import Path

    from .jsontext import JsonValue
    from .longterm.copying.reports import Copied, CopiedSession
    from .longterm.erasing import Erasing
    from .longterm.erasure import Erasure
    from .longterm.exports.export import Exported
    from .longterm.maintenance import Maintained
    from .longterm.order import Order
    from .longterm.packs.prices import RestorePrices
    from .longterm.packs.reports import Packed, Unpacked
    from .longterm.packs.restore import Restoring
    from .longterm.packs.service import Packs
    from .longterm.receipts import Receipt
    from .longterm.reports import CleanedUp, CleanUpProgress
    from .longterm.retention import Retention
    from .model import Filters, SessionInfo, SessionSummary
    from .objects.base import ListedObject, ObjectStore
    from .objects.cached import Local
    from .objects.capability import Capability
    from .objects.tiers import Tier
    from .runtime import Runtime, Work
    from .search.service import SearchCore
    from .streams.commit import CommitPolicy
    from .warming import Warmed

ARCHIVE_FORMAT = "s3store.archive/1"
"""What `archive.json` says of itself."""
_LONGEST_AGE = 100 * 366 * 86_400

_RECORD_HOLDS = Freshness(max_age=24 * 60 * 60)
"""For how long a machine that wrote to an archive need not look again whether that is the same archive still."""


class ArchiveRecord(NamedTuple):
    """What `archive.json` says: the archive's id, and the check that its store has passed."""

    id: str
    capability: dict[str, JsonValue]


class Archive:
    """The core of both faces. It awaits nothing but the store and the runtime that it is given.

    With `index` None the index is told nothing: for those who look at the streams alone. `local` is what this machine
    keeps of the archive, and `search_folder` says where it keeps what is searched; None stands for its
    memory.
    """

    def __init__(
        self,
        opened: Opened,
        runtime: Runtime,
        policy: CommitPolicy,
        index: IndexPolicy | None = IndexPolicy(),  # noqa: B008 - it is immutable
        sizes: Sizes = Sizes(),  # noqa: B008 - it is immutable
        index_sizes: IndexSizes = IndexSizes(),  # noqa: B008 - it is immutable
        local: Local | None = None,
        search_folder: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self.store, reader, kept = Readings.of(opened.store, local)
        self.runtime = runtime
        self.local = local
        keeping = index or IndexPolicy()
        if self._is_offline:
            keeping = replace(keeping, compact_after=None)
        self.index = IndexCore(
            self.store, runtime, policy, keeping, index_sizes, reader=reader, local=local, bare=opened.store
        )
        listener = None if index is None else self.index.publisher
        self.bells = Bells(self.store, runtime)
        self.streams = Streams(self.store, runtime, policy, sizes, listener, reader=reader, kept=kept)
        self._policy = policy
        self._bare = opened.store
        self._reader = reader
        self._search_folder = search_folder
        self.removal = Removal(self.store, runtime, self.streams, _bodies_named)
        self._built_in = opened.built_in
        self._patience, self._sizes, self._index_sizes = policy, sizes, index_sizes
        self._record: ArchiveRecord | None = None
        self._opening = runtime.lock()
        # Done from the last to the first: what still works in the background ends before what it works on.
        self._closing = AsyncExitStack()
        for end in (self.store.close, runtime.close, self.index.publisher.flush):
            self._closing.push_async_callback(end)

    async def ready_to_write(self) -> ArchiveRecord:
        """Make sure, once, that this store may be written to: by its record, or by checking it and recording that.

        Raises `StoreNotCapable` if the store does not keep its promises, `UnsupportedFormat` if the archive was
        made by a later version, `StoreUnavailable` if nobody may be asked.
        """
        self._must_not_be_offline()
        if self._record is None:
            async with self._opening:
                if self._record is None:
                    self._record = await self._read_record() or await self._create_record()
        return self._record

    async def check(self) -> Capability:
        """Try and race the store's conditional writes, and say what was found; nothing is recorded."""
        from .objects.capability import check_capability

        self._must_not_be_offline()
        return await check_capability(self._bare, self.runtime)

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

    async def held(self, *, scan: bool) -> AsyncIterator[SessionInfo]:
        """Yield the sessions that are held, by the index and then by their heads; with `scan` by all heads."""
        async for info in self.scan() if scan else self._indexed_as_held():
            if info.holds:
                yield info

    async def _indexed_as_held(self) -> AsyncIterator[SessionInfo]:
        async for summary in self.index.listings.sessions({}):
            if summary.held:
                head = living(await self.removal.head(keys.StreamKeys.of(summary.id, keys.TRANSCRIPT)))
                if head is not None:
                    yield head.info(summary.id)

    @property
    def _is_offline(self) -> bool:
        return self.local is not None and self.local.freshness.offline

    def _must_not_be_offline(self) -> None:
        if self._is_offline:
            raise StoreUnavailable("the archive was opened offline: it can only be read", may_have_landed=False)

    async def warm(self, filters: Filters, limit: int | None, progress: Callable[[Warmed], None] | None) -> Warmed:
        """See `SessionStore.warm`."""
        from .warming import warm

        if self.local is None:
            raise InvalidOption("cache: there is none to bring sessions to; this archive was opened without")
        return await warm(self.streams, self.runtime, self.index.listings.sessions(filters, limit=limit), progress)

    async def id(self) -> str | None:
        """Return the archive's id; None where nothing was ever written to it."""
        record, _ = await self._stored_record(self._reader)
        return None if record is None else record.id

    async def export(
        self,
        folder: Path,
        form: str,
        partitions: str,
        progress: Callable[[Exported], None] | None,
        filters: Filters,
    ) -> Exported:
        """See `SessionStore.export`."""
        from .longterm.exports.export import Export
        from .longterm.exports.layout import Layout, partitions_of

        return await Export(self, Layout(folder), form).run(filters, partitions_of(partitions), progress)

    async def copy_to(
        self, target: Archive, progress: Callable[[CopiedSession], None] | None, filters: Filters, *, replace: bool
    ) -> Copied:
        """See `SessionStore.copy_to`."""
        from .longterm.copying.copy import Copy

        return await Copy(self, target, replace=replace).run(filters, progress)

    @cached_property
    def search(self) -> SearchCore:
        """Finds sessions by the words in their messages."""
        from .search.service import SearchCore

        contents, own = self.index.contents, self.index.publisher.own
        search = SearchCore(contents, self.streams, self.runtime, own, self._search_place)
        self.before_closing(search.close)
        return search

    async def _search_place(self) -> Path | None:
        """Return the file that is searched: another one for other rights, or another archive in the same place."""
        record, _ = await self._stored_record(self._reader)
        folder = self._search_folder()
        if folder is None or record is None:
            return None
        whose = f"{record.id} {await identified(self._bare).identity()}"
        return folder / f"{hashlib.sha256(whose.encode()).hexdigest()[:32]}.sqlite"

    async def clean_up(
        self, older_than: float, progress: Callable[[CleanUpProgress], None] | None, *, dry_run: bool
    ) -> CleanedUp:
        """See `SessionStore.cleanup`."""
        from .longterm.cleanup import CleanUp, OfAll

        if not 0 <= older_than <= _LONGEST_AGE:
            raise InvalidOption(f"older_than is a number of seconds, from 0 to a hundred years, not {older_than!r}")
        if not dry_run:
            await self.ready_to_write()
        of_all = OfAll(self.packs, self.erasing())
        clean_up = CleanUp(self.store, self.runtime, self.removal, keys.spreads(), of_all)
        return await clean_up.run(older_than=older_than, dry_run=dry_run, progress=progress)

    @cached_property
    def retention(self) -> Retention:
        """The rules of retention."""
        from .longterm.retention import Retention

        return Retention(self.store, self.runtime, self._patience, self.removal, self.index.listings)

    async def set_rules(self, rules: str | None, agent: str | None, labels: Iterable[str], who: str | None) -> bool:
        """See `Retention.set` of the faces; with None, `remove`."""
        from .longterm.packs.move import try_class
        from .longterm.policies import Scope
        from .longterm.rules import parse_rules
        from .longterm.tiering import classes_of_packs

        scope, parsed_rules = Scope.of(agent, labels), None if rules is None else parse_rules(rules)
        classes = classes_of_packs(parsed_rules or ())
        await self.ready_to_write()
        for storage_class in classes:
            await try_class(self.store, self.runtime, storage_class)
        return await self.retention.set(scope, parsed_rules, who)

    async def foresee_retention(self) -> Counter[str]:
        """See `Retention.plan` of the faces."""
        from .longterm.clock import stores_time
        from .longterm.deepening import Deepening
        from .longterm.tiering import Tiering

        await self.ready_to_write()
        now = await stores_time(self.store, self.runtime)
        pending = sum(len(plan.sessions) for plan in await self.retention.plans.all())
        ruling = await self.retention.ruling(now)
        counts, _ = await self.retention.plan(ruling, "", lambda: False, dry_run=True)
        to_pack = await Tiering(self.index.listings, self.packs).foresee(ruling)
        to_move = await Deepening(self.runtime, self.packs).foresee(ruling)
        return counts + Counter({"pending": pending, "to pack": to_pack, "packs to move": to_move})

    async def maintain(self, order: Order) -> Maintained:
        """See `SessionStore.maintain`."""
        from .longterm.maintenance import Maintenance, Means
        from .objects.counting import CountingStore

        await self.ready_to_write()
        # By itself, with no cache and nothing in the background: so what it counts is what this pass has asked for.
        counting = CountingStore(self._bare)
        own = Archive(
            Opened(counting, self._built_in),
            self.runtime,
            self._patience,
            IndexPolicy(compact_after=None),
            self._sizes,
            self._index_sizes,
        )
        means = Means(counting, self.runtime, own.index, own.removal, own.retention, own.packs, own.erasing())
        return await Maintenance(means, order).run()

    async def erase(self, filters: Filters, *, dry_run: bool) -> Receipt:
        """See `SessionStore.erase`."""
        record = await self.ready_to_write()
        return await self.erasing().run(record.id, filters, dry_run=dry_run)

    def erasing(self) -> Erasing:
        """Return what erases sessions, or finishes that."""
        from .longterm.erasing import Erasing
        from .longterm.forgetting import Forgetting

        forgetting = Forgetting(
            self.store, self.runtime, self.index, self.removal, self.erasure, self.packs, self._forget_local
        )
        return Erasing(self.store, self.runtime, self.index, self.removal, forgetting)

    async def _forget_local(self) -> None:
        """Drop all that this machine keeps of the archive."""
        await self.search.forget()
        if self.local is not None:
            await self.local.shelf.clear()

    @cached_property
    def packs(self) -> Packs:
        """Idle sessions, many in one file."""
        from .longterm.packs.service import Packs

        return Packs(self.store, self.runtime, self._policy, self.streams)

    async def pack(
        self,
        idle: float,
        target_size: int | None,
        storage_class: str,
        partitions: str,
        progress: Callable[[Packed], None] | None,
        filters: Filters,
        *,
        dry_run: bool,
    ) -> Packed:
        """See `SessionStore.pack`."""
        from .longterm.exports.layout import partitions_of
        from .longterm.packs.service import TARGET_SIZE

        if filters.get("place") is not None:
            raise InvalidOption("pack: only sessions that are hot are packed, so there is no filter place here")
        check_class(storage_class)
        parts = frozenset(partitions_of(partitions))
        wanted = await self._idle({**filters, "place": "hot"}, idle, dry_run=dry_run)
        found = _in_partitions(self.index.listings.sessions(wanted, "oldest"), parts)
        if dry_run:
            return await self.packs.estimate(found)
        return await self.packs.pack(
            _ids(found),
            target_size=TARGET_SIZE if target_size is None else target_size,
            storage_class=storage_class,
            progress=progress,
        )

    async def unpack(self, idle: float | None, filters: Filters, *, dry_run: bool) -> Unpacked:
        """See `SessionStore.unpack_all`."""
        from .longterm.packs.unpack import Unpack

        if idle is None and not any(value is not None and value != () for value in filters.values()):
            raise InvalidOption("unpack_all takes at least one filter: without, it would be the whole archive")
        if filters.get("place") is not None:
            raise InvalidOption("unpack_all: only sessions in packs are unpacked, so there is no filter place here")
        # Only with an age the clock is asked: a session may have changed by a clock that is ahead of the store's.
        wanted: Filters = {**filters, "place": "cold"}
        if idle is not None:
            wanted = await self._idle(wanted, idle, dry_run=dry_run)
        elif not dry_run:
            await self.ready_to_write()
        return await Unpack(self.runtime, self.packs).run(self.index.listings.sessions(wanted), dry_run=dry_run)

    async def _idle(self, filters: Filters, seconds: float, *, dry_run: bool) -> Filters:
        """Return filters that also leave out what has changed since so many seconds ago, by the store's clock.

        Makes sure that this archive may be written to, as far as that is not a `dry_run`.
        """
        from .longterm.clock import stores_time

        if not 0 <= seconds <= _LONGEST_AGE:
            raise InvalidOption(f"idle is a number of seconds, from 0 to a hundred years, not {seconds!r}")
        self._must_not_be_offline()
        if not dry_run:
            await self.ready_to_write()
        # A session that changed at the very cutoff has been idle for so long.
        cutoff = await stores_time(self.store, self.runtime) - timedelta(seconds=seconds) + timedelta(microseconds=1)
        until = filters.get("until")
        return {**filters, "until": cutoff if until is None else min(until, cutoff)}

    async def restore(
        self,
        session_ids: Iterable[str] | None,
        days: int,
        tier: Tier,
        prices: RestorePrices | None,
        follow: Callable[[Restoring], None] | None,
        pause: float,
        filters: Filters,
        *,
        dry_run: bool,
    ) -> Restoring:
        """See `SessionStore.restore`."""
        from .longterm.packs.prices import ESTIMATE
        from .longterm.packs.restore import Restore, check_pause

        if (session_ids is None) == (not filters):
            raise InvalidOption("restore takes either ids of sessions or at least one filter")
        check_pause(pause)
        self._must_not_be_offline()
        restore = Restore(self.store, self.runtime, self.streams)
        wanted = _ids(self.index.listings.sessions(filters)) if session_ids is None else _given(session_ids)
        found = await restore.look(wanted, days, tier, ESTIMATE if prices is None else prices)
        if dry_run:
            return found
        found = await restore.ask(found)
        return found if follow is None else await restore.follow(found, pause, follow)

    @property
    def erasure(self) -> Erasure:
        """Tells what is left of sessions."""
        from .longterm.erasure import Erasure

        return Erasure(self.store, self.runtime, self.packs)

    def before_closing(self, work: Work) -> None:
        """Run `work` when the archive is closed, while it can still be used; what it raises, `close` raises."""
        self._closing.push_async_callback(work)

    async def close(self) -> None:
        """Write and publish what waits for it, and give back connections, files and threads."""
        await self._closing.aclose()

    async def _info_at(self, listed: ListedObject) -> SessionInfo | None:
        try:
            stored = await self._bare.get(listed.key)
        except NoSuchKey:
            return None
        session_id, head = unpack_transcript_head(listed.key, stored.body)
        return None if living(head) is None else head.info(session_id)

    async def _read_record(self) -> ArchiveRecord | None:
        if self.local is None:
            return (await self._stored_record(self.store))[0]
        before = await self.local.shelf.get(keys.ARCHIVE)
        record, etag = await self._stored_record(self.local.before(self._bare, _RECORD_HOLDS))
        if before is not None and before.tag != etag:
            # It is written once: so this is another archive, in the place of the one that was there.
            await self.local.shelf.clear()
        return record

    async def _stored_record(self, store: ObjectStore) -> tuple[ArchiveRecord | None, str | None]:
        try:
            return await parsed(await store.get(keys.ARCHIVE), _read_archive)
        except NoSuchKey:
            return None, None

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


def _read_archive(body: bytes) -> ArchiveRecord:
    try:
        found = orjson.loads(body)
        known, record = found["format"], ArchiveRecord(found["id"], found["capability"])
    except (ValueError, TypeError, LookupError):
        raise _no_record() from None
    if known != ARCHIVE_FORMAT:
        raise UnsupportedFormat.of(keys.ARCHIVE, known)
    if not isinstance(record.id, str) or not isinstance(record.capability, dict):
        raise _no_record()
    if record.capability.get("shared_writing") is not True:
        raise StoreNotCapable(f"{keys.ARCHIVE}: says that this store is not fit for shared writing")
    return record


def _bodies_named(key: str, messages: Iterable[JsonValue]) -> frozenset[str]:
    from .siblings.artifact_set import ArtifactSet

    return ArtifactSet.of(key, messages).bodies


async def _given(session_ids: Iterable[str]) -> AsyncIterator[str]:
    for session_id in session_ids:
        yield session_id


async def _in_partitions(found: AsyncIterator[SessionSummary], parts: Collection[str]) -> AsyncIterator[SessionSummary]:
    async for summary in found:
        if keys.session_part(summary.id)[:2] in parts:
            yield summary


async def _ids(found: AsyncIterator[SessionSummary]) -> AsyncIterator[str]:
    async for summary in found:
        yield summary.id


def _no_record() -> CorruptObject:
    return CorruptObject(f"{keys.ARCHIVE}: not the record of an archive")
