"""Maintenance: all the upkeep of an archive in one pass that may stop anywhere, and go on later or beside others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import orjson

from ..errors import Conflict, OutcomeUnknown
from ..keys import MAINTENANCE, spreads
from ..objects.base import NoSuchKey
from .cleanup import CleanUp
from .clock import stores_time

if TYPE_CHECKING:
    from datetime import datetime

    from ..index.service import IndexCore
    from ..jsontext import JsonValue
    from ..objects.base import ObjectStore
    from ..objects.counting import CountingStore
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .order import Order
    from .retention import Retention

Step: TypeAlias = Literal["compact", "delete", "plan", "cleanup", "verify"]
"""What a pass does, in this order: merge the index's log; delete what was planned long enough ago; plan what rules
will delete; clean up; compare the index with the sessions, and mend it."""
STEPS: tuple[Step, ...] = get_args(Step)
_TOGETHER = 16
_PREFIXES = 256


@dataclass(slots=True)
class Maintained:
    """What a pass of maintenance did, or, in a dry run, would do."""

    dry_run: bool
    complete: bool = False
    """False where the budget was used up: the next pass goes on from there."""
    requests: int = 0
    seconds: float = 0.0
    steps: dict[Step, Counter[str]] = field(default_factory=dict)
    """What each step did, in numbers; one that was not come to is missing."""
    failures: list[str] = field(default_factory=list)
    """What went wrong: the rest was done all the same."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as JSON."""
        return {
            "dry_run": self.dry_run,
            "complete": self.complete,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "steps": {step: dict(counts) for step, counts in self.steps.items()},
            "failures": list(self.failures),
        }


class Maintenance:
    """One pass of maintenance. `store` counts what `index`, `removal` and `retention` ask for."""

    def __init__(
        self, store: CountingStore, runtime: Runtime, index: IndexCore, removal: Removal, retention: Retention
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._removal = removal
        self._retention = retention

    async def run(self, order: Order) -> Maintained:
        """Do what there is to do, until the budget is used up.

        Raises `AccessDenied` where the rights do not suffice to store, list or delete, before anything has gone, and
        `StoreUnavailable` where the store is out.
        """
        return await _Pass(self._store, self._runtime, self._index, self._removal, self._retention, order).run()


class _Pass:
    """A pass under way."""

    def __init__(
        self,
        store: CountingStore,
        runtime: Runtime,
        index: IndexCore,
        removal: Removal,
        retention: Retention,
        order: Order,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._removal = removal
        self._retention = retention
        self._order = order
        self._began = runtime.monotonic()
        self._report = Maintained(order.dry_run)
        self._now: datetime

    async def run(self) -> Maintained:
        self._now = await stores_time(self._store, self._runtime)
        step, at = (STEPS[0], 0) if self._order.dry_run else await read_progress(self._store)
        for name in STEPS[STEPS.index(step) :]:
            stopped_at = await self._do(name, at)
            at = 0
            if stopped_at is not None:
                await self._remember(name, stopped_at)
                break
        else:
            self._report.complete = True
            await self._remember(STEPS[0], 0)
        self._report.requests = self._store.counts.requests
        self._report.seconds = self._runtime.monotonic() - self._began
        return self._report

    async def _do(self, step: Step, at: int) -> int | None:
        """Do a step from `at` on; return where it stopped for want of budget, or None if it is done."""
        if self._spent():
            return at
        counts = self._report.steps[step] = Counter()
        match step:
            case "compact":
                await self._compact(counts)
            case "delete":
                wait = timedelta(seconds=self._order.wait)
                done, all_of_it = await self._retention.carry_out(
                    self._now, wait, self._spent, self._report.failures, dry_run=self._order.dry_run
                )
                counts.update(done)
                return None if all_of_it else 0
            case "plan":
                done, all_of_it = await self._retention.plan(self._now, self._spent, dry_run=self._order.dry_run)
                counts.update(done)
                return None if all_of_it else 0
            case "cleanup":
                return await self._clean_up(counts, at)
            case "verify":
                return await self._verify(counts)
        return None

    async def _compact(self, counts: Counter[str]) -> None:
        if self._order.dry_run:
            counts["log"] = (await self._index.status()).log
            return
        try:
            compacted = await self._index.compact(everything=False)
        except (Conflict, OutcomeUnknown) as other:
            # Another client was at it; what is left to merge is merged by the next pass.
            self._report.failures.append(str(other))
            return
        counts["merged"] = 0 if compacted is None else compacted.merged

    async def _clean_up(self, counts: Counter[str], at: int) -> int | None:
        prefixes = spreads()
        for start in range(at, len(prefixes), _TOGETHER):
            if self._spent():
                return start
            clean_up = CleanUp(self._store, self._runtime, self._removal, prefixes[start : start + _TOGETHER])
            cleaned = await clean_up.run(older_than=self._order.older_than, dry_run=self._order.dry_run)
            counts["sessions"] += cleaned.sessions
            counts["removed"] += cleaned.removed.total()
            counts["bytes"] += cleaned.bytes
            counts["left"] += cleaned.left.total()
            self._report.failures += cleaned.failures
        return None

    async def _verify(self, counts: Counter[str]) -> int | None:
        """Compare as a whole or not at all: half a comparison tells nothing."""
        needs = await self._index.listings.count({}) + _PREFIXES
        allowed = self._order.requests
        if allowed is not None and needs > allowed - self._store.counts.requests:
            if needs <= allowed - _PREFIXES:
                return 0
            self._report.failures.append(
                f"the index was not compared: that takes some {needs:,} requests, over the budget of {allowed:,}; "
                "run `s3store index verify`"
            )
            return None
        found = await self._index.verify(None, fix=not self._order.dry_run)
        counts["sessions"] = found.sessions
        counts["differences"] = len(found.differences)
        counts["damaged"] = len(found.damaged_heads)
        self._report.failures += found.damaged_heads
        return None

    def _spent(self) -> bool:
        seconds, requests = self._order.seconds, self._order.requests
        if requests is not None and self._store.counts.requests >= requests:
            return True
        return seconds is not None and self._runtime.monotonic() - self._began >= seconds

    async def _remember(self, step: Step, at: int) -> None:
        if not self._order.dry_run:
            await write_progress(self._store, step, at)


async def read_progress(store: ObjectStore) -> tuple[Step, int]:
    """Read where the last pass stopped. Every step may be done again, so what cannot be read means the beginning."""
    try:
        found = orjson.loads((await store.get(MAINTENANCE)).body)
        step, at = found["step"], found["prefix"]
    except (NoSuchKey, ValueError, TypeError, LookupError):
        return STEPS[0], 0
    known = step in STEPS and isinstance(at, int) and 0 <= at < _PREFIXES
    return (step, at) if known else (STEPS[0], 0)


async def write_progress(store: ObjectStore, step: Step, at: int) -> None:
    """Write where a pass stopped. Of two at a time one wins, and the other's work is done twice: it does no harm."""
    await store.put(MAINTENANCE, orjson.dumps({"step": step, "prefix": at}))
