"""Strands Agents on an archive.

`ArchiveStorage` is a `strands.storage.Storage`: `SnapshotSessionManager`, stashes and the rest run on it.
`ArchiveSessionRepository` is a `SessionRepository`, for those who still use `RepositorySessionManager`.

::

    store = SessionStore("s3://my-bucket/agents")
    agent = Agent(session_manager=SnapshotSessionManager("mia", storage=ArchiveStorage(store)))
"""

from .repository import ArchiveSessionRepository
from .storage import ArchiveStorage

__all__ = ["ArchiveSessionRepository", "ArchiveStorage"]
