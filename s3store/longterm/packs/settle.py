"""What the clean-up does about packs: the second swap of each session, and the end of what crashed packers left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import CallAPerson, CorruptObject, Decide, FixTheCall, RetryLater
from ...keys import PACK_RECORDS, PACKS, TRANSCRIPT, StreamKeys, pack_of_key, pack_record
from ...objects.base import all_objects, remove_all
from ...streams.change import Workplace
from ...streams.terms import living
from .lines import PackedLines
from .move import Move, waits_to_move
from .record import settled, unsettled
from .reports import Settled
from .swaps import Thinning, names_to_be_thin

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import datetime

    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.head import Head
    from ...streams.stream import Streams
    from .drop import Drop
    from .record import PackRecord, PackRecords

_TOGETHER = 32


class _Thinned(NamedTuple):
    """What became of a session of a pack."""

    freed: list[str]
    """What may be deleted."""
    names: bool
    """Whether it names the pack still."""


class Settle:
    """Settles packs of one archive."""

    def __init__(
        self, store: ObjectStore, runtime: Runtime, streams: Streams, records: PackRecords, drop: Drop
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams
        self._records = records
        self._drop = drop
        self.move = Move(store, records)

    async def run(self, cutoff: datetime, *, dry_run: bool = False) -> Settled:
        """See to all packs whose record, or whose file where there is none, is from before `cutoff`.

        A pack that was seen to before is asked for again, for its sessions may all have left it since: that reads two
        objects where the first of them has not. A dry run counts, and changes nothing.

        What fails does not keep the rest; the report says it. Raises `StoreUnavailable` and `AccessDenied` where they
        could not be listed.
        """
        report = Settled(dry_run)
        listed = {found.key: found.modified for found in await all_objects(self._store, PACKS)}
        files = {pack_record(name) for name in map(pack_of_key, listed) if name is not None}
        for key, modified in listed.items():
            name = pack_of_key(key)
            if modified <= cutoff:
                if key.startswith(PACK_RECORDS):
                    await self._see_to(self._record(key, report, has_file=key in files), report)
                elif name is not None and pack_record(name) not in listed:
                    await self._see_to(self._unrecorded(name, report), report)
        for started in await self._store.list_uploads(PACKS):
            if started.started <= cutoff and not dry_run:
                await self._see_to(self._store.abort_upload(started.upload), report)
        return report

    async def settle(self, record: PackRecord, report: Settled) -> None:
        """Make every session that names a pack thin; then drop the pack if none does, or move it to its class."""
        strangers = await self._thin_all(record.name, record.sessions, report)
        if strangers is None:
            return
        if await self._drop.drop(record.name):
            report.dropped += 1
            return
        await self._records.swap(record.name, settled)
        # One that came to name the pack before that mark, and after it was looked at, nobody else would come back for.
        if await self._thin_all(record.name, strangers, report) is None:
            await self._records.swap(record.name, unsettled)
            return
        report.moved += await self.move.run(record.name)

    async def _thin_all(self, pack: str, sessions: Sequence[str], report: Settled) -> list[str] | None:
        """Make sessions thin; return those that did not name the pack, or None where one could not be seen to."""
        # Anew for each round: what an earlier one has seen says nothing of what is there now.
        lines = PackedLines(self._store, self._runtime, self._streams)
        strangers: list[str] = []
        clean = True
        for start in range(0, len(sessions), _TOGETHER):
            together = sessions[start : start + _TOGETHER]
            done = await self._runtime.gather([self._thin(pack, each, lines, report) for each in together])
            clean = clean and None not in done
            freed = [key for thinned in done if thinned is not None for key in thinned.freed]
            await remove_all(self._store, self._runtime, freed)
            report.freed += len(freed)
            strangers += [
                session_id
                for session_id, thinned in zip(together, done, strict=True)
                if thinned is not None and not thinned.names
            ]
        return strangers if clean else None

    async def _see_to(self, work: Coroutine[Any, Any, None], report: Settled) -> None:
        try:
            await work
        except (RetryLater, CallAPerson, Decide, FixTheCall) as error:
            report.failed(str(error))

    async def _record(self, key: str, report: Settled, *, has_file: bool) -> None:
        record = await self._records.at(key)
        if record is None:
            return
        if record.state == "live" and not record.settled:
            await (self._foresee(record, report) if report.dry_run else self.settle(record, report))
        elif record.sessions or has_file:
            await self._end_or_move(record, report)

    async def _end_or_move(self, record: PackRecord, report: Settled) -> None:
        """See to a pack that all its sessions may have left, that waits to move, or whose end nobody lived to see."""
        if report.dry_run:
            report.dropped += await self._may_go(record)
        elif await self._drop.drop(record.name):
            report.dropped += 1
        elif record.state == "live" and waits_to_move(record):
            report.moved += await self.move.run(record.name)

    async def _unrecorded(self, name: str, report: Settled) -> None:
        report.dropped += report.dry_run or await self._drop.remove_unrecorded(name)

    async def _may_go(self, record: PackRecord) -> bool:
        return record.state == "gone" or not await self._drop.is_named(record.name, record.sessions)

    async def _foresee(self, record: PackRecord, report: Settled) -> None:
        """Count what `settle` would do; whether a pack holds what the heads say is not looked at."""
        named = False
        for start in range(0, len(record.sessions), _TOGETHER):
            together = record.sessions[start : start + _TOGETHER]
            heads = await self._runtime.gather([self._head(session_id) for session_id in together])
            naming = [head for head in heads if head is not None and record.name in head.packs]
            waiting = [head for head in naming if names_to_be_thin(head, record.name)]
            named = named or bool(naming)
            report.sessions += len(waiting)
            report.freed += sum(segment.place is None for head in waiting for segment in head.segments)
        report.dropped += not named

    async def _head(self, session_id: str) -> Head | None:
        return living((await self._streams.read_head(StreamKeys.of(session_id, TRANSCRIPT))).state)

    async def _thin(self, pack: str, session_id: str, lines: PackedLines, report: Settled) -> _Thinned | None:
        """Make a session thin; None if that failed."""
        keys = StreamKeys.of(session_id, TRANSCRIPT)
        thinning = Thinning(Workplace(self._store, self._runtime, keys), lines, self._records, pack)
        try:
            landed = await self._streams.swap(keys, thinning)
            if thinning.differs:
                raise CorruptObject(f"{keys.head}: the pack {pack} holds other records; the session stays as it is")
        except (RetryLater, CallAPerson, Decide) as error:
            report.failed(f"{keys.head}: {error}")
            return None
        if landed.proposal is not None:
            report.sessions += 1
        head = living(landed.known.state)
        return _Thinned(thinning.free(landed), head is not None and pack in head.packs)
