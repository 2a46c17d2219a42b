"""Retention: rules that delete, in two steps, by the store's clock.

First a plan names what is due; it waits; then each session is looked at again, and deleted only if a rule still says
so. The delete is a swap on the very version that was looked at, so that whoever writes to the session or holds it
meanwhile wins.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import CallAPerson, Conflict, OutcomeUnknown, SessionDeleted, SessionHeld, StoreUnavailable
from ..streams.commit import commit
from ..streams.terms import Terms
from .plans import PLANNED_AT_ONCE, Doomed, Plans
from .policies import EMPTY, RuleBookCell, SetRules
from .ruling import Ruling, Walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from ..index.query import Listings
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy
    from ..streams.removal import Removal
    from .policies import RuleBook, Scope
    from .rules import Rule
    from .ruling import Look

Fate: TypeAlias = Literal["due", "deleted", "held", "not due", "gone", "changed", "failed"]
"""What became of a session that a rule may delete. `changed`: somebody wrote to it at the same time, so it stays."""


class Retention:
    """The rules of one archive, and what they do."""

    def __init__(
        self, store: ObjectStore, runtime: Runtime, patience: CommitPolicy, removal: Removal, listings: Listings
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._patience = patience
        self._removal = removal
        self._listings = listings
        self.plans = Plans(store, runtime)

    async def book(self) -> RuleBook:
        """Read the rules. Raises `CorruptObject` and `UnsupportedFormat`."""
        return (await RuleBookCell(self._store).read()).state or EMPTY

    async def set(self, scope: Scope, rules: tuple[Rule, ...] | None, who: str | None) -> bool:
        """Set the rules for a scope, or with None take them away; tell whether that changed anything."""
        change = SetRules(self._runtime, scope, rules, who)
        landed = await commit(self._store, self._runtime, self._patience, RuleBookCell(self._store), change)
        return landed.proposal is not None

    async def ruling(self, now: datetime) -> Ruling:
        """Read the rules, for a pass at the store's time `now`. Raises `CorruptObject` and `UnsupportedFormat`."""
        return await Ruling.at(now, self._store, self._removal)

    async def plan(
        self, ruling: Ruling, at: str, spent: Callable[[], bool], *, dry_run: bool
    ) -> tuple[Counter[str], str | None]:
        """Write down what is due and in no plan yet, from `at` on.

        Returns the counts, and where it stopped for want of budget.
        """
        counts: Counter[str] = Counter()
        if not any(policy.first("delete") for policy in ruling.book.policies):
            return counts, None
        spared = {each for plan in await self.plans.all() for each in plan.sessions}
        batch: list[Doomed] = []
        walk = Walk(self._listings, at, spent)
        async for summary in walk.sessions():
            doomed = Doomed(summary.id, summary.incarnation)
            if doomed in spared or not ruling.seems_due(summary, "delete"):
                continue
            fate = _fate(await ruling.look(doomed))
            counts["planned" if fate == "due" else fate] += 1
            if fate == "due":
                batch.append(doomed)
            if len(batch) == PLANNED_AT_ONCE and not dry_run:
                await self.plans.add(batch)
                batch = []
        if batch and not dry_run:
            await self.plans.add(batch)
        return counts, walk.stopped_at

    async def carry_out(
        self,
        ruling: Ruling,
        wait: timedelta,
        at: str,
        spent: Callable[[], bool],
        failures: list[str],
        *,
        dry_run: bool,
    ) -> tuple[Counter[str], str | None]:
        """Delete what was planned `wait` ago or earlier and is still due, from `at` on.

        Returns the counts, and where it stopped for want of budget. Where something failed at the end of a plan, that
        stays, and is gone through again.
        """
        counts: Counter[str] = Counter()
        begun, settled = _place(at)
        for plan in await self.plans.all():
            if plan.made > ruling.now - wait or plan.key < begun:
                continue
            before = counts["failed"]
            start = settled if plan.key == begun else 0
            for number, each in enumerate(plan.sessions[start:], start + 1):
                counts[await self._settle(each, ruling, failures, dry_run=dry_run)] += 1
                if spent() and number < len(plan.sessions):
                    return counts, f"{plan.key} {number}"
            if not dry_run and counts["failed"] == before:
                await self.plans.remove(plan)
        return counts, None

    async def _settle(self, doomed: Doomed, ruling: Ruling, failures: list[str], *, dry_run: bool) -> Fate:
        try:
            look = await ruling.look(doomed)
            fate = _fate(look)
            if fate != "due" or dry_run:
                return fate
            await self._removal.delete(
                doomed.id, Terms(must_exist=True, expected_version=look.version, incarnation=doomed.incarnation)
            )
        except SessionHeld:
            return "held"
        except (Conflict, SessionDeleted):
            return "changed"
        except (StoreUnavailable, CallAPerson, OutcomeUnknown) as error:
            failures.append(str(error))
            return "failed"
        return "deleted"


def _fate(look: Look) -> Fate:
    if not look.exists:
        return "gone"
    if look.held:
        return "held"
    return "due" if look.is_due("delete") else "not due"


def _place(at: str) -> tuple[str, int]:
    """Read where a pass stopped: in which plan, and how many of its sessions were settled by then."""
    key, _, number = at.partition(" ")
    return (key, int(number)) if number.isascii() and number.isdecimal() else ("", 0)
