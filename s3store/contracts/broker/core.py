"""The core of the broker."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ...changes import Touch
from ...errors import InvalidOption, SessionNotFound
from ...keys import TRANSCRIPT, StreamKeys, encode_id
from ...siblings.inbox.core import check_lease
from ...siblings.inbox.pace import Pace
from ...streams.terms import living
from ..brainwires.messages import Message
from ..brainwires.sessions import SessionSummary, SpawnedSession
from ..namespace import Namespace
from .flatten import flattened

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator

    from ... import model
    from ...archive import Archive
    from ...model import Record
    from ...session import SessionCore
    from ...siblings.inbox.bells import Rung
    from ...siblings.inbox.core import InboxCore, Taken
    from ..brainwires.sessions import SessionMessage, SpawnRequest

_CHANNEL = "spawned"
_AT_A_VISIT = 16
"""How many messages of a session are handed out before the others have their turn."""
_REPLY_POLL = 1.0
"""The longest pause, in seconds, between two looks for a first reply."""


class BrokerCore:
    """The sessions of an archive, or of one of its contracts, as they talk to each other."""

    def __init__(self, archive: Archive, namespace: str | None) -> None:
        self._archive = archive
        self._runtime = archive.runtime
        self._sessions = Namespace(archive, namespace)

    async def list(self) -> builtins.list[SessionSummary]:
        """See `Broker.list`."""
        return [self._summary(found) async for found in self._sessions.summaries()]

    async def history(self, session_id: str, limit: int | None) -> builtins.list[SessionMessage]:
        """See `Broker.history`."""
        session = self._sessions.session(session_id)
        try:
            records = (await session.load()).records if limit is None else await session.last(limit)
        except SessionNotFound:
            raise _unknown(session_id) from None
        return [flattened(record) for record in records]

    async def send(self, session_id: str, text: str, sender: str | None, key: str | None) -> None:
        """See `Broker.send`."""
        if sender is not None and sender == session_id:
            raise InvalidOption(f"session {session_id!r}: a session does not send to itself")
        message = Message("user", text, sender).to_json()
        session = self._sessions.session(session_id)
        try:
            # Tells an unknown one, and moves the session to the front of the list.
            await session.commit([Touch()], must_exist=True)
        except SessionNotFound:
            raise _unknown(session_id) from None
        await session.inbox().send([message], [key])

    async def spawn(self, parent: str, request: SpawnRequest) -> SpawnedSession:
        """See `Broker.spawn`."""
        encode_id(parent)
        prompt = Message("user", request.prompt, parent).to_json()
        child = f"spawn-{uuid.uuid4()}"
        session = self._sessions.session(child)
        await session.create((), None, _spawned(parent, self._sessions.id_of(parent), request))
        await session.inbox().send([prompt], None)
        if not request.wait_for_first_reply:
            return SpawnedSession(child)
        return SpawnedSession(child, await self._first_reply(session, request.wait_timeout_secs))

    def inbox(self, session_id: str) -> InboxCore:
        """See `Broker.inbox`."""
        return self._sessions.session(session_id).inbox()

    async def waiting(self) -> builtins.list[str]:
        """See `Broker.waiting`."""
        return sorted(self._sessions.key_of(rung.session_id) for rung in await self._rung())

    def watch(self, lease: float, wait: float | None, poll: float) -> AsyncIterator[Taken]:
        """See `Broker.watch`."""
        check_lease(lease)
        return self._watch(lease, Pace(self._runtime, wait, poll))

    async def _watch(self, lease: float, pace: Pace) -> AsyncIterator[Taken]:
        while True:
            rung, idle = await self._rung(), True
            # Each worker in an order of its own, so that they do not all stand at the same door.
            for found in sorted(rung, key=lambda _: self._runtime.random()):
                async for taken in self._visit(found, lease):
                    yield taken
                    idle = False
            if not idle:
                # Others may have been passed over, and more may wait where the visit was over.
                pace.begin()
            elif not await pace.pause():
                return

    async def _visit(self, rung: Rung, lease: float) -> AsyncIterator[Taken]:
        """Hand out messages of one session, and take down its bells where none is left."""
        if not await self._is_there(rung.session_id):
            return
        inbox = self.inbox(self._sessions.key_of(rung.session_id))
        taken: Taken | None = None
        for _ in range(_AT_A_VISIT):
            taken, empty = await inbox.move(taken, lease)
            if taken is None:
                if empty:
                    await self._archive.bells.take_down(rung.bells)
                return
            yield taken
        if taken is not None:
            await inbox.leave(taken)

    async def _is_there(self, session_id: str) -> bool:
        found = await self._archive.streams.look(StreamKeys.of(session_id, TRANSCRIPT))
        return living(found.state) is not None

    async def _rung(self) -> builtins.list[Rung]:
        return [rung for rung in await self._archive.bells.rung() if self._sessions.holds(rung.session_id)]

    async def _first_reply(self, session: SessionCore, seconds: float) -> SessionMessage | None:
        pace = Pace(self._runtime, seconds, _REPLY_POLL)
        keys = StreamKeys.of(session.id, TRANSCRIPT)
        seen = 0
        while True:
            head = living((await self._archive.streams.look(keys)).state)
            if head is None:
                raise _unknown(self._sessions.key_of(session.id))
            reply = await _reply(session, seen) if head.count > seen else None
            if reply is not None:
                return flattened(reply)
            seen = head.count
            if not await pace.pause():
                return None

    def _summary(self, found: model.SessionSummary) -> SessionSummary:
        parent = found.parent
        if parent is not None and self._sessions.holds(parent):
            parent = self._sessions.key_of(parent)
        return SessionSummary(
            self._sessions.key_of(found.id),
            found.channel or "",
            found.sender or "",
            found.created_at,
            found.updated_at,
            found.count,
            parent,
        )


async def _reply(session: SessionCore, start: int) -> Record | None:
    """Return the first record of an assistant, from the record numbered `start` on."""
    async for part in session.parts(start):
        for record in part:
            if isinstance(record.message, dict) and record.message.get("role") == "assistant":
                return record
    return None


def _spawned(parent: str, parent_id: str, request: SpawnRequest) -> dict[str, object]:
    """Return what is recorded of a child. Its prompt is the first message in its inbox, where it stays."""
    asked = {"model": request.model, "system": request.system, "tools": request.tools and list(request.tools)}
    return {
        "channel": _CHANNEL,
        "sender": f"spawned-by-{parent}",
        "parent": parent_id,
        "attributes": {"spawn": {name: value for name, value in asked.items() if value is not None}},
    }


def _unknown(session_id: str) -> SessionNotFound:
    return SessionNotFound(f"unknown session: {session_id}")
