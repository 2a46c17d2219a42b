"""Where the last pass of maintenance stopped, so that the next one goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import orjson

from ..keys import MAINTENANCE
from ..objects.base import NoSuchKey

if TYPE_CHECKING:
    from ..objects.base import ObjectStore

Step: TypeAlias = Literal["compact", "delete", "plan", "pack", "settle", "move", "erase", "cleanup", "verify"]
"""What a pass does, in this order: merge the index's log; delete what was planned long enough ago; plan what rules
will delete; pack what rules say; have packed sessions stand on their packs alone; move packs on as rules say; finish
erasures that were broken off; clean up; compare the index with the sessions, and mend it."""
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Progress:
    """A place in a pass."""

    step: Step = STEPS[0]
    at: str = ""
    """The place in the step, in the step's own words; empty for its beginning."""

    @classmethod
    async def read(cls, store: ObjectStore) -> Progress:
        """Read where the last pass stopped. Every step may be done again: what cannot be read means the beginning."""
        try:
            found = orjson.loads((await store.get(MAINTENANCE)).body)
            step, at = found["step"], found["at"]
        except (NoSuchKey, ValueError, TypeError, LookupError):
            return cls()
        return cls(step, at) if step in STEPS and isinstance(at, str) else cls()

    async def write(self, store: ObjectStore) -> None:
        """Write it down. Of two at a time one wins, and the other's work is done twice: it does no harm."""
        await store.put(MAINTENANCE, orjson.dumps({"step": self.step, "at": self.at}))
