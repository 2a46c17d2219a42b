"""Rules that pack: what has been idle, or old, for long enough goes into packs.

Packing loses nothing, whoever writes to a session meanwhile, so it takes one step, and holds do not stand in its way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..errors import CallAPerson, Decide, InvalidOption
from .plans import Doomed
from .ruling import Walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from ..index.query import Listings
    from .packs.service import Packs
    from .rules import Rule
    from .ruling import Ruling

_CLASSES = frozenset({None, "STANDARD"})
"""The storage classes that packs are written to."""


class Tiering:
    """Packs what the rules of one archive say."""

    def __init__(self, listings: Listings, packs: Packs) -> None:
        self._listings = listings
        self._packs = packs

    async def run(
        self, ruling: Ruling, at: str, spent: Callable[[], bool], failures: list[str], *, dry_run: bool
    ) -> tuple[Counter[str], str | None]:
        """Pack what is due, from `at` on; return the counts, and where it stopped for want of budget.

        What has been read into a pack by then is packed. Raises `StoreUnavailable`.
        """
        counts: Counter[str] = Counter()
        walk = Walk(self._listings, at, spent)
        rules = [rule for policy in ruling.book.policies for rule in policy.rules if rule.action == "pack"]
        if not rules:
            return counts, None
        if dry_run:
            counts["due"] = await self.foresee(ruling)
            return counts, None
        try:
            refuse_classes(rules)
            packed = await self._packs.pack(self._due(ruling, walk, counts))
        except (CallAPerson, Decide, InvalidOption) as error:
            failures.append(f"packing by rule: {error}")
            return counts, None
        counts.update({"packed": packed.sessions, "packs": len(packed.packs)})
        counts.update({reason: number for reason, number in packed.left.items() if number})
        failures += packed.failures
        return counts, walk.stopped_at

    async def foresee(self, ruling: Ruling) -> int:
        """Return how many sessions are due."""
        everything = Walk(self._listings, "", lambda: False)
        return len([session_id async for session_id in self._due(ruling, everything, Counter())])

    async def _due(self, ruling: Ruling, walk: Walk, counts: Counter[str]) -> AsyncIterator[str]:
        async for summary in walk.sessions():
            if summary.place == "cold" or not summary.count or not ruling.seems_due(summary, "pack"):
                continue
            if (await ruling.look(Doomed(summary.id, summary.incarnation))).is_due("pack"):
                yield summary.id
            else:
                counts["not due"] += 1


def refuse_classes(rules: Collection[Rule]) -> None:
    """Raise `InvalidOption` for rules that nothing here carries out, rather than keep and never apply them."""
    for rule in rules:
        if rule.action == "pack" and rule.storage_class not in _CLASSES:
            raise InvalidOption(
                f"'{rule}': this version writes packs to the class STANDARD alone; leave the class out, and have a "
                "lifecycle of the bucket move packs/ further"
            )
