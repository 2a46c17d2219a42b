"""What is told of a clean-up, and of what is left of a session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..keys import StoredKind

RemovedKind: TypeAlias = Literal["segment", "body", "upload", "sibling", "check", "hot", "pack"]
"""What a clean-up removes: sealed segments and bodies of artifacts that no head names, uploads in parts that were never
finished, siblings that a delete which died half-way has left, what a check of the store has left, sealed segments of
sessions that stand in a pack, and packs that no session names."""
LeftReason: TypeAlias = Literal["young", "unreadable", "nameless", "raced", "failed", "foreign"]
"""Why a clean-up leaves something. `young`: it may belong to work in progress. `unreadable`: the head that would name
it is damaged. `nameless`: the id is too long for a key, and no head tells it. `raced`: others wrote at the same
time, or nothing tells whether the swap has landed; the next run will. `failed`: the store did not do it. `foreign`: it
is none of the archive's own."""
_MOST_FAILURES = 100


def note_failure(failures: list[str], what: str) -> None:
    """Add what went wrong to a report, which keeps the first 100 only."""
    if len(failures) < _MOST_FAILURES:
        failures.append(what)


@dataclass(frozen=True, slots=True)
class CleanUpProgress:
    """How far a clean-up has come."""

    prefixes: int
    """How many of the 256 prefixes have been looked through."""
    sessions: int
    removed: int
    """How many objects and uploads have been removed, or would have been."""


@dataclass(slots=True)
class CleanedUp:
    """What a clean-up did, or, in a dry run, what it would do."""

    dry_run: bool
    sessions: int = 0
    """How many sessions were looked at, deleted ones and those without a transcript included."""
    moved: int = 0
    """How many packs were moved to the storage class that they are for."""
    thinned: int = 0
    """How many packed sessions stand on their packs alone now."""
    erased: int = 0
    """How many sessions an erasure that was broken off had deleted, of which nothing is left now."""
    removed: Counter[RemovedKind] = field(default_factory=Counter)
    bytes: int = 0
    """The size of the objects that were removed; parts of uploads are not counted, for no listing tells their size."""
    left: Counter[LeftReason] = field(default_factory=Counter)
    """How many objects and uploads were left, and why."""
    failures: list[str] = field(default_factory=list)
    """What went wrong, each with its key: the first 100."""

    def failed(self, reason: LeftReason, number: int, what: str) -> None:
        """Note that something was left for want of success."""
        self.left[reason] += number
        note_failure(self.failures, what)


@dataclass(frozen=True, slots=True)
class Remnant:
    """One thing that is stored of a session."""

    key: str
    kind: StoredKind | Literal["tombstone", "upload", "version", "delete marker", "pack"]
    """A `version` is an earlier state that a bucket with versioning keeps, of whatever kind of object. A `pack` holds
    records of the session among those of others, or may: its record says that they were put there."""
    size: int
    """In bytes; 0 for uploads and delete markers, of which no listing tells it. Of a pack, that of the whole file."""
    version: str = ""
    """The store's name of the version; empty for what is no version but the object itself."""


@dataclass(frozen=True)
class Remains:
    """All that is stored of a session."""

    session_id: str
    found: tuple[Remnant, ...]

    @property
    def erased(self) -> bool:
        """Whether nothing is left but tombstones, which hold the id, times, a version and the ids of commits."""
        return all(remnant.kind == "tombstone" for remnant in self.found)


@dataclass(frozen=True)
class ErasedVersions:
    """What became of the earlier versions of a session's objects."""

    removed: int
    kept: tuple[tuple[Remnant, str], ...]
    """Those that could not go, each with the reason: a right that is missing, a hold, a retention period."""
