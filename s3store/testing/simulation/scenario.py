"""A kind of thing to simulate: its plans, and the world in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .report import Operation, Plan, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .world import World

P = TypeVar("P", bound=Plan)
O = TypeVar("O", bound=Operation)  # noqa: E741 - an operation


@dataclass(frozen=True)
class Scenario(Generic[P, O]):
    """One kind of thing to simulate, with callers and a judge of its own."""

    name: str
    modes: Collection[str]
    """The kinds of histories that there are of it."""
    plan_for: Callable[[int, str | None], P]
    """Draws the plan of a seed, in a mode or in the one that the seed chooses."""
    world: Callable[[P], World[P, O, Any, Any]]
    """Makes the world of a plan."""

    def simulate(self, seed: int, mode: str | None = None) -> Report[P, O]:
        """Run the history of a seed, in one of `modes`, or in the one that the seed chooses."""
        return self.run(self.plan_for(seed, mode))

    def run(self, plan: P) -> Report[P, O]:
        """Run a plan and judge what came of it. Never raises for what the product does: that is a violation."""
        return self.world(plan).run()

    def shrink(self, plan: P) -> Report[P, O]:
        """Return the report of a shortest plan that still goes wrong: fewer calls, fewer faults, fewer crashes.

        Leaving out any one more would make it go right. A plan that does not go wrong is returned as it is.
        """
        best = self.run(plan)
        while best.violations:
            worse = next((report for report in map(self.run, best.plan.smaller()) if report.violations), None)
            if worse is None:
                break
            best = worse
        return best
