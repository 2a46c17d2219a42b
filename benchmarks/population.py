"""A made-up population of sessions, the same at every run: whose they are, how long they go on, how often they change.

Fifty agents, of which the busiest has a quarter of the sessions; ids like those of coding agents and of chat threads;
names, rooms, senders, parents and labels. Nineteen of twenty sessions end within hours, after one to four changes that
the index gets to merge; the others go on for days or months and change up to sixty times. One of a hundred is deleted
at its end. All began within the last 18 months, ever more of them. Of those that changed in the last half an hour every
second is running, and one of 20,000 was left in that state by a crash.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from datetime import UTC, datetime
from itertools import accumulate
from math import exp, sqrt
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from s3store.index.entry import entry_of_head, microseconds, moment
from s3store.model import Metadata, Turn
from s3store.streams.head import Head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from s3store.index.entry import Entry

T = TypeVar("T")

_ROLES = ("coder", "reviewer", "support", "research", "triage", "release", "docs", "data", "ops", "sales")
AGENTS = tuple(f"{role}-{number}" for number in range(1, 6) for role in _ROLES)
"""From the busiest to the idlest: of n agents, number k has 1/k as many sessions as the first."""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The present of every population."""

_NOW = microseconds(NOW)
_MINUTE = 60 * 1_000_000
_DAY = 24 * 60 * _MINUTE
_SPAN = 18 * 30 * _DAY
_LONG_LIVED = 0.05
_LONGEST_DAYS = 200
_MOST_CHANGES = 60
_DELETED, _CRASHED, _FAILED = 100, 20_000, 50
_COMMITS = 12
_SHARES = tuple(accumulate(1 / rank for rank in range(1, len(AGENTS) + 1)))
_VERBS = (
    "Fix", "Add", "Remove", "Refactor", "Explain", "Review", "Test", "Document", "Migrate", "Release", "Revert",
    "Trace", "Deploy", "Draft", "Find",
)  # fmt: skip
_PLACES = (
    "login", "billing", "search", "import", "export", "checkout", "invoice", "webhook", "cache", "scheduler",
    "dashboard", "mailer", "upload",
)  # fmt: skip
_THINGS = (
    "test", "endpoint", "query", "job", "page", "token", "schema", "timeout", "retry", "migration", "report", "form",
    "error", "limit", "script",
)  # fmt: skip
_LABELS = (
    "prod", "staging", "eval", "urgent", "nightly",
)  # fmt: skip
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Change(NamedTuple):
    """One change of a session that the index is told. They sort by time."""

    at: int
    """Microseconds since 1970."""
    session: int
    """The number of the session, in the order in which they began."""
    place: int
    """Which change of this session it is, from 0, which made it."""
    began: int
    last: bool
    """Whether none comes after it."""


class Tail(NamedTuple):
    """The open tail of a head, compressed, and how many records it has."""

    frame: bytes
    records: int


def changes(sessions: int) -> Iterator[Change]:
    """Yield every change of so many sessions up to now, session by session."""
    for number in range(sessions):
        chance = random.Random(number)
        began = _NOW - _SPAN + int(_SPAN * sqrt((number + chance.random()) / sessions))
        times = [time for time in _later(chance, began) if time < _NOW]
        for place, time in enumerate([began, *times]):
            yield Change(time, number, place, began, last=place == len(times))


def entry_after(change: Change) -> Entry:
    """Return what the index says of the session after a change."""
    return entry_of_head(*head_after(change))


def head_after(change: Change, tail: Tail | None = None) -> tuple[str, Head]:
    """Return the session's id and its head after a change; without a tail only what the index is told of it."""
    dice = _Dice(change.session)
    session_id, metadata = _described(dice, change)
    incarnation, version = _ulid(dice, change.began), 1 + change.place * (1 + dice.below(12))
    deleted = dice.below(_DELETED) == 0 and change.last and change.place > 0
    return session_id, Head(
        incarnation=incarnation,
        version=version,
        commits=tuple(_ulid(dice, change.at) for _ in range(min(version, _COMMITS))) if tail else (),
        fence=0,
        segments=(),
        tail=b"",
        tail_frame=tail.frame if tail else b"",
        tail_count=tail.records if tail else 4 * version,
        tail_keys=frozenset(),
        created_at=moment(change.began),
        updated_at=moment(change.at),
        writer="s3store/0",
        metadata=Metadata() if deleted else metadata,
        deleted_at=moment(change.at) if deleted else None,
        size=700 + version * (900 + dice.below(2000)),
    )


def _later(chance: random.Random, began: int) -> list[int]:
    """Return when a session changes again, in order."""
    if chance.random() < _LONG_LIVED:
        days = _LONGEST_DAYS ** chance.random()
        lifetime, number = days * _DAY, min(_MOST_CHANGES, 2 + int(days / 2))
    else:
        lifetime, number = 15 * _MINUTE * exp(chance.gauss(0, 1.2)), chance.choice((1, 1, 2, 2, 3, 4))
    return sorted(began + int(lifetime * chance.random()) for _ in range(number - 1))


def _described(dice: _Dice, change: Change) -> tuple[str, Metadata]:
    agent = AGENTS[bisect(_SHARES, dice.below(10**9) / 10**9 * _SHARES[-1])]
    sender = f"user{dice.below(1 + dice.below(5000)):04d}@example.com"
    name = f"{dice.one_of(_VERBS)} the {dice.one_of(_PLACES)} {dice.one_of(_THINGS)} (#{dice.below(40_000)})"
    labels = frozenset({dice.one_of(_LABELS), dice.one_of(_LABELS)}) if dice.below(3) == 0 else frozenset()
    running = dice.below(_CRASHED) == 0 or (_NOW - change.at < 30 * _MINUTE and dice.below(2) == 0)
    state = "running" if running else "error" if dice.below(_FAILED) == 0 else "idle"
    metadata = Metadata(
        name=name if dice.below(8) else None,
        agent=agent,
        sender=sender,
        state=state,
        turn=Turn(f"turn-{change.place}", moment(change.at)) if running else None,
        labels=labels,
    )
    if dice.below(5) < 2:
        room = f"C{dice.below(200):05d}"
        return f"{agent}/{room}/{change.began / 1e6:.6f}", _with(metadata, channel="slack", room=room)
    parent = dice.uuid() if dice.below(12) == 0 else None
    return dice.uuid(), _with(metadata, channel="cli" if dice.below(3) else "web", parent=parent)


def _with(metadata: Metadata, **fields: str | None) -> Metadata:
    # Not `changed`, which checks and measures everything: there are millions to make.
    return Metadata(**{**vars(metadata), **fields})


class _Dice:
    """Throws that a session's number settles; far cheaper than to seed `random` a million times."""

    def __init__(self, number: int) -> None:
        self._rest = int.from_bytes(hashlib.shake_128(number.to_bytes(8, "big")).digest(256), "big")

    def below(self, limit: int) -> int:
        self._rest, thrown = divmod(self._rest, limit)
        return thrown

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def uuid(self) -> str:
        digits = f"{self.below(1 << 128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{digits[16:20]}-{digits[20:]}"


def _ulid(dice: _Dice, microseconds_since_1970: int) -> str:
    number = (microseconds_since_1970 // 1000 << 80) | dice.below(1 << 80)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))
