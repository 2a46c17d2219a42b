"""Restoring packs from archive classes, for the sessions in them: one request for each pack."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ...errors import InvalidOption, SessionNotFound
from ...keys import TRANSCRIPT, StreamKeys, pack_key
from ...objects.base import NoSuchKey
from ...objects.tiers import check_restore, tiered, tiers_of
from ...streams.terms import living
from .prices import cost_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from datetime import datetime

    from ...objects.base import ObjectStore
    from ...objects.tiers import Storage, Tier
    from ...runtime import Runtime
    from ...streams.stream import Streams
    from .prices import RestoreCost, RestorePrices

PackStatus: TypeAlias = Literal["readable", "restoring", "archived"]
"""How a pack stands. `archived`: it must be restored, and nobody has asked for that."""
_TOGETHER = 32
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 86_400.0


@dataclass(frozen=True, slots=True)
class RestoredPack:
    """One pack that holds records of the sessions that were asked for."""

    name: str
    storage_class: str
    """The class in which it is."""
    size: int
    """In bytes."""
    status: PackStatus
    until: datetime | None
    """When a copy that was restored goes again; None where that does not apply, or is not known yet."""
    sessions: tuple[str, ...]
    """The ids of those that were asked for and stand in it."""


@dataclass(frozen=True, slots=True)
class Restoring:
    """How far a restore is, or, in a dry run, what it would do."""

    dry_run: bool
    days: int
    tier: Tier
    packs: tuple[RestoredPack, ...]
    readable: tuple[str, ...]
    """The ids of the sessions that can be read now: they are hot, or all their packs can be."""
    cost: RestoreCost
    """What the packs that had to be asked for take; those on their way cost nothing more."""
    waiting: tuple[str, ...] = field(default=())
    """The ids of the sessions that cannot be read yet."""

    @property
    def complete(self) -> bool:
        """Whether every session can be read."""
        return not self.waiting


class Restore:
    """Restores packs of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, streams: Streams) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams

    async def look(self, session_ids: AsyncIterator[str], days: int, tier: Tier, prices: RestorePrices) -> Restoring:
        """Say how the packs of these sessions stand, and what restoring them would take; ask for nothing.

        Takes a read for each session and one for each pack. Raises `InvalidOption` for days or a tier that there are
        not, and for a tier that the class of one of the packs lacks; `SessionNotFound`.
        """
        check_restore(days, tier)
        named = await self._named(session_ids)
        by_pack: dict[str, list[str]] = {}
        for session_id, packs in named.items():
            for pack in packs:
                by_pack.setdefault(pack, []).append(session_id)
        found = await self._all_storage(by_pack)
        packs_now = tuple(_pack(name, found[name], tuple(by_pack[name])) for name in sorted(found))
        due = [found[pack.name] for pack in packs_now if pack.status == "archived"]
        _check_tier(due, tier)
        report = Restoring(True, days, tier, packs_now, (), cost_of(due, days, tier, prices))
        return _sorted_out(report, named)

    async def ask(self, looked: Restoring) -> Restoring:
        """Ask for every archived pack of a look, one request for each, and return how they stand then.

        What was asked for before an error stays so; asking again goes on. Raises what `Tiered.restore` raises.
        """
        due = [pack for pack in looked.packs if pack.status == "archived"]
        # The first one alone: where the right is missing, nothing has been asked for.
        for together in (due[:1], *(due[at : at + _TOGETHER] for at in range(1, len(due), _TOGETHER))):
            await self._runtime.gather(
                [
                    tiered(self._store).restore(pack_key(pack.name), days=looked.days, tier=looked.tier)
                    for pack in together
                ]
            )
        return await self.again(replace(looked, dry_run=False))

    async def again(self, report: Restoring) -> Restoring:
        """Look once more at the packs that were not readable."""
        before = {pack.name: pack for pack in report.packs}
        found = await self._all_storage([name for name, pack in before.items() if pack.status != "readable"])
        packs = tuple(
            _pack(name, found[name], pack.sessions) if name in found else pack for name, pack in before.items()
        )
        ids = dict.fromkeys([*report.readable, *report.waiting])
        named = {each: [pack.name for pack in packs if each in pack.sessions] for each in ids}
        return _sorted_out(replace(report, packs=packs), named)

    async def follow(self, report: Restoring, pause: float, told: Callable[[Restoring], None]) -> Restoring:
        """Look again every `pause` seconds until every session can be read; `told` hears of each look."""
        told(report)
        while not report.complete:
            await self._runtime.sleep(pause)
            report = await self.again(report)
            told(report)
        return report

    async def _named(self, session_ids: AsyncIterator[str]) -> dict[str, list[str]]:
        ids = list(dict.fromkeys([each async for each in session_ids]))
        named: dict[str, list[str]] = {}
        for at in range(0, len(ids), _TOGETHER):
            together = ids[at : at + _TOGETHER]
            named.update(zip(together, await self._runtime.gather(map(self._packs_of, together)), strict=True))
        return named

    async def _packs_of(self, session_id: str) -> list[str]:
        head = living((await self._streams.read_head(StreamKeys.of(session_id, TRANSCRIPT))).state)
        if head is None:
            raise SessionNotFound(f"session {session_id!r}: there is none, so there is nothing to restore")
        # Only what its records are read from: a session that is hot as well needs no pack.
        return sorted({segment.place.pack for segment in head.segments if segment.place is not None})

    async def _all_storage(self, names: Iterable[str]) -> dict[str, Storage]:
        async def storage(name: str) -> Storage | None:
            try:
                return await tiered(self._store).storage(pack_key(name))
            except NoSuchKey:
                return None  # Its sessions have moved on since they were read.

        wanted = list(names)
        found: dict[str, Storage] = {}
        for at in range(0, len(wanted), _TOGETHER):
            together = wanted[at : at + _TOGETHER]
            told = await self._runtime.gather([storage(name) for name in together])
            found.update((name, each) for name, each in zip(together, told, strict=True) if each is not None)
        return found


def check_pause(pause: float) -> None:
    """Raise `InvalidOption` unless a restore may be looked at every `pause` seconds."""
    if not SHORTEST_PAUSE <= pause <= LONGEST_PAUSE:
        raise InvalidOption(f"pause is {SHORTEST_PAUSE} to {LONGEST_PAUSE:,.0f} seconds, not {pause!r}")


def _pack(name: str, storage: Storage, sessions: tuple[str, ...]) -> RestoredPack:
    status: PackStatus = "readable" if storage.readable else "restoring" if storage.restoring else "archived"
    return RestoredPack(name, storage.storage_class, storage.size, status, storage.restored_until, sessions)


def _sorted_out(report: Restoring, named: dict[str, list[str]]) -> Restoring:
    blocked = {pack.name for pack in report.packs if pack.status != "readable"}
    readable = tuple(each for each, packs in named.items() if blocked.isdisjoint(packs))
    can_be = frozenset(readable)
    return replace(report, readable=readable, waiting=tuple(each for each in named if each not in can_be))


def _check_tier(due: Iterable[Storage], tier: Tier) -> None:
    for storage in due:
        tiers = tiers_of(storage.storage_class)
        if tier not in tiers:
            raise InvalidOption(f"tier: {storage.storage_class} is restored by {' or '.join(tiers)}, not by {tier}")
