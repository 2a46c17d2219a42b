"""The history provider of the Microsoft Agent Framework on an archive.

::

    store = SessionStore("s3://my-bucket/agents")
    agent = Agent(client=client, context_providers=[ArchiveHistoryProvider(store)])
    await agent.run("Hello", session=agent.create_session(session_id="support/42"))

A history is the session `agent-framework/<source id>/<session id>` in the archive, and a message of it one of the
framework's, as its `to_dict` writes it. A slash within a source id is written `%2F`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from agent_framework import HistoryProvider, Message

# The rule of the framework's own providers for what of a run is stored already; it has no public name.
from agent_framework._sessions import filter_new_messages

from ..changes import Extend, Update
from ..contracts.namespace import Namespace
from ..errors import Conflict, CorruptObject, InvalidOption, SessionNotFound
from ..streams.terms import Terms
from .faces import Faced, swapped
from .names import part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..store import AsyncSessionStore

NAMESPACE = "agent-framework"
"""What the ids of these sessions start with in the archive, before a slash; also their `agent`."""

_ATTEMPTS = 64


class ArchiveHistoryProvider(HistoryProvider):
    """A `HistoryProvider` on an archive.

    A `SessionStore` is used in threads, an `AsyncSessionStore` on the event loop. Close the archive when done; nothing
    waits in memory. A session id is any text at all. Several providers of one agent have a `source_id` each, and keep
    their histories apart.

    The options are the framework's: with `load_messages=False` the provider is for audits, and the agent never reads
    it; `store_inputs`, `store_outputs`, `store_context_messages` and `store_context_from` say what of a run is stored.

    The messages of a run are one commit, all or none, finished also when the caller is cancelled; several processes may
    write to one session. Every method raises what the archive's own methods raise; an outage is never an empty history.
    """

    DEFAULT_SOURCE_ID: ClassVar[str] = "archive"

    def __init__(
        self,
        store: SessionStore | AsyncSessionStore,
        source_id: str = DEFAULT_SOURCE_ID,
        *,
        load_messages: bool = True,
        store_inputs: bool = True,
        store_context_messages: bool = False,
        store_context_from: set[str] | None = None,
        store_outputs: bool = True,
    ) -> None:
        super().__init__(
            source_id,
            load_messages=load_messages,
            store_inputs=store_inputs,
            store_context_messages=store_context_messages,
            store_context_from=store_context_from,
            store_outputs=store_outputs,
        )
        self._faced = Faced(store)
        self._sessions = Namespace(self._faced.archive, f"{NAMESPACE}/{part(source_id)}")

    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Message]:
        """Return all messages of a session, in order; none if there is no session.

        Raises `CorruptObject` for a record that is no message of the framework, and `InvalidOption` without an id.
        """
        return await self._faced.call(self._load(_checked(session_id)))

    async def save_messages(
        self,
        session_id: str | None,
        messages: Sequence[Message],
        *,
        state: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add messages at the end, all or none. Creates the session if there is none; no messages are nothing to do.

        Where they begin with the end of what is stored, as when a workflow hands over the whole conversation again,
        only what is new is added, by the rule of the framework's own providers. What its `to_dict` leaves out, since it
        is no JSON, is not stored. Raises `InvalidOption` without a session id, `InvalidRecord` or `TooLarge` for what
        cannot be stored, before anything is written, and `Conflict` where others change the session all the time.
        """
        key = _checked(session_id)
        if messages:
            await self._faced.write(self._add(key, list(messages), [message.to_dict() for message in messages]))

    async def _add(self, key: str, messages: list[Message], said: list[JsonValue]) -> None:
        session = self._sessions.session(key)
        for _ in range(_ATTEMPTS):
            version, end = await self._end(session.id, len(messages))
            new = len(filter_new_messages(end, messages))
            if not new or await swapped(session, version, [Extend(said[-new:]), Update(agent=NAMESPACE)]):
                return
        raise Conflict(f"session {session.id!r}: others changed it {_ATTEMPTS} times; try again")

    async def _end(self, session_id: str, number: int) -> tuple[int, list[Message]]:
        """Return the version of a session, and its last messages: what is stored of so many can only be among them."""
        try:
            head, lines = await self._faced.archive.streams.read(
                session_id, Terms(), lambda head: max(0, head.count - number)
            )
        except SessionNotFound:
            return 0, []
        return head.version, [_message(session_id, line["message"]) for line in lines]

    async def _load(self, session_id: str) -> list[Message]:
        session = self._sessions.session(session_id)
        try:
            stored = (await session.load()).messages
        except SessionNotFound:
            return []
        return [_message(session.id, each) for each in stored]


def _checked(session_id: str | None) -> str:
    if session_id is None:
        raise InvalidOption("a session with an id is wanted: run the agent with session=agent.create_session()")
    return session_id


def _message(session_id: str, stored: JsonValue) -> Message:
    try:
        if isinstance(stored, dict) and stored.get("type") == "message":
            return Message.from_dict(stored)
    except (TypeError, ValueError, LookupError, AttributeError):
        pass
    raise CorruptObject(f"session {session_id!r}: holds what is no message of the Agent Framework")
