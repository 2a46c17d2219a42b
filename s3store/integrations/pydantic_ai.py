"""The message histories of pydantic-ai in an archive.

::

    history = ArchiveHistory(SessionStore("s3://my-bucket/agents"))
    result = agent.run_sync("Hello", message_history=history.load_sync("support/42"))
    history.append_sync("support/42", result.new_messages())

A history is the session `pydantic-ai/<id>`, and a message of it one of the framework's, as its own type adapter writes
it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_ai.messages import ModelMessagesTypeAdapter

from ..changes import Change, Extend, Replace
from ..contracts.namespace import Namespace
from ..errors import CorruptObject, InvalidOption, SessionNotFound
from ..runtime import run
from .faces import Faced

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from ..blocking import SessionStore
    from ..store import AsyncSessionStore

NAMESPACE = "pydantic-ai"
"""What the ids of these sessions start with in the archive, before a slash."""


class ArchiveHistory:
    """Histories of messages by the id of their session, which is any text at all.

    A `SessionStore` serves the methods that block and, in threads, the asynchronous ones; an `AsyncSessionStore` the
    asynchronous ones only (the others raise `InvalidOption`). Close the archive when done. Every method raises what the
    archive's own methods raise; an outage is never an empty history.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self._faced = Faced(store)
        self._core = _Core(Namespace(self._faced.archive, NAMESPACE))

    async def load(self, session_id: str) -> list[Any]:
        """Return all messages of a session, for `message_history`; none if there is no session.

        Raises `CorruptObject` for a record that is no message of the framework.
        """
        return await self._faced.call(self._core.load(session_id))

    async def append(self, session_id: str, messages: Sequence[Any], *, key: str | None = None) -> None:
        """Add messages at the end, such as the `new_messages` of a run, all or none.

        Creates the session if there is none; no messages are nothing to do. `key` names the run: a repeat of it is
        stored once, by whomever and whenever. Raises `InvalidOption`, `InvalidRecord` or `TooLarge` for what cannot be
        stored, before anything is sent.
        """
        await self._faced.write(self._core.append(session_id, messages, key))

    async def save(self, session_id: str, messages: Sequence[Any]) -> None:
        """Make `messages` the whole history in one step, such as one that was summarized. Raises as `append`."""
        await self._faced.write(self._core.save(session_id, messages))

    async def delete(self, session_id: str) -> None:
        """Delete a history. An unknown id is no error."""
        await self._faced.write(self._core.delete(session_id))

    def load_sync(self, session_id: str) -> list[Any]:
        """See `load`."""
        found: list[Any] = self._run(self._core.load(session_id))
        return found

    def append_sync(self, session_id: str, messages: Sequence[Any], *, key: str | None = None) -> None:
        """See `append`."""
        self._run(self._core.append(session_id, messages, key))

    def save_sync(self, session_id: str, messages: Sequence[Any]) -> None:
        """See `save`."""
        self._run(self._core.save(session_id, messages))

    def delete_sync(self, session_id: str) -> None:
        """See `delete`."""
        self._run(self._core.delete(session_id))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        self._faced.must_block(work)
        return run(work)


class _Core:
    """The core of both kinds of methods."""

    def __init__(self, sessions: Namespace) -> None:
        self._sessions = sessions

    async def load(self, session_id: str) -> list[Any]:
        session = self._sessions.session(session_id)
        try:
            messages = (await session.load()).messages
        except SessionNotFound:
            return []
        try:
            # As JSON, for that is how bytes in a message are read as what they were.
            return list(ModelMessagesTypeAdapter.validate_json(json.dumps(messages)))
        except ValidationError:
            raise CorruptObject(f"session {session.id!r}: holds what is no message of pydantic-ai") from None

    async def append(self, session_id: str, messages: Sequence[Any], key: str | None) -> None:
        said = _json(messages)
        keys = None if key is None else [f"{key}/{place}" for place in range(len(said))]
        if said:
            await self._sessions.settle(session_id, Extend(said, keys=keys))

    async def save(self, session_id: str, messages: Sequence[Any]) -> None:
        change: Change = Replace(_json(messages))
        await self._sessions.settle(session_id, change)

    async def delete(self, session_id: str) -> None:
        await self._sessions.delete(session_id)


def _json(messages: Sequence[Any]) -> list[Any]:
    try:
        given = ModelMessagesTypeAdapter.validate_python(list(messages))
    except ValidationError:
        raise InvalidOption("messages are ModelRequest and ModelResponse objects, as a run's new_messages()") from None
    said: list[Any] = ModelMessagesTypeAdapter.dump_python(given, mode="json")
    return said
