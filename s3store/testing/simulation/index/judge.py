"""Judging listings: whether what one showed can have been so, and whether what it left out may be missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ....model import ListOrder, SessionSummary
    from .truth import State, Truth

Place: TypeAlias = "tuple[datetime, str]"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing was to show."""

    order: ListOrder = "newest"
    limit: int | None = None
    after: Place | None = None
    """The place that the cursor stands at."""
    takes: Callable[[State], bool] = lambda _: True
    """The filters, apart from the product's own code."""
    text: str = ""
    """The filters in words."""

    def behind(self, place: Place) -> Asked:
        """Return the same, as it goes on behind a place."""
        return replace(self, after=place)

    def comes_before(self, place: Place, other: Place) -> bool:
        """Tell which of two places comes first."""
        return place > other if self.order == "newest" else place < other

    def shows(self, state: State) -> bool:
        """Tell whether a session in this state belongs into the listing."""
        return not state.deleted and self.takes(state) and not self.is_behind(state)

    def is_behind(self, state: State) -> bool:
        """Tell whether the cursor has passed this state's place."""
        return self.after is not None and not self.comes_before(self.after, state.place)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the listings of a caller who had been told what `floors` says when the listing began."""

    truth: Truth
    floors: Mapping[str, int]

    def listing(self, asked: Asked, shown: Sequence[SessionSummary], *, whole: bool, ends: bool = False) -> list[str]:
        """Return what is wrong with a listing.

        `whole` says that it is of one view from end to end; `ends` that nothing follows, though it may be full.
        """
        wrong = [each for summary in shown for each in self._shown(asked, summary)]
        wrong += self._order(asked, shown, whole=whole)
        if asked.limit is not None and len(shown) > asked.limit:
            wrong.append(f"shows {len(shown)} sessions, more than {asked.limit}")
        ids = {summary.id for summary in shown}
        last = None if ends else self._last(asked, shown)
        wrong += [
            f"misses {session_id}: {self._floor_line(session_id)}"
            for session_id in self.truth.sessions()
            if session_id not in ids and not self._may_miss(asked, session_id, last)
        ]
        return wrong

    def count(self, asked: Asked, counted: int) -> list[str]:
        """Return what is wrong with a count."""
        possible = [self._possible(session_id) for session_id in self.truth.sessions()]
        least = sum(all(map(asked.shows, states)) for states, missable in possible if not missable)
        most = sum(any(map(asked.shows, states)) for states, _ in possible)
        return [] if least <= counted <= most else [f"counts {counted}, there are {least} to {most}"]

    def pages(self, asked: Asked, pages: Sequence[Sequence[SessionSummary]]) -> list[str]:
        """Return what is wrong with pages put together: of what did not change, nothing is missing or shown twice."""
        shown = [(summary.id, summary.version) for page in pages for summary in page]
        wrong = [f"pages show {each} twice" for each in sorted(set(shown)) if shown.count(each) > 1]
        for session_id in self.truth.sessions():
            state = self.truth.states(session_id)[-1]
            fixed = self._is_fixed(session_id) and asked.shows(state)
            if fixed and (session_id, state.version) not in shown:
                wrong.append(f"no page shows {session_id}, which did not change")
        return wrong

    def _possible(self, session_id: str) -> tuple[list[State], bool]:
        """Return the states that a listing may have met, and whether it may have met none."""
        floor = self.floors.get(session_id, -1)
        return self.truth.states(session_id)[max(0, floor) :], floor < 0

    def _is_fixed(self, session_id: str) -> bool:
        """Tell whether a listing can have met a session in one state only."""
        states, missable = self._possible(session_id)
        return len(states) == 1 and not missable

    def _shown(self, asked: Asked, summary: SessionSummary) -> list[str]:
        states, _ = self._possible(summary.id)
        state = next((each for each in states if each.is_shown_by(summary)), None)
        if state is None:
            before = any(each.is_shown_by(summary) for each in self.truth.states(summary.id))
            what = "is out of date" if before else "never was so"
            floor = self._floor_line(summary.id)
            return [f"shows {summary.id} at version {summary.version} of {summary.incarnation}, which {what}; {floor}"]
        if not asked.shows(state):
            return [f"shows {summary.id} at version {summary.version}, which was not asked for"]
        return []

    def _order(self, asked: Asked, shown: Sequence[SessionSummary], *, whole: bool) -> list[str]:
        ids = [summary.id for summary in shown]
        if len(set(ids)) < len(ids):
            return [f"shows a session twice: {ids}"]
        # What changed while a listing started over may stand where the new view is gone on with.
        fixed = [(summary.updated_at, summary.id) for summary in shown if whole or self._is_fixed(summary.id)]
        if any(not asked.comes_before(one, next_) for one, next_ in pairwise(fixed)):
            return [f"is not in order: {fixed}"]
        return []

    def _last(self, asked: Asked, shown: Sequence[SessionSummary]) -> Place | None:
        """Return the place up to which a listing came; None if it came to its end."""
        if asked.limit is None or len(shown) < asked.limit:
            return None
        places = [(summary.updated_at, summary.id) for summary in shown]
        return min(places, default=None) if asked.order == "newest" else max(places, default=None)

    def _may_miss(self, asked: Asked, session_id: str, last: Place | None) -> bool:
        states, missable = self._possible(session_id)
        return missable or any(
            not asked.shows(state) or (last is not None and asked.comes_before(last, state.place)) for state in states
        )

    def _floor_line(self, session_id: str) -> str:
        floor = self.floors.get(session_id, -1)
        if floor < 0:
            return "nobody was told of it"
        state = self.truth.states(session_id)[floor]
        return f"version {state.version} of {state.incarnation} was told{', deleted' if state.deleted else ''}"
