"""Histories of packing: sessions that move into packs and back while others write to them.

They are those of sessions, with the same callers and the same judge: whoever loads a session must be told what he would
have been told had nobody packed it. The bucket watches that no head ever stands on a pack that is not there.

Packers, cleaners, droppers and those who resume sessions race each other, crash, and lose answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..network import WEATHERS
from ..plan import Mode, Plan, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..plan import Step, StepKind

_CALLS: Mapping[StepKind, int] = {
    "append": 14, "save": 4, "remove_last": 4, "clear": 1, "delete": 4, "load": 8, "last": 2, "sweep": 4,
    "pack": 16, "settle": 16, "drop": 8, "unpack": 4,
}  # fmt: skip

_PARTS: tuple[tuple[StepKind, ...], ...] = (("append", "pack"), ("drop", "drop", "settle"), ("settle", "drop"))

PACKS_MODES: Mapping[str, Mode] = {
    "fair": Mode(WEATHERS["fair"], calls=_CALLS),
    "lossy": Mode(WEATHERS["lossy"], skewed=True, calls=_CALLS),
    "late": Mode(WEATHERS["late"], calls=_CALLS),
    "drops": Mode(WEATHERS["late"]),
    "crashes": Mode(WEATHERS["lossy"], crashes=0.6, cancels=0.1, skewed=True, calls=_CALLS),
    "storm": Mode(WEATHERS["storm"], crashes=0.4, cancels=0.05, skewed=True, calls=_CALLS),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


def packs_plan_for(seed: int, mode: str | None = None) -> Plan:
    """Draw the plan of a seed. `mode` is one of `PACKS_MODES`; without one, the seed chooses."""
    names = list(PACKS_MODES)
    name = names[seed % len(names)] if mode is None else mode
    plan = draw(seed, PACKS_MODES[name])
    return _each_its_part(plan) if name == "drops" else plan


def _each_its_part(plan: Plan) -> Plan:
    """Return the plan with one who writes and packs, one who drops, and one who settles."""
    clients = [
        replace(
            client,
            steps=tuple(
                _as(step, parts[at % len(parts)], f"{number}.{at}") for at, step in enumerate(client.steps * 2)
            ),
        )
        for number, (client, parts) in enumerate(zip(plan.clients, _PARTS, strict=False))
    ]
    return replace(plan, clients=tuple(clients))


def _as(step: Step, kind: StepKind, message: str) -> Step:
    return replace(step, kind=kind, session_id="s0", messages=(message,), keys=(None,))
