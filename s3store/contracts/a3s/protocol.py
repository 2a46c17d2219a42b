"""The contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from .artifacts import ArtifactStore
    from .records import RunRecord, TraceEvent, VerificationReport
    from .session import SessionData


class SessionStore(Protocol):
    """Keeps session documents, each under its id, which is any text at all, and four siblings of each.

    A sibling may be kept for an id that has no document. Every save is the last writer's. Every method may raise what
    `s3store.AsyncSessionStore` raises of the store's state; an outage is never None.
    """

    async def save(self, session: SessionData) -> None:
        """Store a document, in place of the one of its id. Its times are stored as they are.

        Raises `TooLarge` over `MAX_DOCUMENT_BYTES` of JSON.
        """
        ...

    async def load(self, session_id: str) -> SessionData | None:
        """Return a document; None if the id is unknown.

        Raises `CorruptObject` if it cannot be read, is none, or is another session's.
        """
        ...

    async def delete(self, session_id: str) -> None:
        """Delete a document and all siblings, also where there are only siblings; an unknown id is no error."""
        ...

    async def list(self) -> builtins.list[str]:
        """Return the ids of all documents, sorted. Siblings alone do not count."""
        ...

    async def exists(self, session_id: str) -> bool:
        """Tell whether there is a document. It is not read."""
        ...

    async def save_artifacts(self, session_id: str, artifacts: ArtifactStore) -> None:
        """Store a set of artifacts, in place of the one there was; an empty one too."""
        ...

    async def load_artifacts(self, session_id: str) -> ArtifactStore | None:
        """Return the artifacts in their order, all of them, whatever the limits; None if they were never saved."""
        ...

    async def save_trace_events(self, session_id: str, events: Sequence[TraceEvent]) -> None:
        """Store all trace events, in place of those there were; none at all too."""
        ...

    async def load_trace_events(self, session_id: str) -> builtins.list[TraceEvent] | None:
        """Return the trace events; None if they were never saved. Raises `CorruptObject`."""
        ...

    async def save_run_records(self, session_id: str, records: Sequence[RunRecord]) -> None:
        """Store all run records, in place of those there were; none at all too."""
        ...

    async def load_run_records(self, session_id: str) -> builtins.list[RunRecord] | None:
        """Return the run records; None if they were never saved. Raises `CorruptObject`."""
        ...

    async def save_verification_reports(self, session_id: str, reports: Sequence[VerificationReport]) -> None:
        """Store all verification reports, in place of those there were; none at all too."""
        ...

    async def load_verification_reports(self, session_id: str) -> builtins.list[VerificationReport] | None:
        """Return the verification reports; None if they were never saved. Raises `CorruptObject`."""
        ...

    async def health_check(self) -> None:
        """Write and remove a probe. Raises where that does not work, `BucketNotFound` for a missing bucket."""
        ...

    def backend_name(self) -> str:
        """Return `s3store`."""
        ...
