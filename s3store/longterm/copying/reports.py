"""What a copy tells of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["new", "updated", "rewritten", "unchanged", "refused", "failed", "gone"]
"""What a copy did with a session. `updated`: the target's was an earlier state whose records are all there still.
`rewritten`: some of the target's records are not there any more. `refused`: nothing, for the target's has something of
its own. `failed`: it could not be read or written. `gone`: it was deleted after it had been listed."""


@dataclass(frozen=True, slots=True)
class CopiedSession:
    """What a copy did with one session."""

    id: str
    outcome: Outcome
    records: int = 0
    """How many records were written to the target, those beside the transcript counted in."""
    reason: str | None = None
    """Why it was refused or failed."""


@dataclass(slots=True)
class Copied:
    """What a copy did."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """How many sessions had each outcome."""
    records: int = 0
    """How many records were written to the target."""

    @property
    def sessions(self) -> int:
        """How many sessions were looked at."""
        return self.outcomes.total()

    @property
    def is_complete(self) -> bool:
        """Whether the target has now all that the source had of each session: none was refused, none failed."""
        return not (self.outcomes["refused"] or self.outcomes["failed"])

    def add(self, done: CopiedSession) -> None:
        """Count a session."""
        self.outcomes[done.outcome] += 1
        self.records += done.records
