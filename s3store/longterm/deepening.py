"""Rules that move packs on: `idle 30d -> pack GLACIER_IR; age 1y -> DEEP_ARCHIVE`.

The pack of a session goes on as a whole, where it is, once the rules of all sessions that stand on it say so: to the
warmest class of those that they name. Nothing is packed again for that, and no head changes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..errors import CallAPerson, Decide, FixTheCall, RetryLater
from ..objects.tiers import STANDARD
from .rules import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runtime import Runtime
    from .packs.record import PackRecord
    from .packs.service import Packs
    from .ruling import Look, Ruling

_TOGETHER = 64


class Deepening:
    """Moves the packs of one archive on as the rules say."""

    def __init__(self, runtime: Runtime, packs: Packs) -> None:
        self._runtime = runtime
        self._packs = packs

    async def run(
        self, ruling: Ruling, at: str, spent: Callable[[], bool], failures: list[str], *, dry_run: bool
    ) -> tuple[Counter[str], str | None]:
        """Move what is due, from `at` on; return the counts, and where it stopped for want of budget.

        Costs a read for each pack, and two requests for a few of its sessions; for all where it is due. Raises
        `StoreUnavailable`.
        """
        counts: Counter[str] = Counter()
        if not any(rule.depth and rule.action == "pack" for policy in ruling.book.policies for rule in policy.rules):
            return counts, None
        async for record in self._packs.settled(at):
            try:
                await self._see_to(record, ruling, counts, dry_run=dry_run)
            except (RetryLater, CallAPerson, Decide, FixTheCall) as error:
                failures.append(f"moving by rule: {error}")
            if spent():
                return counts, record.name.rpartition("/")[2]
        return counts, None

    async def foresee(self, ruling: Ruling) -> int:
        """Return how many packs are due."""
        return (await self.run(ruling, "", lambda: False, [], dry_run=True))[0]["due"]

    async def _see_to(self, record: PackRecord, ruling: Ruling, counts: Counter[str], *, dry_run: bool) -> None:
        storage_class = await self._class_for(record, ruling)
        if storage_class is None:
            return
        if dry_run:
            counts["due"] += 1
        elif await self._packs.move_on(record.name, storage_class):
            counts["moved"] += 1

    async def _class_for(self, record: PackRecord, ruling: Ruling) -> str | None:
        """Return the class that a pack is to go on to; None if it stays where it is.

        It ends with the first session that keeps it there. The last to be packed were the least idle: so they first.
        """
        found: str | None = None
        waiting = list(reversed(record.sessions))
        while waiting:
            together, waiting = waiting[:_TOGETHER], waiting[_TOGETHER:]
            # One alone before many: of most packs, it tells.
            for some in (together[:1], together[1:]):
                looks = await self._runtime.gather([ruling.look_in_pack(each, record.name) for each in some])
                classes = [_class_by(look) for look in looks if look.exists and not look.is_due("delete")]
                found = min([*classes, *([] if found is None else [found])], key=CLASSES.index, default=None)
                if found is not None and CLASSES.index(found) <= CLASSES.index(record.storage_class):
                    return None
        return found


def _class_by(look: Look) -> str:
    """Return the class in which the rules want a session: the usual one where none holds for it."""
    return STANDARD if look.rule is None else look.rule.storage_class or STANDARD
