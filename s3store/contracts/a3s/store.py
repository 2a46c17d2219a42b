"""The contract on an archive: one core for both faces, which is the asyncio face but for its constructor."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ...errors import Conflict, InvalidRecord, SessionNotFound
from ...jsontext import encode_messages
from ...keys import CHECKS, RUNS, TRACES, VERIFICATION
from ...siblings.bundle import Pieces
from ...siblings.model import ArtifactLimits
from ...store import AsyncSessionStore
from ..namespace import Namespace, archive_of, reading, settled
from ..wire import Wire
from .artifacts import ArtifactStore, ToolArtifact
from .document import as_transcript, check_size, from_transcript, storing
from .records import RunRecord, TraceEvent, VerificationReport
from .snapshot import SessionSnapshot

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from ...archive import Archive
    from ...jsontext import JsonValue
    from ...siblings.model import Artifact
    from .session import SessionData

W = TypeVar("W", bound=Wire)

NAMESPACE = "a3s"
"""What the ids of these sessions start with in the archive, before a slash."""
BACKEND = "s3store"


class A3sCore:
    """The sessions of A3S in an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sessions = Namespace(archive, NAMESPACE)

    async def save(self, session: SessionData) -> None:
        """See `SessionStore.save`."""
        change = storing(session)
        await self._sessions.settle(session.id, change)

    async def load(self, session_id: str) -> SessionData | None:
        """See `SessionStore.load`."""
        session = self._sessions.session(session_id)
        try:
            transcript = await session.load()
        except SessionNotFound:
            return None
        records = transcript.messages
        check_size(session_id, encode_messages(records))
        with reading(session.id):
            return from_transcript(session_id, records)

    async def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        await self._sessions.delete(session_id)

    async def list(self) -> builtins.list[str]:
        """See `SessionStore.list`."""
        return sorted([self._sessions.key_of(found.id) async for found in self._sessions.summaries()])

    async def exists(self, session_id: str) -> bool:
        """See `SessionStore.exists`."""
        return await self._sessions.session(session_id).exists()

    async def save_artifacts(self, session_id: str, artifacts: ArtifactStore) -> None:
        """See `SessionStore.save_artifacts`."""
        if not isinstance(artifacts, ArtifactStore):
            raise InvalidRecord(f"an ArtifactStore is wanted, not {type(artifacts).__name__}")
        kept = self._sessions.session(session_id).artifacts(ArtifactLimits())
        await settled(lambda: kept.save([artifact.to_archive() for artifact in artifacts]), kept.resolve)

    async def load_artifacts(self, session_id: str) -> ArtifactStore | None:
        """See `SessionStore.load_artifacts`."""
        session = self._sessions.session(session_id)
        return _artifacts(session.id, await session.artifacts(ArtifactLimits()).load())

    async def save_trace_events(self, session_id: str, events: Sequence[TraceEvent]) -> None:
        """See `SessionStore.save_trace_events`."""
        await self._save_beside(session_id, TRACES, TraceEvent, events)

    async def load_trace_events(self, session_id: str) -> builtins.list[TraceEvent] | None:
        """See `SessionStore.load_trace_events`."""
        return await self._load_beside(session_id, TRACES, TraceEvent)

    async def save_run_records(self, session_id: str, records: Sequence[RunRecord]) -> None:
        """See `SessionStore.save_run_records`."""
        await self._save_beside(session_id, RUNS, RunRecord, records)

    async def load_run_records(self, session_id: str) -> builtins.list[RunRecord] | None:
        """See `SessionStore.load_run_records`."""
        return await self._load_beside(session_id, RUNS, RunRecord)

    async def save_verification_reports(self, session_id: str, reports: Sequence[VerificationReport]) -> None:
        """See `SessionStore.save_verification_reports`."""
        await self._save_beside(session_id, VERIFICATION, VerificationReport, reports)

    async def load_verification_reports(self, session_id: str) -> builtins.list[VerificationReport] | None:
        """See `SessionStore.load_verification_reports`."""
        return await self._load_beside(session_id, VERIFICATION, VerificationReport)

    async def health_check(self) -> None:
        """See `SessionStore.health_check`."""
        probe = f"{CHECKS}{self._archive.runtime.ulid()}"
        await self._archive.store.put(probe, b"")
        await self._archive.store.delete(probe)

    def backend_name(self) -> str:
        """See `SessionStore.backend_name`."""
        return BACKEND

    async def version(self, session_id: str) -> int:
        """Return the version of a document, which grows with each save; 0 where there is none."""
        try:
            return (await self._sessions.session(session_id).info()).version
        except SessionNotFound:
            return 0

    async def save_if(self, session: SessionData, version: int) -> bool:
        """Store a document if it is still at this version (0: if there is none); else nothing. Tell which.

        Raises as `save`.
        """
        change = storing(session)
        try:
            await self._sessions.session(session.id).commit([change], expected_version=version)
        except Conflict:
            return False
        return True

    async def save_snapshot(self, snapshot: SessionSnapshot) -> None:
        """Store a document and all its siblings side by side, so that `load_snapshot` sees if they are a mixture.

        Siblings that have not changed are not sent again. They are not stored in one step: after an error some may be.
        Raises as `save`.
        """
        session_id = snapshot.session.id
        storing(snapshot.session)
        pieces = Pieces(
            as_transcript(snapshot.session),
            [artifact.to_archive() for artifact in snapshot.artifacts],
            _listed(session_id, TraceEvent, snapshot.trace_events),
            _listed(session_id, RunRecord, snapshot.run_records),
            _listed(session_id, VerificationReport, snapshot.verification_reports),
        )
        await self._sessions.session(session_id).save_all(pieces, {})

    async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        """Return a document with all its siblings, those never saved as empty; None if the id is unknown.

        `together` says whether they belong together. Raises as `load`.
        """
        session = self._sessions.session(session_id)
        found = await session.load_all()
        if found.transcript is None:
            return None
        with reading(session.id):
            return SessionSnapshot(
                session=from_transcript(session_id, found.transcript.messages),
                artifacts=_artifacts(session.id, found.artifacts) or ArtifactStore(),
                trace_events=tuple(map(TraceEvent.from_json, found.traces or ())),
                run_records=tuple(map(RunRecord.from_json, found.runs or ())),
                verification_reports=tuple(map(VerificationReport.from_json, found.verification or ())),
                apart=found.apart,
            )

    async def _save_beside(self, session_id: str, stream: str, kind: type[Wire], given: Sequence[Wire]) -> None:
        kept = self._sessions.session(session_id).events(stream)
        events = _listed(session_id, kind, given)
        await settled(lambda: kept.replace(events), kept.resolve)

    async def _load_beside(self, session_id: str, stream: str, kind: type[W]) -> builtins.list[W] | None:
        session = self._sessions.session(session_id)
        found = await session.events(stream).load()
        if found is None:
            return None
        check_size(session_id, encode_messages(found))
        with reading(session.id):
            return [kind.from_json(each) for each in found]


class AsyncA3sStore(A3sCore):
    """The contract `SessionStore` of A3S, on an archive.

    Its sessions are those of `store` whose id starts with `a3s/`. Close the store when done.
    """

    def __init__(self, store: AsyncSessionStore) -> None:
        super().__init__(archive_of(store, AsyncSessionStore))


def _artifacts(session_id: str, found: list[Artifact] | None) -> ArtifactStore | None:
    if found is None:
        return None
    with reading(session_id):
        return ArtifactStore(map(ToolArtifact.from_archive, found))


def _listed(session_id: str, kind: type[Wire], given: Sequence[Wire]) -> list[JsonValue]:
    """Return what is to be kept beside a document as JSON. Raises `InvalidRecord` or `TooLarge`."""
    for place, each in enumerate(given):
        if not isinstance(each, kind):
            raise InvalidRecord(f"{place}: a {kind.__name__} is wanted, not {type(each).__name__}")
    found = [each.to_json() for each in given]
    check_size(session_id, encode_messages(found))
    return found
