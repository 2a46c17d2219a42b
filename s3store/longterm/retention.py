"""Retention: rules that delete, in two steps, by the store's clock.

First a plan names what is due; it waits; then each session is looked at again, and deleted only if a rule still says
so. The delete is a swap on the very version that was looked at, so that whoever writes to the session or holds it
meanwhile wins.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import CallAPerson, Conflict, InvalidOption, OutcomeUnknown, SessionDeleted, SessionHeld, StoreUnavailable
from ..keys import ARCHIVE, TRANSCRIPT, StreamKeys
from ..streams.commit import commit
from ..streams.terms import Terms, living
from .clock import written_at
from .plans import Doomed, Plans
from .policies import EMPTY, RuleBookCell, SetRules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import datetime, timedelta

    from ..index.query import Listings
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy
    from ..streams.removal import Removal
    from .policies import Policy, RuleBook, Scope
    from .rules import Rule

Fate: TypeAlias = Literal["due", "deleted", "held", "not due", "gone", "changed", "failed"]
"""What became of a session that a rule may delete. `changed`: somebody wrote to it at the same time, so it stays."""
PLANNED_AT_ONCE = 1000
"""How many sessions one plan names at most."""


class Look(NamedTuple):
    """What the head of a session says of its fate, and the version that says so."""

    fate: Fate
    version: int = 0


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

    async def due(self, book: RuleBook, now: datetime, spared: Collection[Doomed] = ()) -> AsyncIterator[Doomed | Fate]:
        """Yield what is to be deleted by now, and the fate of what only seemed to be; `spared` is left out."""
        if not any(policy.deletes for policy in book.policies):
            return
        began = await written_at(self._store, ARCHIVE)
        async for summary in self._listings.sessions({}):
            policy = book.governing(summary.agent, summary.labels)
            doomed = Doomed(summary.id, summary.incarnation)
            if doomed in spared or not _applies(policy, summary.created_at, summary.updated_at, now):
                continue
            look = await self._look(doomed, book, now, began)
            yield doomed if look.fate == "due" else look.fate

    async def plan(self, now: datetime, spent: Callable[[], bool], *, dry_run: bool) -> tuple[Counter[str], bool]:
        """Write down what is due by `now` and in no plan yet; return the counts, and whether all was looked at."""
        counts: Counter[str] = Counter()
        spared = {each for plan in await self.plans.all() for each in plan.sessions}
        batch: list[Doomed] = []
        done = True
        async for found in self.due(await self.book(), now, spared):
            if isinstance(found, Doomed):
                batch.append(found)
                counts["planned"] += 1
            else:
                counts[found] += 1
            if len(batch) == PLANNED_AT_ONCE and not dry_run:
                await self.plans.add(batch)
                batch = []
            if spent():
                # Where nothing was planned, a next pass would only look at the same again: it goes on behind this.
                done = not counts["planned"]
                break
        if batch and not dry_run:
            await self.plans.add(batch)
        return counts, done

    async def carry_out(
        self, now: datetime, wait: timedelta, spent: Callable[[], bool], failures: list[str], *, dry_run: bool
    ) -> tuple[Counter[str], bool]:
        """Delete what was planned `wait` ago or earlier and is still due; return the counts, and whether all is done.

        Where a budget is spent, or something failed, the plan stays, and the next pass goes through it again.
        """
        counts: Counter[str] = Counter()
        ripe = [plan for plan in await self.plans.all() if plan.made <= now - wait]
        book = await self.book()
        began = await written_at(self._store, ARCHIVE)
        for plan in ripe:
            before = counts["failed"]
            for each in plan.sessions:
                if spent():
                    return counts, False
                counts[await self._settle(each, book, now, began, failures, dry_run=dry_run)] += 1
            if not dry_run and counts["failed"] == before:
                await self.plans.remove(plan)
        return counts, True

    async def _settle(
        self,
        doomed: Doomed,
        book: RuleBook,
        now: datetime,
        began: datetime | None,
        failures: list[str],
        *,
        dry_run: bool,
    ) -> Fate:
        try:
            look = await self._look(doomed, book, now, began)
            if look.fate != "due" or dry_run:
                return look.fate
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

    async def _look(self, doomed: Doomed, book: RuleBook, now: datetime, began: datetime | None) -> Look:
        """Ask the head, which is the truth, and the store when that was written last."""
        keys = StreamKeys.of(doomed.id, TRANSCRIPT)
        head = living(await self._removal.head(keys))
        if head is None or head.incarnation != doomed.incarnation:
            return Look("gone")
        if head.holds:
            return Look("held")
        # After the head was read: what is written later has a later version, and the swap that deletes sees that.
        written = await written_at(self._store, keys.head)
        if written is None or began is None:
            return Look("gone")
        # A writer's clock may be behind by years, so the store's own times are the least that counts.
        created, updated = max(head.created_at, began), max(head.updated_at, written)
        policy = book.governing(head.metadata.agent, head.metadata.labels)
        return Look("due" if _applies(policy, created, updated, now) else "not due", head.version)


def _applies(policy: Policy | None, created: datetime, updated: datetime, now: datetime) -> bool:
    """Tell whether a rule deletes a session of these times."""
    rule = None if policy is None else policy.deletes
    return rule is not None and now - (created if rule.since == "age" else updated) >= rule.after


def refuse_packing(rules: Collection[Rule]) -> None:
    """Refuse rules that nothing here carries out, rather than keep and never apply them."""
    for rule in rules:
        if rule.action == "pack":
            raise InvalidOption(f"'{rule}': this version moves nothing into packs by rule; give rules that delete")
