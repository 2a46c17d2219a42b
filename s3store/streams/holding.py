"""Holds: what keeps a session from being deleted.

They stand in the head of its transcript, and nowhere else. A delete is a swap of that head, so of a hold and a delete
one sees the other: no clock and no second object has to agree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import SessionNotFound, TooLarge
from ..model import MAX_HOLDS, Hold
from .change import ONE_TICK, next_version, propose_head
from .terms import living

if TYPE_CHECKING:
    from .change import Workplace
    from .commit import Known, Proposal
    from .head import Head
    from .terms import Terms


class Holding:
    """A change that puts a hold on a session: the same reason by the same person only once."""

    def __init__(self, place: Workplace, terms: Terms, reason: str, who: str | None) -> None:
        self._place = place
        self._terms = terms
        self.commit_id = place.runtime.ulid()
        self._hold = Hold.of(self.commit_id, reason, who, place.runtime.now())

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head with the hold; None if it is there. Raises what the terms raise, and `TooLarge`."""
        live = _live(self._place, self._terms, base)
        if self.found_in(live) is not None:
            return None
        if len(live.holds) >= MAX_HOLDS:
            raise TooLarge(f"session {self._place.keys.session_id!r}: has {MAX_HOLDS} holds, and can have no more")
        return _propose(self._place, live, self.commit_id, (*live.holds, self._hold))

    def found_in(self, head: Head) -> Hold | None:
        """Return the hold for this reason by this person."""
        wanted = self._hold.reason, self._hold.who
        return next((hold for hold in head.holds if (hold.reason, hold.who) == wanted), None)


class Releasing:
    """A change that takes holds off a session: the one of an id, or all."""

    def __init__(self, place: Workplace, terms: Terms, hold_id: str | None) -> None:
        self._place = place
        self._terms = terms
        self._hold_id = hold_id
        self.commit_id = place.runtime.ulid()

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        """Return the head without them; None if there are none. Raises `SessionNotFound`, `SessionDeleted`."""
        live = _live(self._place, self._terms, base)
        stay = tuple(hold for hold in live.holds if self._hold_id not in {None, hold.id})
        return None if stay == live.holds else _propose(self._place, live, self.commit_id, stay)


def _live(place: Workplace, terms: Terms, base: Known[Head]) -> Head:
    terms.check(place.keys.session_id, base.state)
    live = living(base.state)
    if live is None:
        raise SessionNotFound(f"session {place.keys.session_id!r}: not found")
    return live


def _propose(place: Workplace, live: Head, commit_id: str, holds: tuple[Hold, ...]) -> Proposal[Head]:
    # By no more than a tick: a hold is no news of the session, and must not make an idle one busy.
    after = replace(live, **next_version(live, commit_id, live.updated_at + ONE_TICK))
    return propose_head(place.keys, replace(after, holds=holds, idle=live.idle + 1))
