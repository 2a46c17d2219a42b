"""`ArchiveSessionRepository`: a Strands session with its agents and their messages as one stream of events."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strands.session.session_repository import SessionRepository
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from ...blocking import SessionStore
from ...changes import Append, Update
from ...contracts.namespace import Namespace, archive_of, settled
from ...errors import CorruptObject, S3StoreError, SessionExists, SessionNotFound
from ...runtime import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strands.multiagent import MultiAgentBase

    from ...changes import Change
    from ...jsontext import JsonValue
    from ...model import Committed

NAMESPACE = "strands"
"""What the ids of these sessions start with in the archive, before a slash and Strands' session id."""


class ArchiveSessionRepository(SessionRepository):
    """A `SessionRepository` on an archive: the session `strands/<session id>`, one record for each change.

    `RepositorySessionManager("mia", ArchiveSessionRepository(store))`. A new message is one conditional write, and a
    resume reads one object, not one for each message. A message that another process has written under the same number
    is never overwritten: `create_message` raises `SessionException`.

    Every method raises `SessionException` for what is not there, and where the archive fails. Usable from any thread.
    Close the `SessionStore` when done; nothing waits in memory here.
    """

    def __init__(self, store: SessionStore) -> None:
        self._all = Namespace(archive_of(store, SessionStore), NAMESPACE)

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session. Raises `SessionException` if there is one of that id."""
        with _failures(session.session_id):
            self._append(session.session_id, {"session": session.to_dict()}, new=True)
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session; None if there is none."""
        found = self._state(session_id)
        return None if found is None or found.session is None else Session.from_dict(found.session)

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with all that is in it. Raises `SessionException` if there is none."""
        with _failures(session_id):
            there_was_one = run(self._all.delete(session_id))
        if not there_was_one:
            raise SessionException(f"session {session_id!r} does not exist")

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Add an agent to a session, in place of one of the same id."""
        with _failures(session_id):
            self._append(session_id, {"agent": session_agent.to_dict()})

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent without its messages; None if there is none."""
        found = self._state(session_id)
        agent = None if found is None else found.agents.get(agent_id)
        return None if agent is None else SessionAgent.from_dict(agent)

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Write an agent's state anew; when it was created stays. Raises `SessionException` if there is none."""
        before = self.read_agent(session_id, session_agent.agent_id)
        if before is None:
            raise SessionException(f"agent {session_agent.agent_id!r} of session {session_id!r} does not exist")
        session_agent.created_at = before.created_at
        with _failures(session_id):
            self._append(session_id, {"agent": session_agent.to_dict()})

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Add a message to an agent.

        Raises `SessionException` if the agent has a message of that number already, which is how a second process that
        works on the session shows: resume it to see what the other one has added.
        """
        number = _number(session_message.message_id)
        event = {"message": session_message.to_dict(), "of": agent_id}
        with _failures(session_id):
            done = self._append(session_id, event, key=f"{agent_id}/{number}")
        if done is not None and not done.appended:
            raise SessionException(
                f"message {number} of agent {agent_id!r} in session {session_id!r} was written by somebody else"
            )

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message by its number; None if there is none."""
        found = self._state(session_id)
        message = None if found is None else found.messages_of(agent_id).get(_number(message_id))
        return None if message is None else SessionMessage.from_dict(message)

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Write a message anew; when it was created stays. Raises `SessionException` if there is none."""
        before = self.read_message(session_id, agent_id, session_message.message_id)
        if before is None:
            raise SessionException(f"message {session_message.message_id} of session {session_id!r} does not exist")
        session_message.created_at = before.created_at
        with _failures(session_id):
            self._append(session_id, {"message": session_message.to_dict(), "of": agent_id})

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return an agent's messages by their numbers, from the one at `offset` (0 or more) on, at most `limit`."""
        found = self._state(session_id)
        if found is None or agent_id not in found.agents:
            raise SessionException(f"agent {agent_id!r} of session {session_id!r} does not exist")
        messages = [message for _, message in sorted(found.messages_of(agent_id).items())]
        end = None if limit is None else offset + limit
        return [SessionMessage.from_dict(message) for message in messages[offset:end]]

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Keep the state of several agents, in place of one of the same id."""
        with _failures(session_id):
            self._append(session_id, {"agents": multi_agent.serialize_state(), "id": multi_agent.id})

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return the state of several agents; None if there is none."""
        found = self._state(session_id)
        return None if found is None else found.multi_agents.get(multi_agent_id)

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Write the state of several agents anew. Raises `SessionException` if there is none."""
        if self.read_multi_agent(session_id, multi_agent.id) is None:
            raise SessionException(f"multi-agent {multi_agent.id!r} of session {session_id!r} does not exist")
        self.create_multi_agent(session_id, multi_agent)

    def _state(self, session_id: str) -> _State | None:
        with _failures(session_id):
            try:
                transcript = run(self._all.session(session_id).load())
            except SessionNotFound:
                return None
            return _State(session_id, transcript.messages)

    def _append(
        self, session_id: str, event: JsonValue, *, key: str | None = None, new: bool = False
    ) -> Committed | None:
        """Add an event; return what that did, or None where it is known only that it was done."""
        return run(self._appended(session_id, event, key, new=new))

    async def _appended(self, session_id: str, event: JsonValue, key: str | None, *, new: bool) -> Committed | None:
        session = self._all.session(session_id)
        changes: list[Change] = [Append(event, key=key)]
        if new:
            changes.append(Update(agent="strands-agents"))
        done: Committed | None = None

        async def write() -> None:
            nonlocal done
            done = await session.commit(changes, must_exist=not new, must_be_new=new)

        await settled(write, session.resolve)
        return done


class _State:
    """What the events of a session amount to."""

    def __init__(self, session_id: str, events: Sequence[JsonValue]) -> None:
        self.session: dict[str, Any] | None = None
        self.agents: dict[str, dict[str, Any]] = {}
        self.multi_agents: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, dict[int, dict[str, Any]]] = {}
        try:
            for event in events:
                self._take(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CorruptObject(f"session {session_id!r} holds something else than a session of Strands") from None

    def messages_of(self, agent_id: str) -> dict[int, dict[str, Any]]:
        """Return an agent's messages by their numbers."""
        return self._messages.get(agent_id, {})

    def _take(self, event: Any) -> None:
        if "message" in event:
            self._messages.setdefault(event["of"], {})[event["message"]["message_id"]] = event["message"]
        elif "agent" in event:
            self.agents[event["agent"]["agent_id"]] = event["agent"]
        elif "agents" in event:
            self.multi_agents[event["id"]] = event["agents"]
        else:
            self.session = event["session"]


def _number(message_id: object) -> int:
    if isinstance(message_id, bool) or not isinstance(message_id, int):
        raise ValueError(f"the number of a message is an integer, not {message_id!r}")  # noqa: TRY004 - as Strands does
    return message_id


@contextmanager
def _failures(session_id: str) -> Iterator[None]:
    """Turn what an archive raises into Strands' own error."""
    try:
        yield
    except SessionExists as error:
        raise SessionException(f"session {session_id!r} already exists") from error
    except SessionNotFound as error:
        raise SessionException(f"session {session_id!r} does not exist") from error
    except S3StoreError as error:
        raise SessionException(str(error)) from error
