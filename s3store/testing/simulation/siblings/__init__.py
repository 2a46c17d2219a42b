"""Histories of siblings: writers, deleters and cleaners at work on the same sessions, sleepers and crashes among them.

What must hold of them: no head ever names a segment or a body that is gone; each stream is linearizable, deletes and
clean-ups under way or not; a clean-up in peace leaves nothing that no head names, and a delete in peace nothing but
tombstones.

From the ground up: `plan` (a history that is to be), `bucket` (the objects, and what must hold of them), `writer` (of
artifacts), `client` (who calls), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import SIBLINGS_MODES, siblings_plan_for
from .world import SiblingsWorld

SIBLINGS = Scenario("siblings", tuple(SIBLINGS_MODES), siblings_plan_for, SiblingsWorld)
"""The scenario."""

__all__ = ["SIBLINGS"]
