"""What can be simulated, by name: each scenario has its own callers, and its own judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .index import INDEX_MODES, index_plan_for, run_index_plan, shrink_index
from .packs import PACKS_MODES, packs_plan_for
from .plan import MODES, plan_for
from .siblings import SIBLINGS_MODES, run_siblings_plan, shrink_siblings, siblings_plan_for
from .simulator import run_plan, shrink

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sized


class Outcome(Protocol):
    """What came of a history, whatever it is about."""

    violations: list[str]
    """What went wrong, in words; empty if nothing did."""
    requests: int
    faults: int

    @property
    def operations(self) -> Sized:
        """The calls."""
        ...

    @property
    def unknown(self) -> int:
        """How many calls ended without their outcome being known."""
        ...

    def digest(self) -> str:
        """Return a hash of all that happened."""
        ...

    def story(self) -> str:
        """Tell the history."""
        ...


@dataclass(frozen=True)
class Scenario:
    """One kind of thing to simulate. A plan is of the scenario's own type."""

    modes: Collection[str]
    """The kinds of histories that there are of it."""
    plan_for: Callable[[int, str | None], Any]
    """Draws the plan of a seed, in a mode or in the one that the seed chooses."""
    run: Callable[[Any], Outcome]
    """Runs a plan."""
    shrink: Callable[[Any], Outcome]
    """Runs a plan, and cuts it down as long as it still goes wrong."""


SCENARIOS: Mapping[str, Scenario] = {
    "sessions": Scenario(tuple(MODES), plan_for, run_plan, shrink),
    "index": Scenario(tuple(INDEX_MODES), index_plan_for, run_index_plan, shrink_index),
    "packs": Scenario(tuple(PACKS_MODES), packs_plan_for, run_plan, shrink),
    "siblings": Scenario(tuple(SIBLINGS_MODES), siblings_plan_for, run_siblings_plan, shrink_siblings),
}
