"""Copies the sessions of an archive to another, some at a time; done again, it copies what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import AccessDenied, BucketNotFound, S3StoreError, StoreUnavailable
from ...index.query import Where
from ..windows import windows_of
from .reports import Copied, CopiedSession
from .session import copy_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...archive import Archive
    from ...model import Filters

_MEET_ALL = (AccessDenied, BucketNotFound, StoreUnavailable)


class Copy:
    """One copy of an archive to another."""

    def __init__(self, source: Archive, target: Archive, *, replace: bool) -> None:
        self._from = source
        self._to = target
        self._replace = replace

    async def run(self, filters: Filters, progress: Callable[[CopiedSession], None] | None) -> Copied:
        """Copy the sessions for which the filters hold. See `SessionStore.copy_to`."""
        Where.of(filters)  # wrong ones are refused before anything is written
        await self._to.ready_to_write()
        report = Copied()
        found = self._from.index.listings.sessions(filters)
        async for together in windows_of(found, lambda session: session.size):
            # Each reads segments side by side in its turn.
            for done in await self._from.runtime.branches([self._copy(session.id) for session in together]):
                report.add(done)
                if progress is not None:
                    progress(done)
        return report

    async def _copy(self, session_id: str) -> CopiedSession:
        try:
            return await copy_session(self._from, self._to, session_id, replace=self._replace)
        except _MEET_ALL:
            raise
        except S3StoreError as error:
            return CopiedSession(session_id, "failed", reason=f"{type(error).__name__}: {error}")
