"""Histories of inboxes: senders, workers and cleaners at work on the same sessions, sleepers and crashes among them.

What must hold of them: a message whose sender was told so stands in its inbox once, in the order of the sending, and is
done in the end although nobody looks but where a bell was rung; each is answered once, in the order of the inbox; of
those to whom one was handed, one alone is told that it did it; and what was told to be done is never handed out again.

From the ground up: `plan` (a history that is to be), `bucket` (the objects, and what must hold of them), `ledger` (what
clients were told, and what must hold of that), `client` (who calls), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import INBOX_MODES, inbox_plan_for
from .world import InboxWorld

INBOX = Scenario("inbox", tuple(INBOX_MODES), inbox_plan_for, InboxWorld)
"""The scenario."""

__all__ = ["INBOX"]
