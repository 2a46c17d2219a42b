"""The objects of a simulated archive under rules of retention, and what must hold of them at every moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from ....keys import RETENTION, RETENTION_PLANS, is_transcript_head, transcript_head
from ....longterm.policies import Policy, RuleBook, Scope, write_book
from ....longterm.rules import parse_rules
from ....runtime import run
from ..bucket import Bucket, read_header
from .plan import BY_HAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....jsontext import JsonValue

IDLE = timedelta(hours=2)
"""How long a session is left alone until the rule deletes it."""
WAIT = timedelta(hours=1)
"""How long it stands in a plan before."""
_RULES = "idle 2h -> delete"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class RetentionBucket(Bucket):
    """Watches the heads of transcripts and the plans, with nothing of the code that is under test."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._clock = clock
        self._heads: dict[str, tuple[datetime, dict[str, JsonValue]]] = {}
        """When each was written last, and its header."""
        self._planned: dict[tuple[str, str], datetime] = {}
        """When a session and its incarnation stood in a plan first."""
        policy = Policy(Scope(), parse_rules(_RULES), None, _EPOCH)
        run(self.objects.put(RETENTION, write_book(RuleBook(1, (), (policy,), ()))))

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        etag = super().put(key, body, if_match, if_absent)
        now = self._clock()
        if key.startswith(RETENTION_PLANS):
            for each in orjson.loads(body)["sessions"]:
                self._planned.setdefault((each["id"], each["incarnation"]), now)
        elif is_transcript_head(key):
            header = read_header(body)
            if key in self._heads and "deleted" in header:
                self._watch_delete(key, now, *self._heads[key])
            self._heads[key] = now, header
        return etag

    def living(self) -> dict[str, list[str]]:
        """Return the ids of the sessions that live, each with the ids of its holds."""
        return {
            header["session"]: [hold["id"] for hold in header.get("holds", ())]
            for _, header in self._heads.values()
            if "deleted" not in header
        }

    def plans(self) -> list[str]:
        """Return the keys of the plans that there are."""
        return [found.key for found in run(self.objects.list_page(RETENTION_PLANS)).objects]

    def _watch_delete(self, key: str, now: datetime, written: datetime, before: dict[str, JsonValue]) -> None:
        if "deleted" in before:
            return
        if before.get("holds"):
            self.violations.append(f"{key} was deleted while it was held")
        if key == transcript_head(BY_HAND):
            return
        if now - written < IDLE:
            self.violations.append(f"{key} was deleted by rule {now - written} after it was written")
        planned = self._planned.get((before["session"], before["incarnation"]))
        if planned is None or now - planned < WAIT:
            self.violations.append(f"{key} was deleted by rule at {now}, planned {planned}")
