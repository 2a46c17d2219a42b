"""How far the records of a stream have been worked off, in order, by takers who may die: what a head says of it.

One taker at a time holds a lease on the first record that is not done. All of this is changed by the compare-and-swap
of the head alone, so that of takers who race one wins, and a taker who lost its lease cannot say that it is done.
Clocks decide no more than how soon a record is handed to somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import LeaseLost
from ..times import format_time, parse_time
from .segments import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..jsontext import JsonValue

MAX_LEASE = 7 * 86400.0
"""The longest lease, in seconds."""
GRACE = 0.1
"""By how much of its length others let a lease run over its end, for clocks that do not agree."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is at the record, and until when by its own clock."""

    holder: str
    """A ULID, new for each taking."""
    seconds: float
    until: datetime

    def ends_for_others(self) -> datetime:
        """Return when somebody else may take the record."""
        return self.until + timedelta(seconds=self.seconds * GRACE)


@dataclass(frozen=True, slots=True)
class Consumption:
    """How far a stream has been worked off."""

    done: int = 0
    """How many records, from the first on, are done: the number of the next one."""
    attempts: int = 0
    """How often the next one has been taken."""
    lease: Lease | None = None
    finisher: str | None = None
    """The holder that the last record was done by: it may say so again."""

    def is_free(self, now: datetime) -> bool:
        """Tell whether somebody else may take the next record."""
        return self.lease is None or now >= self.lease.ends_for_others()

    def take(self, holder: str, now: datetime, seconds: float) -> Consumption:
        """Return it with the next record taken."""
        return replace(self, attempts=self.attempts + 1, lease=_lease(holder, now, seconds))

    def extend(self, holder: str, now: datetime, seconds: float) -> Consumption:
        """Return it with the holder's lease running from now on. Raises `LeaseLost`."""
        self._check(holder)
        return replace(self, lease=_lease(holder, now, seconds))

    def release(self, holder: str) -> Consumption:
        """Return it with the record given back, for anybody to take. Raises `LeaseLost`."""
        self._check(holder)
        return replace(self, lease=None)

    def finish(self, holder: str) -> Consumption:
        """Return it with the record done; done already by this holder, it stays as it is. Raises `LeaseLost`."""
        if self.finisher == holder:
            return self
        self._check(holder)
        return Consumption(self.done + 1, finisher=holder)

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as it stands in a head."""
        found: dict[str, JsonValue] = {"done": self.done, "attempts": self.attempts}
        if self.lease is not None:
            found["lease"] = {
                "holder": self.lease.holder,
                "seconds": self.lease.seconds,
                "until": format_time(self.lease.until),
            }
        if self.finisher is not None:
            found["finisher"] = self.finisher
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, JsonValue]) -> Consumption:
        """Read what `to_json` wrote. Raises `ValueError`, `TypeError`, `LookupError` or `AttributeError` for other."""
        lease = found.get("lease")
        return cls(
            whole_number(found.get("done", 0)),
            whole_number(found.get("attempts", 0)),
            None if lease is None else Lease(lease["holder"], _seconds(lease["seconds"]), parse_time(lease["until"])),
            found.get("finisher"),
        )

    def _check(self, holder: str) -> None:
        if self.lease is None or self.lease.holder != holder:
            raise LeaseLost("the message is no longer held: its lease ran out, and it was taken again or given back")


UNTOUCHED = Consumption()
"""Nothing was taken yet."""


def _lease(holder: str, now: datetime, seconds: float) -> Lease:
    return Lease(holder, seconds, now + timedelta(seconds=seconds))


def _seconds(found: JsonValue) -> float:
    if not isinstance(found, int | float) or not 0 < found <= MAX_LEASE:
        raise ValueError("no length of a lease")
    return float(found)
