"""An archive of either face, behind an interface of a framework that is asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from ..blocking import SessionStore
from ..contracts.namespace import archive_of, settled
from ..errors import Conflict, InvalidOption
from ..runtime import run
from ..store import AsyncSessionStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from ..changes import Change
    from ..session import SessionCore

T = TypeVar("T")


class Faced:
    """The archive behind a store, for callers on an event loop.

    Raises `InvalidOption` if the store is neither a `SessionStore` nor an `AsyncSessionStore`.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self.is_blocking = not isinstance(store, AsyncSessionStore)
        self.archive = archive_of(store, SessionStore if self.is_blocking else AsyncSessionStore)

    def must_block(self, work: Coroutine[Any, Any, Any]) -> None:
        """Raise `InvalidOption`, and drop the work, if the archive has the asyncio face."""
        if not self.is_blocking:
            work.close()
            raise InvalidOption(
                "this was made with an AsyncSessionStore: call its asynchronous methods, or make it with a SessionStore"
            )

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish a coroutine of the core: on the event loop, or in a thread where the archive blocks."""
        if self.is_blocking:
            return await asyncio.to_thread(run, work)
        return await work

    async def write(self, work: Coroutine[Any, Any, T]) -> T:
        """As `call`, to the end also where the caller is cancelled: what is under way may land, so its end is awaited.

        The cancellation is raised then.
        """
        task = asyncio.ensure_future(self.call(work))
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = cancelled or error
        if cancelled is not None:
            task.exception()  # It counts as seen; the cancellation is what the caller is told.
            raise cancelled
        return task.result()


async def swapped(session: SessionCore, version: int, changes: Sequence[Change]) -> bool:
    """Make changes in one commit if the session is still at a version (0: if there is none); tell whether it was.

    Raises `OutcomeUnknown` only where the store does not tell what became of it.
    """
    try:
        await settled(lambda: session.commit(changes, expected_version=version), session.resolve)
    except Conflict:
        return False
    return True
