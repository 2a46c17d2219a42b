"""The blocking face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import run
from ..namespace import archive_of
from .store import A3sCore

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from .artifacts import ArtifactStore
    from .records import RunRecord, TraceEvent, VerificationReport
    from .session import SessionData
    from .snapshot import SessionSnapshot


class A3sStore:
    """The contract `SessionStore` of A3S, on an archive, for callers that block.

    Its sessions are those of `store` whose id starts with `a3s/`. Close the store when done.
    """

    def __init__(self, store: SessionStore) -> None:
        self._core = A3sCore(archive_of(store, SessionStore))

    def save(self, session: SessionData) -> None:
        """See `SessionStore.save`."""
        run(self._core.save(session))

    def load(self, session_id: str) -> SessionData | None:
        """See `SessionStore.load`."""
        return run(self._core.load(session_id))

    def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        run(self._core.delete(session_id))

    def list(self) -> builtins.list[str]:
        """See `SessionStore.list`."""
        return run(self._core.list())

    def exists(self, session_id: str) -> bool:
        """See `SessionStore.exists`."""
        return run(self._core.exists(session_id))

    def save_artifacts(self, session_id: str, artifacts: ArtifactStore) -> None:
        """See `SessionStore.save_artifacts`."""
        run(self._core.save_artifacts(session_id, artifacts))

    def load_artifacts(self, session_id: str) -> ArtifactStore | None:
        """See `SessionStore.load_artifacts`."""
        return run(self._core.load_artifacts(session_id))

    def save_trace_events(self, session_id: str, events: Sequence[TraceEvent]) -> None:
        """See `SessionStore.save_trace_events`."""
        run(self._core.save_trace_events(session_id, events))

    def load_trace_events(self, session_id: str) -> builtins.list[TraceEvent] | None:
        """See `SessionStore.load_trace_events`."""
        return run(self._core.load_trace_events(session_id))

    def save_run_records(self, session_id: str, records: Sequence[RunRecord]) -> None:
        """See `SessionStore.save_run_records`."""
        run(self._core.save_run_records(session_id, records))

    def load_run_records(self, session_id: str) -> builtins.list[RunRecord] | None:
        """See `SessionStore.load_run_records`."""
        return run(self._core.load_run_records(session_id))

    def save_verification_reports(self, session_id: str, reports: Sequence[VerificationReport]) -> None:
        """See `SessionStore.save_verification_reports`."""
        run(self._core.save_verification_reports(session_id, reports))

    def load_verification_reports(self, session_id: str) -> builtins.list[VerificationReport] | None:
        """See `SessionStore.load_verification_reports`."""
        return run(self._core.load_verification_reports(session_id))

    def health_check(self) -> None:
        """See `SessionStore.health_check`."""
        run(self._core.health_check())

    def backend_name(self) -> str:
        """See `SessionStore.backend_name`."""
        return self._core.backend_name()

    def version(self, session_id: str) -> int:
        """Return the version of a document, which grows with each save; 0 where there is none."""
        return run(self._core.version(session_id))

    def save_if(self, session: SessionData, version: int) -> bool:
        """Store a document if it is still at this version (0: if there is none); else nothing. Tell which.

        Raises as `save`.
        """
        return run(self._core.save_if(session, version))

    def save_snapshot(self, snapshot: SessionSnapshot) -> None:
        """Store a document and all its siblings side by side, so that `load_snapshot` sees if they are a mixture.

        Siblings that have not changed are not sent again. They are not stored in one step: after an error some may be.
        Raises as `save`.
        """
        run(self._core.save_snapshot(snapshot))

    def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        """Return a document with all its siblings, those never saved as empty; None if the id is unknown.

        `together` says whether they belong together. Raises as `load`.
        """
        return run(self._core.load_snapshot(session_id))
