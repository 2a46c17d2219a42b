"""Histories of retention: users, holders and maintainers at work on the same sessions, with clocks that jump.

What must hold of them: no held session becomes a tombstone, whoever deletes; a rule deletes only what has been left
alone for long enough, and stood in a plan for long enough, by the store's clock; a hold that was acknowledged, and that
nobody released, is there in the end, and so is its session; and maintenance in peace deletes all else that is due.

From the ground up: `plan` (a history that is to be), `bucket` (the objects, and what must hold of them), `client` (who
calls), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import RETENTION_MODES, retention_plan_for
from .world import RetentionWorld

RETENTION = Scenario("retention", tuple(RETENTION_MODES), retention_plan_for, RetentionWorld)
"""The scenario."""

__all__ = ["RETENTION"]
