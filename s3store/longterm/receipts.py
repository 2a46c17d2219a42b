"""What is told of an erasure."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..times import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from ..jsontext import JsonValue

RECEIPT_FORMAT = "s3store.receipt/1"
"""What a receipt says of itself."""
Outcome: TypeAlias = Literal["erased", "held", "left", "failed", "would erase"]
"""What became of a session. `left`: it is deleted, and something of it could not go, as under Object Lock."""


@dataclass(frozen=True, slots=True)
class Erased:
    """One session that was to be erased."""

    id: str
    outcome: Outcome
    left: Counter[str] = field(default_factory=Counter)
    """What is left of it beside tombstones, by kind."""
    earlier: bool = False
    """Whether an erasure that was broken off had deleted it, whatever its filters were, and this one finished that."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when, and what is left."""

    archive: str
    at: datetime
    """The store's time when it was begun."""
    filters: tuple[str, ...]
    """The names of the filters; what they asked for may itself be what was to be forgotten."""
    sessions: tuple[Erased, ...]
    """Those that the filters showed, and behind them those of erasures that were broken off before."""
    failures: tuple[str, ...]
    """What went wrong, or could not be proved."""

    @property
    def complete(self) -> bool:
        """Whether every session is erased and nothing else is left of any."""
        return not self.failures and all(each.outcome in {"erased", "would erase"} for each in self.sessions)

    def to_json(self, *, hashed: bool = True) -> dict[str, JsonValue]:
        """Return it as JSON; with `hashed`, the SHA-256 of each id stands in its place, and no message of a failure."""
        return {
            "format": RECEIPT_FORMAT,
            "archive": self.archive,
            "at": format_time(self.at),
            "filters": list(self.filters),
            "complete": self.complete,
            "sessions": [
                {
                    **({"sha256": hashlib.sha256(each.id.encode()).hexdigest()} if hashed else {"id": each.id}),
                    "outcome": each.outcome,
                    "left": dict(each.left),
                    **({"earlier": True} if each.earlier else {}),
                }
                for each in self.sessions
            ],
            "failures": len(self.failures) if hashed else list(self.failures),
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of erasures that were broken off; in a dry run, what would."""

    erased: int = 0
    """Of how many of their sessions nothing is left now."""
    alive: int = 0
    """How many of their sessions they had not come to: those stay, until they are erased again."""
    failures: tuple[str, ...] = ()
