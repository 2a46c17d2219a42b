"""Rules that pack: what has been idle, or old, for long enough goes into packs.

Packing loses nothing, whoever writes to a session meanwhile, so it takes one step, and holds do not stand in its way.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from ..errors import CallAPerson, Decide, InvalidOption
from ..keys import PACKS
from ..objects.tiers import STANDARD, tiers_of
from .plans import Doomed
from .ruling import Walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from ..index.query import Listings
    from .packs.service import Packs
    from .policies import Policy
    from .rules import Rule
    from .ruling import Ruling


class Tiering:
    """Packs what the rules of one archive say."""

    def __init__(self, listings: Listings, packs: Packs) -> None:
        self._listings = listings
        self._packs = packs

    async def run(
        self, ruling: Ruling, at: str, spent: Callable[[], bool], failures: list[str], *, dry_run: bool
    ) -> tuple[Counter[str], str | None]:
        """Pack what is due, from `at` on, class by class; return the counts, and where it stopped for want of budget.

        What has been read into a pack by then is packed. Raises `StoreUnavailable`.
        """
        counts: Counter[str] = Counter()
        if dry_run:
            if _classes(ruling.book.policies):
                counts["due"] = await self.foresee(ruling)
            return counts, None
        first, _, cursor = at.partition(" ")
        for storage_class in _classes(ruling.book.policies):
            if storage_class < first:
                continue
            walk = Walk(self._listings, cursor if storage_class == first else "", spent)
            try:
                due = self._due(ruling, walk, counts, storage_class)
                packed = await self._packs.pack(due, storage_class=storage_class)
            except (CallAPerson, Decide, InvalidOption) as error:
                failures.append(f"packing by rule: {error}")
                continue
            counts.update({"packed": packed.sessions, "packs": len(packed.packs)})
            counts.update({reason: number for reason, number in packed.left.items() if number})
            failures += packed.failures
            if walk.stopped_at is not None:
                return counts, f"{storage_class} {walk.stopped_at}"
        return counts, None

    async def foresee(self, ruling: Ruling) -> int:
        """Return how many sessions are due."""
        everything = Walk(self._listings, "", lambda: False)
        return len([session_id async for session_id in self._due(ruling, everything, Counter())])

    async def _due(
        self, ruling: Ruling, walk: Walk, counts: Counter[str], storage_class: str | None = None
    ) -> AsyncIterator[str]:
        """Yield the sessions that are due for a class, or for any."""
        async for summary in walk.sessions():
            if summary.place == "cold" or not summary.count or not ruling.seems_due(summary, "pack"):
                continue
            look = await ruling.look(Doomed(summary.id, summary.incarnation))
            if look.rule is None or look.rule.action != "pack":
                counts["not due"] += 1
            elif storage_class is None or _class_of(look.rule) == storage_class:
                yield summary.id


def classes_of_packs(rules: Iterable[Rule]) -> list[str]:
    """Return the classes that rules pack to, or move packs on to, in their order.

    Raises `InvalidOption` for rules that would move a pack on from a class where it must be restored first.
    """
    classes = [_class_of(rule) for rule in rules if rule.action == "pack"]
    for storage_class, colder in pairwise(classes):
        if tiers_of(storage_class):
            raise InvalidOption(
                f"from {storage_class} a pack can be moved on to {colder} only after it was restored, which no rule "
                f"does; name one of them, or have a lifecycle rule of the bucket move {PACKS} on"
            )
    return classes


def _classes(policies: Iterable[Policy]) -> list[str]:
    """Return the classes that rules pack to, in the order in which they are come to."""
    return sorted({_class_of(rule) for policy in policies for rule in policy.rules if rule.action == "pack"})


def _class_of(rule: Rule) -> str:
    return rule.storage_class or STANDARD
