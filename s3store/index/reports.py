"""What the upkeep of the index reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .view import View

Fault: TypeAlias = Literal["missing", "behind", "ahead", "wrong", "gone"]
"""What is wrong with an entry: there is none; it is of an earlier version than the session, or of a later one; it says
something else than the head; or there is no such session."""

_MENDED_BY_THE_LOG = frozenset({"missing", "behind", "gone"})


@dataclass(frozen=True)
class Compacted:
    """What a compaction did."""

    merged: int
    """How many entries of the log were merged."""
    waiting: int
    """How many had to stay: their sessions may still be created."""
    written: int
    """How many entries the new pages hold."""
    replaced: int
    """How many pages they replaced."""


@dataclass(frozen=True)
class IndexStatus:
    """How large the index is, and what is to be merged."""

    log: int
    """How many entries the log has."""
    unconfirmed: int
    """How many of these belong to sessions that may still be created, or never were."""
    pages: int
    entries: int
    """How many entries the pages have; a session has one in each run that holds it."""
    bytes: int
    """The size of all pages."""
    runs: Mapping[int, int]
    """How many runs of pages there are of each tier."""
    version: int
    """How often the manifest has been replaced."""

    @classmethod
    def of(cls, view: View) -> IndexStatus:
        """Return the status of the index as it was read."""
        pages = view.manifest.pages
        return cls(
            len(view.logged),
            sum(not view.settled(logged) for logged in view.logged),
            len(pages),
            sum(page.count for page in pages),
            sum(page.size for page in pages),
            Counter(tier for _, tier in {(page.run, page.tier) for page in pages}),
            view.manifest.version,
        )


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did."""

    sessions: int
    """How many sessions the index holds now, apart from what was written meanwhile."""
    deleted: int
    """How many deleted ones it holds beside them."""
    damaged: tuple[str, ...]
    """What is wrong with heads that cannot be read, each with its key: their sessions are not in the index."""


@dataclass(frozen=True)
class Difference:
    """One session of which the index says something else than its head."""

    session_id: str
    fault: Fault
    indexed: int | None
    """The version that the index has, None for none."""
    stored: int | None
    """The version that the head has, None for none."""

    @property
    def needs_rebuild(self) -> bool:
        """Whether an entry in the log cannot mend it."""
        return self.fault not in _MENDED_BY_THE_LOG


@dataclass(frozen=True)
class Verified:
    """What a comparison found."""

    sessions: int
    """How many sessions there are, deleted ones left out."""
    differences: tuple[Difference, ...]
    damaged_heads: tuple[str, ...]
    """What is wrong with heads that cannot be read: nothing here mends them."""
    damaged_index: str | None
    """What is wrong with the index as a whole, so that it could not be compared; None if nothing is."""

    @property
    def right(self) -> bool:
        """Whether the index says just what the heads say, as far as these can be read."""
        return not self.differences and self.damaged_index is None

    @property
    def needs_rebuild(self) -> bool:
        """Whether the index has to be made anew."""
        return self.damaged_index is not None or any(found.needs_rebuild for found in self.differences)
