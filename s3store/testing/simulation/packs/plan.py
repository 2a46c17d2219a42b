"""A history of packing that is to be: one of sessions, with packing among the calls."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from ..network import WEATHERS, Weather
from ..sessions.plan import ClientPlan, Mode, Plan, Step, draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..sessions.plan import StepKind

_CALLS: Mapping[StepKind, int] = {
    "append": 14, "save": 4, "remove_last": 4, "clear": 1, "delete": 4, "load": 8, "last": 2, "sweep": 4,
    "pack": 16, "settle": 16, "drop": 8, "unpack": 4,
}  # fmt: skip
_QUIET = Weather(faults=0.05)

PACKS_MODES: Mapping[str, Mode] = {
    "fair": Mode(WEATHERS["fair"], calls=_CALLS, most_calls=10),
    "lossy": Mode(WEATHERS["lossy"], skewed=True, calls=_CALLS, most_calls=10),
    "late": Mode(WEATHERS["late"], calls=_CALLS, most_calls=10),
    "drops": Mode(_QUIET, dozes=0.2),
    "rot": Mode(_QUIET, calls=_CALLS, most_calls=10, rots=True),
    "classes": Mode(_QUIET, dozes=0.2, classes=True),
    "crashes": Mode(WEATHERS["lossy"], crashes=0.6, cancels=0.1, skewed=True, calls=_CALLS, most_calls=10),
    "storm": Mode(WEATHERS["storm"], crashes=0.4, cancels=0.05, skewed=True, dozes=0.02, calls=_CALLS, most_calls=10),
}
"""The kinds of histories by name. A seed alone takes them in turn."""

_PARTS: Mapping[str, tuple[tuple[int, Mapping[StepKind, int]], ...]] = {
    "drops": (
        (6, {"append": 1, "pack": 3}),
        (16, {"drop": 1}),
        (16, {"drop": 1}),
        (10, {"settle": 1}),
    ),
    "classes": (
        (16, {"append": 1, "pack": 4, "clear": 1}),
        (10, {"drop": 1}),
        (12, {"settle": 1}),
        (8, {"settle": 3, "unpack": 1, "load": 1}),
    ),
}
"""Where each process has a part of its own: what it calls, and how often."""


def packs_plan_for(seed: int, mode: str | None = None) -> Plan:
    """Draw the plan of a seed. `mode` is one of `PACKS_MODES`; without one, the seed chooses."""
    names = list(PACKS_MODES)
    name = names[seed % len(names)] if mode is None else mode
    plan = draw(seed, PACKS_MODES[name])
    return _each_its_part(plan, _PARTS[name]) if name in _PARTS else plan


def _each_its_part(plan: Plan, parts: Sequence[tuple[int, Mapping[StepKind, int]]]) -> Plan:
    """Return the plan with one who writes and packs, some who drop, and some who settle, all of one session."""
    chance = random.Random(plan.seed)  # noqa: S311 - a simulation must be repeatable
    steps = [
        [_step(chance, part, f"{number}.{at}") for at in range(calls)] for number, (calls, part) in enumerate(parts)
    ]
    steps[0].insert(0, replace(steps[0][0], kind="append", messages=("first",)))
    clients = tuple(ClientPlan(number, tuple(of_one)) for number, of_one in enumerate(steps))
    return replace(plan, clients=clients, crashes=())


def _step(chance: random.Random, part: Mapping[StepKind, int], message: str) -> Step:
    kind = chance.choices(list(part), weights=list(part.values()))[0]
    return Step(
        seed=chance.getrandbits(48),
        kind=kind,
        session_id="s0",
        messages=(message,),
        keys=(None,),
        by_handle=False,
        must_exist=False,
        expects=False,
        resolves=False,
    )
