"""Copies the sessions of an archive to another, some at a time; done again, it copies what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import AccessDenied, BucketNotFound, S3StoreError, StoreUnavailable
from ...index.query import Where
from .reports import Copied, CopiedSession
from .session import copy_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ...archive import Archive
    from ...model import Filters, SessionSummary

_SIDE_BY_SIDE = 16
_TOGETHER_BYTES = 8 * 1024 * 1024
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
        async for together in _windows(self._from.index.listings.sessions(filters)):
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


async def _windows(sessions: AsyncIterator[SessionSummary]) -> AsyncIterator[list[SessionSummary]]:
    """Yield the sessions in groups that are copied side by side: few, and little to hold."""
    window: list[SessionSummary] = []
    size = 0
    async for each in sessions:
        if window and (len(window) == _SIDE_BY_SIDE or size + each.size > _TOGETHER_BYTES):
            yield window
            window, size = [], 0
        window.append(each)
        size += each.size
    if window:
        yield window
