"""Erasing the sessions that filters show, from everywhere, with a receipt.

What is going to be erased is written down before anything goes, and the mark stays until nothing is left. So an erasure
that dies anywhere is finished by the next one, whatever its filters, or by the clean-up: of the sessions that it had
deleted by then. Those that it had not come to live on, for whoever stopped it may have had a reason.

A packer that had read a session before it went, and ends after that, puts its records into a new pack. So what was
erased is written down once more, and the clean-up looks at the packs again when that is older than its age.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import CallAPerson, Conflict, Decide, InvalidOption, SessionDeleted, SessionHeld, StoreUnavailable
from ..keys import CHECKS, TRANSCRIPT, StreamKeys
from ..streams.terms import Terms, living
from .clock import stores_time
from .plans import AFTERWARDS, ERASING, Doomed, Plans
from .receipts import Erased, Finished, Receipt

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ..index.service import IndexCore
    from ..model import Filters, SessionSummary
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .forgetting import Forgetting
    from .plans import Plan

Fate: TypeAlias = Literal["gone", "anew", "alive"]
"""How a session that is named by a mark stands. `anew`: it was deleted, and one of its id has been created since."""
_GIVEN_UP = timedelta(days=7)
"""For so long a mark waits for the eraser who wrote it to delete what it names."""


class _Ended(NamedTuple):
    """What became of sessions that marks name."""

    proved: dict[str, Erased]
    """What was deleted, by id, as it was found when all was done."""
    alive: frozenset[str]
    failures: tuple[str, ...]


class Erasing:
    """Erases sessions of one archive."""

    def __init__(
        self, store: ObjectStore, runtime: Runtime, index: IndexCore, removal: Removal, forgetting: Forgetting
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._removal = removal
        self._forgetting = forgetting
        self._marks = Plans(store, runtime, ERASING)
        self._afterwards = Plans(store, runtime, AFTERWARDS)
        self._failures: list[str] = []

    async def run(self, archive: str, filters: Filters, *, dry_run: bool) -> Receipt:
        """Erase the sessions that the filters show; what fails does not keep the rest.

        What erasures that were broken off have deleted is erased to the end, too. Raises, before anything has gone,
        `InvalidOption` without any filter, `AccessDenied` where a right is missing without which nothing can be
        deleted or proved, `CorruptObject` for a damaged mark of an erasure, and what listing raises.
        """
        given = tuple(sorted(name for name, value in filters.items() if value is not None and value != ()))
        if not given:
            raise InvalidOption("erasing takes at least one filter: without, it would be the whole archive")
        found = {summary.id: summary async for summary in self._index.listings.sessions(filters)}
        if dry_run:
            return Receipt(archive, self._runtime.now(), given, await self._would(found), ())
        at = await stores_time(self._store, self._runtime)
        # Without these rights nothing could be proved afterwards: so they are tried before anything has gone.
        await self._store.list_versions(CHECKS)
        await self._store.list_uploads(CHECKS)
        # And one that is damaged would keep everything after the deletes from being done.
        await self._marks.all()
        own = await self._marks.add([_doomed(summary) for summary in found.values()])
        deleted = frozenset([summary.id for summary in found.values() if await self._delete(summary)])
        ended = await self._end(await self._marks.all(), at, deleted, own)
        self._failures += ended.failures
        sessions = [ended.proved.get(each) or await self._left(each) for each in found]
        sessions += [_earlier(each) for each in ended.proved.values() if each.id not in found]
        again = {summary.id async for summary in self._index.listings.sessions(filters)}
        news = len(again - {each.id for each in sessions})
        if news:
            self._failures.append(f"sessions came that the filters show: {news}; erase again")
        return Receipt(archive, at, given, tuple(sessions), tuple(self._failures))

    async def finish(self, now: datetime, older_than: timedelta, *, dry_run: bool) -> Finished:
        """Finish erasures that were broken off so long before `now`, by the store's clock.

        What fails stays for the next time; the report says it.
        """
        try:
            late = [] if dry_run else await self._look_again(now - older_than)
            marks = [mark for mark in await self._marks.all() if mark.made <= now - older_than]
            if dry_run or not marks:
                fates = [await self._fate(each) for each in _named(marks)]
                return Finished(len(fates) - fates.count("alive"), fates.count("alive"), tuple(late))
            ended = await self._end(marks, now)
        except (StoreUnavailable, CallAPerson) as error:
            return Finished(failures=(str(error),))
        erased = sum(each.outcome == "erased" for each in ended.proved.values())
        return Finished(erased, len(ended.alive), (*late, *ended.failures))

    async def _look_again(self, cutoff: datetime) -> list[str]:
        """Look at the packs once more for what was erased before `cutoff`; return what failed."""
        due = [each for each in await self._afterwards.all() if each.made <= cutoff]
        failures = await self._forgetting.clear_packs(frozenset(each.id for each in _named(due))) if due else []
        for each in due if not failures else ():
            await self._afterwards.remove(each)
        return failures

    async def _would(self, found: dict[str, SessionSummary]) -> tuple[Erased, ...]:
        sessions = [Erased(each, "held" if await self._removal.is_held(each) else "would erase") for each in found]
        broken_off = {each.id for each in _named(await self._marks.all()) if await self._fate(each) != "alive"}
        return (*sessions, *(Erased(each, "would erase", earlier=True) for each in sorted(broken_off - found.keys())))

    async def _left(self, session_id: str) -> Erased:
        return Erased(session_id, "held" if await self._removal.is_held(session_id) else "failed")

    async def _delete(self, summary: SessionSummary) -> bool:
        """Delete a session; tell whether it is gone with all that is kept beside it."""
        try:
            await self._removal.delete(summary.id, Terms(incarnation=summary.incarnation))
        except (SessionHeld, SessionDeleted):
            return False  # Of one that somebody else deleted, something may be left.
        except (StoreUnavailable, CallAPerson, Decide) as error:
            self._failures.append(str(error))
            return False
        return True

    async def _end(
        self,
        marks: Collection[Plan],
        now: datetime,
        deleted: frozenset[str] = frozenset(),
        own: Collection[str] = frozenset(),
    ) -> _Ended:
        """Forget what was deleted of all that marks name, and take away the marks of which nothing is left.

        `deleted` are those of which that is known, `own` the keys of the marks whose eraser this is.
        """
        failures: list[str] = []
        alive: set[Doomed] = set()
        for each in sorted(_named(marks), key=lambda each: each.id):
            if each.id not in deleted and await self._is_alive(each, failures):
                alive.add(each)
        ids = frozenset(each.id for each in _named(marks) - alive)
        proved, more = await self._forgetting.run(ids)
        failures += more
        for mark in marks:
            waits = mark.key not in own and mark.made > now - _GIVEN_UP and not alive.isdisjoint(mark.sessions)
            erased = all(proved[each.id].outcome == "erased" for each in mark.sessions if each not in alive)
            if erased and not (failures or waits):
                await self._afterwards.add([each for each in mark.sessions if each not in alive])
                await self._marks.remove(mark)
        return _Ended(proved, frozenset(each.id for each in alive), tuple(failures))

    async def _is_alive(self, doomed: Doomed, failures: list[str]) -> bool:
        """Tell whether a session lives as it was marked; of one that does not, finish the delete."""
        fate = await self._fate(doomed)
        if fate == "gone":
            try:
                await self._removal.delete(doomed.id, Terms(expected_version=0))
            except Conflict:
                pass  # Somebody has created it anew, and has finished the delete by that.
            except (StoreUnavailable, CallAPerson, Decide) as error:
                failures.append(str(error))
        return fate == "alive"

    async def _fate(self, doomed: Doomed) -> Fate:
        head = living(await self._removal.head(StreamKeys.of(doomed.id, TRANSCRIPT)))
        if head is None:
            return "gone"
        return "alive" if head.incarnation == doomed.incarnation else "anew"


def _doomed(summary: SessionSummary) -> Doomed:
    return Doomed(summary.id, summary.incarnation)


def _named(marks: Collection[Plan]) -> set[Doomed]:
    return {each for mark in marks for each in mark.sessions}


def _earlier(erased: Erased) -> Erased:
    return Erased(erased.id, erased.outcome, erased.left, earlier=True)
