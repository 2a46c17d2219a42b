"""A mistake, put into the protocol on purpose, and how the simulator finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ..simulation.world import LEAKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..simulation import AnyReport, Scenario

MUTATIONS: dict[str, Mutation] = {}
"""All of them, by name."""


@dataclass(frozen=True)
class Mutation:
    """One rule that keeps data safe, broken."""

    name: str
    rule: str
    """The rule, as `docs/protocol.md` has it."""
    scenario: Scenario[Any, Any]
    mode: str
    seed: int
    """The first seed, from 0 on, whose history goes wrong with it."""
    apply: Callable[[pytest.MonkeyPatch], None]
    """Breaks the rule in the product, until the patch is undone."""

    def search(self, seeds: Iterable[int]) -> AnyReport | None:
        """Return the first of the histories of these seeds in which the simulator catches it; None if it does in none.

        A history in which an error came through does not count: it may be one of the mutation itself.
        """
        with pytest.MonkeyPatch.context() as patch:
            self.apply(patch)
            reports = (self.scenario.simulate(seed, self.mode) for seed in seeds)
            return next((report for report in reports if _caught(report)), None)


def _caught(report: AnyReport) -> bool:
    return bool(report.violations) and not any(violation.startswith(LEAKED) for violation in report.violations)


def mutation(
    rule: str, scenario: Scenario[Any, Any], mode: str, seed: int
) -> Callable[[Callable[[pytest.MonkeyPatch], None]], Callable[[pytest.MonkeyPatch], None]]:
    """Add what the decorated function does to the product to `MUTATIONS`, under the name of the function."""

    def add(apply: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
        name = apply.__name__.replace("_", " ")
        MUTATIONS[name] = Mutation(name, rule, scenario, mode, seed, apply)
        return apply

    return add
