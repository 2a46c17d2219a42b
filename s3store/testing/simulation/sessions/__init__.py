"""Histories of the records of sessions: every call of a transcript, in every weather.

What must hold of them: each session is linearizable, deletes, cancelled calls and clean-ups among the calls; no head
ever names a segment that is gone or another; what is stored reads the same with zstd alone.

From the ground up: `plan` (a history that is to be), `client` (who calls), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import MODES, plan_for
from .world import SessionsWorld

SESSIONS = Scenario("sessions", tuple(MODES), plan_for, SessionsWorld)
"""The scenario."""

__all__ = ["SESSIONS"]
