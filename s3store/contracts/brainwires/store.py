"""The contract on an archive: one core for both faces, which is the asyncio face but for its constructor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...changes import Replace
from ...errors import InvalidRecord, SessionNotFound
from ...store import AsyncSessionStore
from ..namespace import Namespace, archive_of, reading
from .messages import Message
from .sessions import ListOptions, SessionRecord

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from ...archive import Archive

NAMESPACE = "brainwires"
"""What the ids of these sessions start with in the archive, before a slash."""


class BrainwiresCore:
    """The sessions of Brainwires in an archive."""

    def __init__(self, archive: Archive) -> None:
        self._sessions = Namespace(archive, NAMESPACE)

    async def load(self, session_id: str) -> builtins.list[Message] | None:
        """See `SessionStore.load`."""
        session = self._sessions.session(session_id)
        try:
            transcript = await session.load()
        except SessionNotFound:
            return None
        with reading(session.id):
            return [Message.from_json(found) for found in transcript.messages]

    async def save(self, session_id: str, messages: Sequence[Message]) -> None:
        """See `SessionStore.save`."""
        for place, message in enumerate(messages):
            if not isinstance(message, Message):
                raise InvalidRecord(f"message {place}: a Message is wanted, not {type(message).__name__}")
        await self._sessions.settle(session_id, Replace([message.to_json() for message in messages]))

    async def list(self) -> builtins.list[SessionRecord]:
        """See `SessionStore.list`."""
        return await self.list_paginated(ListOptions())

    async def list_paginated(self, options: ListOptions) -> builtins.list[SessionRecord]:
        """See `SessionStore.list_paginated`."""
        return [
            SessionRecord(self._sessions.key_of(found.id), found.count, found.created_at, found.updated_at)
            async for found in self._sessions.summaries("oldest", options.limit, options.offset)
        ]

    async def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        await self._sessions.delete(session_id)


class AsyncBrainwiresStore(BrainwiresCore):
    """The contract `SessionStore` of Brainwires, on an archive.

    Its sessions are those of `store` whose id starts with `brainwires/`. Close the store when done.
    """

    def __init__(self, store: AsyncSessionStore) -> None:
        super().__init__(archive_of(store, AsyncSessionStore))
