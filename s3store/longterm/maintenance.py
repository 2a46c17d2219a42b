"""Maintenance: all the upkeep of an archive in one pass that may stop anywhere, and go on later or beside others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import Conflict, OutcomeUnknown
from ..keys import spreads
from ..small_archives import only_page
from .cleanup import CleanUp
from .clock import stores_time
from .deepening import Deepening
from .progress import STEPS, Progress
from .tiering import Tiering

if TYPE_CHECKING:
    from datetime import datetime

    from ..index.service import IndexCore
    from ..jsontext import JsonValue
    from ..objects.counting import CountingStore
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .erasing import Erasing
    from .order import Order
    from .packs.service import Packs
    from .progress import Step
    from .retention import Retention
    from .ruling import Ruling

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


@dataclass(frozen=True, slots=True)
class Means:
    """What a pass works with, all of it by `store`, which counts."""

    store: CountingStore
    runtime: Runtime
    index: IndexCore
    removal: Removal
    retention: Retention
    packs: Packs
    erasing: Erasing


class Maintenance:
    """One pass of maintenance."""

    def __init__(self, means: Means, order: Order) -> None:
        self._store = means.store
        self._runtime = means.runtime
        self._index = means.index
        self._removal = means.removal
        self._retention = means.retention
        self._packs = means.packs
        self._erasing = means.erasing
        self._order = order
        self._began = means.runtime.monotonic()
        self._report = Maintained(order.dry_run)

    async def run(self) -> Maintained:
        """Do what there is to do, until the budget is used up.

        Raises `AccessDenied` where the rights do not suffice to store, list or delete, before anything has gone, and
        `StoreUnavailable` where the store is out.
        """
        ruling = await self._retention.ruling(await stores_time(self._store, self._runtime))
        start = Progress() if self._order.dry_run else await Progress.read(self._store)
        for step in STEPS[STEPS.index(start.step) :]:
            stopped_at = await self._do(step, start.at if step == start.step else "", ruling)
            if stopped_at is not None:
                await self._remember(Progress(step, stopped_at))
                break
        else:
            self._report.complete = True
            await self._remember(Progress())
        self._report.requests = self._store.counts.requests
        self._report.seconds = self._runtime.monotonic() - self._began
        return self._report

    async def _do(self, step: Step, at: str, ruling: Ruling) -> str | None:
        """Do a step from `at` on; return where it stopped for want of budget, or None if it is done."""
        if self._spent():
            return at
        counts = self._report.steps[step] = Counter()
        if step == "cleanup":
            return await self._clean_up(counts, at)
        if step in {"delete", "plan", "pack", "move"}:
            done, stopped_at = await self._by_rule(step, at, ruling)
            counts.update(done)
            return stopped_at
        match step:
            case "compact":
                await self._compact(counts)
            case "settle":
                await self._settle(counts, ruling.now)
            case "erase":
                await self._finish_erasures(counts, ruling.now)
            case "verify":
                return await self._verify(counts)
        return None

    async def _by_rule(self, step: Step, at: str, ruling: Ruling) -> tuple[Counter[str], str | None]:
        dry_run, failures = self._order.dry_run, self._report.failures
        match step:
            case "delete":
                wait = timedelta(seconds=self._order.wait)
                return await self._retention.carry_out(ruling, wait, at, self._spent, failures, dry_run=dry_run)
            case "plan":
                return await self._retention.plan(ruling, at, self._spent, dry_run=dry_run)
            case "move":
                deepening = Deepening(self._runtime, self._packs)
                return await deepening.run(ruling, at, self._spent, failures, dry_run=dry_run)
        tiering = Tiering(self._index.listings, self._packs)
        return await tiering.run(ruling, at, self._spent, failures, dry_run=dry_run)

    async def _settle(self, counts: Counter[str], now: datetime) -> None:
        """Have packed sessions stand on their packs alone, and drop packs that none needs."""
        if self._order.dry_run:
            return
        settled = await self._packs.settle(now - timedelta(seconds=self._order.older_than))
        counts.update({"thinned": settled.sessions, "hot": settled.freed, "packs": settled.dropped})
        counts["restoring"] = await self._packs.restoring()
        self._report.failures += settled.failures

    async def _finish_erasures(self, counts: Counter[str], now: datetime) -> None:
        older_than = timedelta(seconds=self._order.older_than)
        finished = await self._erasing.finish(now, older_than, dry_run=self._order.dry_run)
        counts.update({"erased": finished.erased, "not come to": finished.alive})
        self._report.failures += finished.failures

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

    async def _clean_up(self, counts: Counter[str], at: str) -> str | None:
        prefixes = spreads()
        together = _TOGETHER if await only_page(self._store, prefixes) is None else len(prefixes)
        for start in range(int(at) if at.isascii() and at.isdecimal() else 0, len(prefixes), together):
            if self._spent():
                return str(start)
            clean_up = CleanUp(self._store, self._runtime, self._removal, prefixes[start : start + together])
            cleaned = await clean_up.run(older_than=self._order.older_than, dry_run=self._order.dry_run)
            counts["sessions"] += cleaned.sessions
            counts["removed"] += cleaned.removed.total()
            counts["bytes"] += cleaned.bytes
            counts["left"] += cleaned.left.total()
            self._report.failures += cleaned.failures
        return None

    async def _verify(self, counts: Counter[str]) -> str | None:
        """Compare as a whole or not at all: half a comparison tells nothing."""
        allowed = self._order.requests
        if allowed is not None:
            listings = _PREFIXES if await only_page(self._store, spreads()) is None else 1
            needs = await self._index.listings.count({}) + listings
            if needs > allowed - self._store.counts.requests:
                if needs <= allowed - listings:
                    return ""
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

    async def _remember(self, progress: Progress) -> None:
        if not self._order.dry_run:
            await progress.write(self._store)
