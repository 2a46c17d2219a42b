"""What a search gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model import SessionSummary


@dataclass(frozen=True)
class Hit:
    """A session that was found."""

    session: SessionSummary
    seq: int | None
    """The number of the record that fits best; None where only the session's id or name has the words."""
    snippet: tuple[tuple[str, bool], ...]
    """A part of that record's text, in pieces: each with whether it is one of the words that were looked for."""

    @property
    def text(self) -> str:
        """The snippet as plain text."""
        return "".join(piece for piece, _ in self.snippet)


@dataclass(frozen=True)
class Found:
    """What a search found, the best first."""

    hits: tuple[Hit, ...]
    unreadable: tuple[str, ...] = ()
    """The ids of sessions that changed and could not be read, since what is stored of them is damaged: they were
    searched as they were before, or not at all."""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)
