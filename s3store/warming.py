"""Bringing sessions to the cache of this machine before anybody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import SessionDeleted, SessionNotFound
from .objects.base import NoSuchKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .model import SessionSummary
    from .runtime import Runtime
    from .streams.stream import Streams

_SIDE_BY_SIDE = 32


class Warmed(NamedTuple):
    """What was found in the cache, or brought there."""

    sessions: int
    bytes: int
    """The size of their heads and segments, as they are stored."""


async def warm(
    streams: Streams,
    runtime: Runtime,
    sessions: AsyncIterator[SessionSummary],
    progress: Callable[[Warmed], None] | None = None,
) -> Warmed:
    """Read the transcripts of sessions, some side by side, for the sake of what that leaves in the cache."""
    done = Warmed(0, 0)
    waiting: list[str] = []

    async def fetch() -> Warmed:
        sizes = await runtime.gather([_fetch(streams, session_id) for session_id in waiting])
        there = [size for size in sizes if size is not None]
        waiting.clear()
        return Warmed(done.sessions + len(there), done.bytes + sum(there))

    async for session in sessions:
        waiting.append(session.id)
        if len(waiting) == _SIDE_BY_SIDE:
            done = await fetch()
            if progress is not None:
                progress(done)
    return await fetch()


async def _fetch(streams: Streams, session_id: str) -> int | None:
    try:
        return await streams.fetch(session_id)
    except (SessionNotFound, SessionDeleted, NoSuchKey):
        return None
