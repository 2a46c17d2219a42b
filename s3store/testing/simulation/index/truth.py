"""What the sessions of a history were at each moment, as their heads said, and what callers had been told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ....jsontext import JsonValue
    from ....model import SessionInfo, SessionSummary


class State(NamedTuple):
    """A session after one of its commits."""

    id: str
    incarnation: str
    version: int
    records: int
    created_at: datetime
    updated_at: datetime
    deleted: bool
    name: str | None
    agent: str | None
    state: str | None
    labels: frozenset[str]
    commit: str
    """The id of the commit that made it."""

    @classmethod
    def of_header(cls, header: Mapping[str, JsonValue]) -> State:
        """Read the header of a head."""
        metadata: dict[str, Any] = header.get("metadata") or {}
        return cls(
            header["session"],
            header["incarnation"],
            header["version"],
            header["count"],
            datetime.fromisoformat(header["created_at"]),
            datetime.fromisoformat(header["updated_at"]),
            "deleted" in header,
            metadata.get("name"),
            metadata.get("agent"),
            metadata.get("state"),
            frozenset(metadata.get("labels") or ()),
            header["commits"][-1],
        )

    @property
    def place(self) -> tuple[datetime, str]:
        """Where a listing shows it."""
        return self.updated_at, self.id

    def is_shown_by(self, summary: SessionSummary) -> bool:
        """Tell whether a listing says of the session just what it was."""
        return (
            not self.deleted
            and self[:6]
            == (
                summary.id,
                summary.incarnation,
                summary.version,
                summary.count,
                summary.created_at,
                summary.updated_at,
            )
            and self[7:11] == (summary.name, summary.agent, summary.state, summary.labels)
        )


class Owner:
    """One life of a process: what it was told, it has to see from then on."""


@dataclass(slots=True)
class _Session:
    states: list[State] = field(default_factory=list)
    created: int = -1
    """The place of the last state before which there was no session."""
    told: dict[Owner | None, int] = field(default_factory=dict)
    """The place of the newest state that was acknowledged to an owner, or, under None, for everybody to see."""


class Truth:
    """All states of all sessions. `violations` tells of heads that go back."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._sessions: dict[str, _Session] = {}

    def landed(self, header: Mapping[str, JsonValue]) -> None:
        """Take in a head that has just been stored."""
        state = State.of_header(header)
        session = self._sessions.setdefault(state.id, _Session())
        last = session.states[-1] if session.states else None
        if last is not None:
            if (state.incarnation, state.version) <= (last.incarnation, last.version):
                self.violations.append(f"{state.id}: version {state.version} does not sort behind {last.version}")
            if state.updated_at <= last.updated_at:
                self.violations.append(f"{state.id}: version {state.version} is not later than {last.version}")
        if not state.deleted and (last is None or last.deleted):
            session.created = len(session.states)
        session.states.append(state)

    def sessions(self) -> list[str]:
        """Return the ids of all sessions that there ever were."""
        return sorted(self._sessions)

    def states(self, session_id: str) -> list[State]:
        """Return what a session was, the newest last."""
        session = self._sessions.get(session_id)
        return [] if session is None else session.states

    def live(self) -> list[State]:
        """Return the sessions that there are, in the order of their places."""
        last = [session.states[-1] for session in self._sessions.values()]
        return sorted((state for state in last if not state.deleted), key=lambda state: state.place)

    def acknowledge(self, session_id: str, place: int, owner: Owner | None) -> None:
        """Note that a state has been acknowledged, for everybody to see or for its owner alone."""
        told = self._sessions[session_id].told
        told[owner] = max(place, told.get(owner, -1))

    def place_of(self, info: SessionInfo) -> int | None:
        """Return the place of the state that a caller was shown; None if there never was such."""
        return self._find(info.id, lambda state: (state.incarnation, state.version) == (info.incarnation, info.version))

    def place_of_commit(self, session_id: str, commit_id: str) -> int | None:
        """Return the place of the state that a commit made; None if it made none."""
        return self._find(session_id, lambda state: state.commit == commit_id)

    def place_of_tombstone(self, session_id: str, start: int) -> int | None:
        """Return the place of the first state, from a place on, in which the session is deleted."""
        states = self.states(session_id)
        return next((place for place in range(max(0, start), len(states)) if states[place].deleted), None)

    def own(self, owner: Owner) -> dict[str, int]:
        """Return what has been acknowledged to an owner, as places by session."""
        return {name: session.told[owner] for name, session in self._sessions.items() if owner in session.told}

    def floors(self, owner: Owner) -> dict[str, int]:
        """Return for each session the place of the oldest state that a listing which begins now may show.

        Nothing that an owner or everybody was told may be missed, and no session that there is, whether its creator
        was told so or not. A session without a floor may be missed.
        """
        return {
            name: max(session.created, session.told.get(None, -1), session.told.get(owner, -1))
            for name, session in self._sessions.items()
        }

    def _find(self, session_id: str, wanted: Callable[[State], bool]) -> int | None:
        states = self.states(session_id)
        return next((place for place in reversed(range(len(states))) if wanted(states[place])), None)
