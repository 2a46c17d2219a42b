"""A session document together with all that is kept beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .artifacts import ArtifactStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...siblings.model import Apart
    from .records import RunRecord, TraceEvent, VerificationReport
    from .session import SessionData


@dataclass(frozen=True, kw_only=True)
class SessionSnapshot:
    """A session with its siblings, saved together."""

    session: SessionData
    artifacts: ArtifactStore = field(default_factory=ArtifactStore)
    trace_events: tuple[TraceEvent, ...] = ()
    run_records: tuple[RunRecord, ...] = ()
    verification_reports: tuple[VerificationReport, ...] = ()
    apart: Mapping[str, Apart] = field(default_factory=dict)
    """Of one that was loaded: which siblings (`artifacts`, `traces`, `runs`, `verification`) do not belong to the
    document, and why: `changed` since both were saved together, or that save is `unfinished`."""

    @property
    def together(self) -> bool:
        """Whether the document and its siblings belong together."""
        return not self.apart
