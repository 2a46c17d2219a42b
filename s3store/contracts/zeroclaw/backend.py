"""The contract on an archive: one core for both faces, which is the asyncio face but for its constructor.

Of the archive's metadata a session uses `name`, `agent` (the alias), `channel`, `room`, `sender`, `state` and `turn`;
`active_at` is its last activity, and a session that never had any was active last when it was created.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from ...changes import Append, Change, Clear, MarkActive, RemoveLast, Update
from ...errors import Conflict, InvalidOption, InvalidRecord, SessionNotFound
from ...index.query import RUNNING
from ...model import SessionSummary, Turn
from ...store import AsyncSessionStore
from ..namespace import Namespace, archive_of, reading
from .model import ChatMessage, SessionContext, SessionMetadata, SessionQuery, SessionState, TimestampedMessage
from .streamed import StreamedAnswers

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from datetime import datetime
    from typing import Any

    from ...archive import Archive
    from ...model import Committed, SessionInfo, Transcript

NAMESPACE = "zeroclaw"
"""What the ids of these sessions start with in the archive, before a slash."""
_IDLE = "idle"
_USUAL_LIMIT = 50
_AT_ONCE = 8
_LONGEST = 10**10
"""The longest time ago that is reckoned with, in seconds: before it there was no session."""


class ZeroclawCore:
    """The sessions of zeroclaw in an archive. See `ZeroclawBackend` for `coalesce`."""

    def __init__(self, archive: Archive, coalesce: float) -> None:
        if not 0 <= coalesce < float("inf"):
            raise InvalidOption(f"coalesce is 0 seconds or more, not {coalesce!r}")
        self._sessions = Namespace(archive, NAMESPACE)
        self._runtime = archive.runtime
        self._streamed = StreamedAnswers(self._sessions, coalesce)

    async def flush(self) -> None:
        """Write what `coalesce` still holds in memory. Nothing else needs this, not even closing the store."""
        await self._streamed.flush()

    # --- Messages ---

    async def load(self, session_key: str) -> list[ChatMessage]:
        """See `SessionBackend.load`."""
        transcript = await self._transcript(session_key)
        if transcript is None:
            return []
        with reading(transcript.info.id):
            return [ChatMessage.from_json(message) for message in transcript.messages]

    async def load_with_timestamps(self, session_key: str) -> list[TimestampedMessage]:
        """See `SessionBackend.load_with_timestamps`."""
        transcript = await self._transcript(session_key)
        if transcript is None:
            return []
        with reading(transcript.info.id):
            return [TimestampedMessage(ChatMessage.from_json(each.message), each.at) for each in transcript.records]

    async def append(self, session_key: str, message: ChatMessage) -> None:
        """See `SessionBackend.append`."""
        changes = _appended(message)
        await self._streamed.finish(session_key)
        await self._sessions.settle(session_key, *changes)

    async def append_if_exists(self, session_key: str, message: ChatMessage) -> bool:
        """See `SessionBackend.append_if_exists`."""
        return await self._change(session_key, *_appended(message)) is not None

    async def remove_last(self, session_key: str) -> bool:
        """See `SessionBackend.remove_last`."""
        done = await self._change(session_key, RemoveLast())
        return done is not None and bool(done.removed)

    async def update_last(self, session_key: str, message: ChatMessage) -> bool:
        """See `SessionBackend.update_last`."""
        try:
            return await self._streamed.replace(session_key, _checked(message))
        except SessionNotFound:
            return False

    async def clear_messages(self, session_key: str) -> int:
        """See `SessionBackend.clear_messages`."""
        done = await self._change(session_key, Clear(), MarkActive())
        return 0 if done is None else done.cleared

    async def compact(self, session_key: str) -> None:
        """See `SessionBackend.compact`."""
        self._sessions.id_of(session_key)

    # --- Sessions ---

    async def list_sessions(self) -> list[str]:
        """See `SessionBackend.list_sessions`."""
        return [found.key for found in await self.list_sessions_with_metadata()]

    async def list_sessions_with_metadata(self) -> list[SessionMetadata]:
        """See `SessionBackend.list_sessions_with_metadata`."""
        await self._streamed.flush()
        found = [self._metadata(summary) async for summary in self._sessions.summaries()]
        return sorted(found, key=lambda session: (session.last_activity, session.key), reverse=True)

    async def search(self, query: SessionQuery) -> list[SessionMetadata]:
        """See `SessionBackend.search`."""
        if query.keyword is None:
            return await self.list_sessions_with_metadata()
        await self._streamed.flush()
        limit = _USUAL_LIMIT if query.limit is None else query.limit
        found = await self._sessions.archive.search.by_any_word(query.keyword, f"{NAMESPACE}/", limit)
        return [self._metadata(summary) for summary in found]

    async def get_session_metadata(self, session_key: str) -> SessionMetadata | None:
        """See `SessionBackend.get_session_metadata`."""
        info = await self._info(session_key)
        return None if info is None else self._metadata(info)

    async def session_exists(self, session_key: str) -> bool:
        """See `SessionBackend.session_exists`."""
        return await self._info(session_key) is not None

    async def delete_session(self, session_key: str) -> bool:
        """See `SessionBackend.delete_session`."""
        await self._streamed.finish(session_key)
        return await self._sessions.delete(session_key)

    async def cleanup_stale(self, ttl_hours: int) -> int:
        """See `SessionBackend.cleanup_stale`."""
        if not ttl_hours >= 0:
            raise InvalidOption(f"ttl_hours is 0 or more, not {ttl_hours!r}")
        before = self._runtime.now() - timedelta(seconds=min(ttl_hours * 3600, _LONGEST))
        await self._streamed.flush()
        stale = [found async for found in self._sessions.summaries() if _last_activity(found) < before]
        return await self._how_many(self._delete_if_stale(found, before) for found in stale)

    # --- What is said of a session ---

    async def set_session_name(self, session_key: str, name: str) -> None:
        """See `SessionBackend.set_session_name`."""
        await self._say(session_key, Update(name=name or None))

    async def get_session_name(self, session_key: str) -> str | None:
        """See `SessionBackend.get_session_name`."""
        info = await self._info(session_key)
        return None if info is None else info.metadata.name

    async def set_session_agent_alias(self, session_key: str, agent_alias: str) -> None:
        """See `SessionBackend.set_session_agent_alias`."""
        update = Update(agent=agent_alias or None)
        await self._streamed.finish(session_key)
        await self._sessions.settle(session_key, update)

    async def get_session_agent_alias(self, session_key: str) -> str | None:
        """See `SessionBackend.get_session_agent_alias`."""
        info = await self._info(session_key)
        return None if info is None else info.metadata.agent

    async def set_session_context(self, session_key: str, context: SessionContext) -> None:
        """See `SessionBackend.set_session_context`."""
        given = {"channel": context.channel_id, "room": context.room_id, "sender": context.sender_id}
        update = Update(**{name: text.strip() for name, text in given.items() if text is not None and text.strip()})
        await self._streamed.finish(session_key)
        await self._sessions.settle(session_key, update)

    async def set_session_state(self, session_key: str, state: str, turn_id: str | None) -> None:
        """See `SessionBackend.set_session_state`."""
        turn = Turn(turn_id, self._runtime.now() if state == RUNNING else None)
        await self._say(session_key, Update(state=state, turn=turn))

    async def get_session_state(self, session_key: str) -> SessionState | None:
        """See `SessionBackend.get_session_state`."""
        info = await self._info(session_key)
        if info is None:
            return None
        turn = info.metadata.turn or Turn()
        return SessionState(_IDLE if info.metadata.state is None else info.metadata.state, turn.id, turn.started_at)

    async def list_running_sessions(self) -> list[SessionMetadata]:
        """See `SessionBackend.list_running_sessions`."""
        await self._streamed.flush()
        return [self._metadata(found) for found in await self._sessions.running()]

    async def list_stuck_sessions(self, threshold_secs: int) -> list[SessionMetadata]:
        """See `SessionBackend.list_stuck_sessions`."""
        await self._streamed.flush()
        return [self._metadata(found) for found in await self._sessions.stuck(min(threshold_secs, _LONGEST))]

    # --- Whose sessions they are ---

    async def clear_agent_attribution(self, agent_alias: str) -> int:
        """See `SessionBackend.clear_agent_attribution`."""
        return await self.rename_agent_attribution(agent_alias, "")

    async def rename_agent_attribution(self, from_alias: str, to_alias: str) -> int:
        """See `SessionBackend.rename_agent_attribution`."""
        update = Update(agent=to_alias or None)
        await self._streamed.flush()
        theirs = [found async for found in self._sessions.summaries(agent=from_alias)]
        return await self._how_many(self._attribute(found, from_alias, update) for found in theirs)

    async def count_agent_attribution(self, agent_alias: str) -> int:
        """See `SessionBackend.count_agent_attribution`."""
        return len([found.id async for found in self._sessions.summaries(agent=agent_alias)])

    async def _change(self, key: str, *changes: Change) -> Committed | None:
        """Make changes in one commit; None if there is no session."""
        await self._streamed.finish(key)
        try:
            return await self._sessions.commit(key, *changes, must_exist=True)
        except SessionNotFound:
            return None

    async def _say(self, key: str, update: Update) -> None:
        """Change what is said of a session, if there is one."""
        await self._streamed.finish(key)
        with suppress(SessionNotFound):
            await self._sessions.settle(key, update, must_exist=True)

    async def _transcript(self, key: str) -> Transcript | None:
        await self._streamed.finish(key)
        try:
            return await self._sessions.session(key).load()
        except SessionNotFound:
            return None

    async def _info(self, key: str) -> SessionInfo | None:
        await self._streamed.finish(key)
        try:
            return await self._sessions.session(key).info()
        except SessionNotFound:
            return None

    async def _how_many(self, work: Iterable[Coroutine[Any, Any, bool]]) -> int:
        """Do the work, a few pieces at a time, and return how often it was true."""
        number = 0
        rest = iter(work)
        while together := list(islice(rest, _AT_ONCE)):
            number += sum(await self._runtime.branches(together))
        return number

    async def _delete_if_stale(self, found: SessionSummary, before: datetime) -> bool:
        """Delete a session unless it is active again, and tell whether it was deleted."""
        key, version = self._sessions.key_of(found.id), found.version
        while True:
            try:
                return await self._sessions.delete(key, version=version)
            except Conflict:
                info = await self._info(key)
                if info is None or _last_activity(info) >= before:
                    return False
                version = info.version

    async def _attribute(self, found: SessionSummary, from_alias: str, update: Update) -> bool:
        """Change whose a session is unless that has changed already, and tell whether it was changed."""
        key, version = self._sessions.key_of(found.id), found.version
        while True:
            try:
                await self._sessions.session(key).commit([update], must_exist=True, expected_version=version)
            except (Conflict, SessionNotFound):
                info = await self._info(key)
                if info is None or info.metadata.agent != from_alias:
                    return False
                version = info.version
            else:
                return True

    def _metadata(self, found: SessionSummary | SessionInfo) -> SessionMetadata:
        said = found if isinstance(found, SessionSummary) else found.metadata
        return SessionMetadata(
            self._sessions.key_of(found.id),
            found.created_at,
            _last_activity(found),
            found.count,
            said.name,
            said.agent,
            said.channel,
            said.room,
            said.sender,
        )


class AsyncZeroclawBackend(ZeroclawCore):
    """The contract `SessionBackend` of zeroclaw, on an archive, with `await`.

    Its sessions are those of `store` whose id starts with `zeroclaw/`. With `coalesce`, in seconds, `update_last`
    writes a session at most so often: of more, the newest message is held in memory, which only this process sees, and
    a crash loses it; for sessions that no other process writes to meanwhile. Close the store when done: that writes it.
    """

    def __init__(self, store: AsyncSessionStore, *, coalesce: float = 0.0) -> None:
        super().__init__(archive_of(store, AsyncSessionStore), coalesce)


def _checked(message: ChatMessage) -> ChatMessage:
    if not isinstance(message, ChatMessage):
        raise InvalidRecord(f"a ChatMessage is wanted, not {type(message).__name__}")
    return message


def _appended(message: ChatMessage) -> tuple[Change, ...]:
    return Append(_checked(message).to_json()), MarkActive()


def _last_activity(found: SessionSummary | SessionInfo) -> datetime:
    active = found.active_at if isinstance(found, SessionSummary) else found.metadata.active_at
    return found.created_at if active is None else active
