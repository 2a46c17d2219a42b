"""Filters that readers draw, each beside a few lines of plain Python that say what it means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .plan import SESSIONS

if TYPE_CHECKING:
    import random

    from ....model import Filters
    from .judge import Asked

_FILTERED = 0.4


def draw_filter(chance: random.Random, asked: Asked) -> tuple[Filters, Asked]:
    """Draw what to filter by, mostly nothing, and return it with what is asked by it."""
    if chance.random() >= _FILTERED:
        return {}, asked
    match chance.randrange(5):
        case 0:
            agent = chance.choice(("x", "y"))
            return {"agent": agent}, replace(asked, takes=lambda state: state.agent == agent, text=f"agent={agent}")
        case 1:
            kind = chance.choice(("running", "idle"))
            return {"state": kind}, replace(asked, takes=lambda state: state.state == kind, text=f"state={kind}")
        case 2:
            return {"labels": ["prod"]}, replace(asked, takes=lambda state: "prod" in state.labels, text="label=prod")
        case 3:
            start = chance.choice(SESSIONS)
            return {"id_prefix": start}, replace(asked, takes=lambda state: state.id == start, text=f"id={start}")
        case _:
            return {"name_prefix": "Name"}, replace(
                asked, takes=lambda state: (state.name or "").startswith("name"), text="name=Name…"
            )
