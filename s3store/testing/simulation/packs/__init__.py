"""Histories of packing: sessions that move into packs and back while others write to them.

They are those of sessions, with the same callers and the same judge: whoever loads a session must be told what he would
have been told had nobody packed it. The bucket watches that no head ever stands on a pack that is gone, or comes to
name one that is not what was sent. Packers, cleaners, droppers and those who resume sessions race each other, sleep,
crash, and lose answers. In peace, at the end, no pack is left that no session needs.

From the ground up: `plan` (a history that is to be), `bucket` (the objects, and what must hold of them), `client` (who
packs), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import PACKS_MODES, packs_plan_for
from .world import PacksWorld

PACKS = Scenario("packs", tuple(PACKS_MODES), packs_plan_for, PacksWorld)
"""The scenario."""

__all__ = ["PACKS"]
