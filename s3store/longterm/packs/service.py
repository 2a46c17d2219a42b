"""Packing, and all that is done with packs: the core of both faces' methods."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import (
    CallAPerson,
    Conflict,
    CorruptObject,
    Decide,
    InvalidOption,
    RetryLater,
    StoreUnavailable,
)
from ...keys import PACK_RECORDS, PACKS, TRANSCRIPT, StreamKeys, pack_name
from ...objects.base import InvalidPart, NoSuchKey, NoSuchUpload, all_keys
from ...objects.tiers import STANDARD, tiered
from ...streams.change import Workplace, cleaning_up
from ...streams.terms import living
from ..clock import stores_time
from ..parquet import ROW_GROUP_BYTES
from ..windows import windows_of
from .drop import Drop
from .file import PackFile
from .move import try_class
from .record import PackRecord, PackRecords, unsettled
from .reports import Forgotten, Packed, Settled
from .settle import Settle
from .swaps import Naming, Unpacking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable
    from datetime import datetime

    from ...model import SessionSummary
    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.commit import CommitPolicy
    from ...streams.head import Head
    from ...streams.stream import Streams
    from ...streams.terms import Terms
    from .file import PackedSession

TARGET_SIZE = 256 * 1024 * 1024
"""How large a pack becomes, in bytes, where there is enough to pack."""
SMALLEST_TARGET, LARGEST_TARGET = 1024 * 1024, 4 * 1024 * 1024 * 1024
_TOGETHER = 32


class Packs:
    """The packs of one archive."""

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        policy: CommitPolicy,
        streams: Streams,
        *,
        group_bytes: int = ROW_GROUP_BYTES,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams
        self._group_bytes = group_bytes
        self._records = PackRecords(store, runtime, policy)
        self._drop = Drop(store, runtime, streams, self._records)

    @cached_property
    def settling(self) -> Settle:
        """What the clean-up does about packs."""
        return Settle(self._store, self._runtime, self._streams, self._records, self._drop)

    async def estimate(self, sessions: AsyncIterator[SessionSummary]) -> Packed:
        """Say what packing these sessions would take, and do nothing."""
        report = Packed(dry_run=True)
        async for summary in sessions:
            report.sessions += 1
            report.records += summary.count
            report.bytes += summary.size
        return report

    async def pack(
        self,
        sessions: AsyncIterator[str],
        *,
        target_size: int = TARGET_SIZE,
        storage_class: str = STANDARD,
        progress: Callable[[Packed], None] | None = None,
    ) -> Packed:
        """Put sessions into packs of about `target_size` bytes, in the order in which they come.

        Each pack is read back before any session names it. Who resumes a session meanwhile keeps it hot. What fails
        does not keep the rest; the report says it. `progress` is told after each pack. The clean-up moves them to
        `storage_class`, which is tried before anything is packed: see `try_class` for what that raises.

        Raises `InvalidOption` for a size out of bounds, and where pyarrow is missing; `StoreUnavailable` and
        `CorruptObject` where a pack could not be written, `Conflict` where a clean-up took it for one that was left
        behind: what was packed before stays so.
        """
        if not SMALLEST_TARGET <= target_size <= LARGEST_TARGET:
            raise InvalidOption(f"target_size is {SMALLEST_TARGET:,} to {LARGEST_TARGET:,} bytes, not {target_size!r}")
        await try_class(self._store, self._runtime, storage_class)
        report = Packed(dry_run=False)
        file: PackFile | None = None
        try:
            async for keys, head in self._heads(sessions, report):
                file = file or await self._new_file(storage_class)
                await self._add(file, keys, head, report)
                await file.send()
                if file.size >= target_size:
                    done, file = file, None
                    await self._finish(done, report)
                    if progress is not None:
                        progress(report)
        except NoSuchUpload:
            raise _taken_away(file) from None
        except BaseException:
            if file is not None:
                await _give_up(file)
            raise
        if file is not None:
            await self._finish(file, report)
        return report

    async def unpack(self, session_id: str, terms: Terms) -> bool:
        """Give a session objects of its own again; tell whether it was packed. Its pack stays for the others.

        Raises what `terms` and the commit protocol raise.
        """
        keys = StreamKeys.of(session_id, TRANSCRIPT)
        unpacking = Unpacking(Workplace(self._store, self._runtime, keys), self._streams, terms)
        async with cleaning_up(unpacking):
            landed = await self._streams.swap(keys, unpacking)
        await unpacking.clean_up(landed)
        return landed.proposal is not None

    async def settle(self, cutoff: datetime, *, dry_run: bool = False) -> Settled:
        """See to all packs from before `cutoff`, by the store's clock: the second swap. See `Settle.run`."""
        return await self.settling.run(cutoff, dry_run=dry_run)

    async def restoring(self) -> int:
        """Return how many packs are on their way out of an archive class: a request for each pack that there is."""

        async def is_restored(key: str) -> bool:
            try:
                return (await tiered(self._store).storage(key)).restoring
            except NoSuchKey:
                return False  # It was dropped meanwhile.

        files = [key for key in await all_keys(self._store, PACKS) if not key.startswith(PACK_RECORDS)]
        found = 0
        for start in range(0, len(files), _TOGETHER):
            found += sum(await self._runtime.gather(map(is_restored, files[start : start + _TOGETHER])))
        return found

    async def drop(self, name: str) -> bool:
        """Remove a pack unless a session names it; tell whether it is gone."""
        return await self._drop.drop(name)

    async def move_on(self, name: str, storage_class: str) -> bool:
        """Move a pack that is settled on to a colder class, where it is; tell whether this has moved it.

        Raises what `Tiered.set_class` and the commit protocol raise; the clean-up tries again then.
        """
        return await self.settling.move.on(name, storage_class)

    async def settled(self, after: str) -> AsyncIterator[PackRecord]:
        """Yield the records of the packs that live and are settled, in the order of their ULIDs, from behind one on."""
        for key in await all_keys(self._store, PACK_RECORDS):
            if key > f"{PACK_RECORDS}{after}.json":
                record = await self._records.at(key)
                if record is not None and record.state == "live" and record.settled:
                    yield record

    async def records(self) -> list[PackRecord]:
        """Return the record of every pack there is, or was."""
        keys = await all_keys(self._store, PACK_RECORDS)
        found = await self._runtime.gather([self._records.at(key) for key in keys])
        return [record for record in found if record is not None]

    async def holding(self, session_ids: Collection[str]) -> list[PackRecord]:
        """Return the packs that hold records of sessions that do not stand on them any more.

        A pack's record names all that were put there until its file is gone.
        """
        wanted = frozenset(session_ids)
        found: list[PackRecord] = []
        for record in await self.records():
            there = sorted(wanted.intersection(record.sessions))
            if there and (record.state != "live" or len(await self._drop.named_by(record.name, there)) < len(there)):
                found.append(record)
        return found

    async def forget(self, session_ids: Collection[str], *, target_size: int = TARGET_SIZE) -> Forgotten:
        """Take sessions that were deleted out of the packs: those that hold their records are written anew without.

        The others in them are packed again, and stand on the new packs when this returns. A pack that all of
        `session_ids` that were put there still name is kept, and said. Who died at this is followed by who does it
        again.
        """
        unwanted = frozenset(session_ids)
        rewritten: list[str] = []
        packs: list[str] = []
        kept: list[str] = []
        failures: list[str] = []
        records = await self.records()
        for record in records:
            if record.state != "live" or unwanted.isdisjoint(record.sessions):
                continue
            named = await self._drop.named_by(record.name, record.sessions)
            if unwanted.intersection(record.sessions) <= set(named):
                kept.append(record.name)
                continue
            packed = await self.pack(_each(named), target_size=target_size, storage_class=record.storage_class)
            # Those too that somebody has put into a pack, and died before they stood on it.
            fresh = [each for each in records if _waits_for(each, named)]
            fresh += [each for name in packed.packs if (each := await self._records.read(name)) is not None]
            settled = Settled()
            for each in fresh:
                await self.settling.settle(each, settled)
            packs += packed.packs
            failures += packed.failures + settled.failures
            (rewritten if await self._drop.drop(record.name) else kept).append(record.name)
        return Forgotten(tuple(rewritten), tuple(packs), tuple(kept), tuple(failures))

    async def _new_file(self, storage_class: str) -> PackFile:
        now = await stores_time(self._store, self._runtime)
        ulid = self._runtime.ulid()
        name = pack_name(storage_class, f"{now:%Y/%m}", ulid)
        return PackFile(self._store, name, ulid, group_bytes=self._group_bytes)

    async def _heads(self, sessions: AsyncIterator[str], report: Packed) -> AsyncIterator[tuple[StreamKeys, Head]]:
        """Yield the heads of those sessions that are to be packed, read side by side, a few ahead."""
        seen: set[str] = set()
        # Only heads are read here, which are small.
        async for together in windows_of(sessions, lambda _: 0):
            fresh = [each for each in dict.fromkeys(together) if each not in seen]  # It changed while it was listed.
            seen.update(fresh)
            keys = [StreamKeys.of(each, TRANSCRIPT) for each in fresh]
            heads = await self._runtime.gather([self._head(each, report) for each in keys])
            for each, head in zip(keys, heads, strict=True):
                if head is not None:
                    yield each, head

    async def _head(self, keys: StreamKeys, report: Packed) -> Head | None:
        """Return the head of a session, or None where it is not to be packed, which the report says then."""
        try:
            head = living((await self._streams.read_head(keys)).state)
            if head is None:
                report.left["resumed"] += 1
            elif not head.count:
                report.left["empty"] += 1
            elif head.packed and await self._waits(head):
                report.left["packed"] += 1
            else:
                return head
        except (RetryLater, CallAPerson) as error:
            report.failed(f"{keys.head}: {error}")
        return None

    async def _add(self, file: PackFile, keys: StreamKeys, head: Head, report: Packed) -> None:
        try:
            file.add(keys, head, [part async for part in self._parts(keys, head)])
        except NoSuchKey:
            report.left["resumed"] += 1
        except (RetryLater, CallAPerson) as error:
            report.failed(f"{keys.head}: {error}")

    async def _parts(self, keys: StreamKeys, head: Head) -> AsyncIterator[tuple[int, int, bytes]]:
        for segment in head.segments:
            yield segment.first, segment.count, await self._streams.segment_lines(keys, segment)
        if head.tail_count:
            yield head.sealed, head.tail_count, head.tail

    async def _waits(self, head: Head) -> bool:
        """Tell whether a head is named to be thin by a pack that is still live."""
        for name in sorted(head.packs):
            record = await self._records.read(name)
            if record is None or record.state != "live":
                return False
        return True

    async def _finish(self, file: PackFile, report: Packed) -> None:
        if not file.sessions:
            return
        try:
            await file.finish()
        except (NoSuchKey, NoSuchUpload, InvalidPart):
            raise _taken_away(file) from None
        except (StoreUnavailable, CorruptObject):
            await _give_up(file)
            raise
        record = PackRecord(
            file.name,
            "live",
            self._runtime.now(),
            tuple(session.keys.session_id for session in file.sessions),
            file.records,
            file.size,
            file.json_bytes,
        )
        landed = await self._records.swap(file.name, lambda found: record if found is None else None)
        if landed.proposal is None:
            raise _taken_away(file)
        report.packs.append(file.name)
        report.records += file.records
        report.bytes += file.size
        report.json_bytes += file.json_bytes
        for start in range(0, len(file.sessions), _TOGETHER):
            together = file.sessions[start : start + _TOGETHER]
            named = await self._runtime.gather([self._name(file, session, report) for session in together])
            report.sessions += sum(named)
        # A clean-up that came between has not seen all of these heads, and would not come back for them.
        await self._records.swap(file.name, unsettled)

    async def _name(self, file: PackFile, session: PackedSession, report: Packed) -> bool:
        place = Workplace(self._store, self._runtime, session.keys)
        try:
            landed = await self._streams.swap(session.keys, Naming(place, session.commit, file.segments(session)))
        except (StoreUnavailable, CallAPerson, Decide) as error:
            report.failed(f"{session.keys.head}: {error}")
            return False
        if landed.proposal is None:
            report.left["resumed"] += 1
        return landed.proposal is not None


def _waits_for(record: PackRecord, sessions: Collection[str]) -> bool:
    """Tell whether a pack is to be settled, and may be what some of these sessions are to stand on."""
    return record.state == "live" and not record.settled and not set(sessions).isdisjoint(record.sessions)


def _taken_away(file: PackFile | None) -> Conflict:
    name = "" if file is None else file.name
    return Conflict(f"{name}: a clean-up took this pack for one that was left behind; pack again")


async def _give_up(file: PackFile) -> None:
    """Remove a pack that nothing names; what cannot be removed now is left to the clean-up."""
    try:
        await file.give_up()
    except (StoreUnavailable, CallAPerson):
        pass


async def _each(items: Iterable[str]) -> AsyncIterator[str]:
    for item in items:
        yield item
