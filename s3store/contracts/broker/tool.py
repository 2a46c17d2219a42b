"""The broker as tools for a model: what one session may do with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import InvalidOption
from ...runtime import run
from ..brainwires.sessions import SpawnRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...jsontext import JsonValue
    from .asynchronous import AsyncBroker
    from .blocking import Broker
    from .core import BrokerCore

DEFAULT_HISTORY = 50
"""How many messages `sessions_history` shows where the model does not say."""
MAX_HISTORY = 500
"""The most that it shows."""

_ID = {"type": "string", "description": "The id of a session, as sessions_list shows it."}


def _tool(name: str, description: str, required: Sequence[str], **properties: JsonValue) -> JsonValue:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "input_schema": schema}


SCHEMAS: tuple[JsonValue, ...] = (
    _tool("sessions_list", "List the sessions there are, the one that was active last first.", ()),
    _tool(
        "sessions_history",
        f"Read the last messages of a session: {DEFAULT_HISTORY}, or as many as limit says, at most {MAX_HISTORY}.",
        ("session_id",),
        session_id=_ID,
        limit={"type": "integer", "minimum": 0, "maximum": MAX_HISTORY},
    ),
    _tool(
        "sessions_send",
        "Send a message to another session, which reads it in its own time.",
        ("session_id", "text"),
        session_id=_ID,
        text={"type": "string"},
    ),
    _tool(
        "sessions_spawn",
        "Start a session that works on a prompt, and wait for its first reply if asked to.",
        ("prompt",),
        prompt={"type": "string"},
        model={"type": "string"},
        system={"type": "string"},
        tools={"type": "array", "items": {"type": "string"}},
        wait_for_first_reply={"type": "boolean"},
        wait_timeout_secs={"type": "integer", "minimum": 0},
    ),
)
"""The tools, as a model is told of them: name, description, and the JSON schema of the arguments."""


class SessionsToolCore:
    """The tools, in the hands of one session."""

    def __init__(self, broker: BrokerCore, session_id: str | None) -> None:
        self._broker = broker
        self._session_id = session_id
        self._tools = {
            "sessions_list": self._list,
            "sessions_history": self._history,
            "sessions_send": self._send,
            "sessions_spawn": self._spawn,
        }

    async def call(self, name: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """See `SessionsTool.call`."""
        if name not in self._tools:
            raise InvalidOption(f"there is no tool of that name; there are {', '.join(self._tools)}")
        return await self._tools[name](arguments)

    async def _list(self, _arguments: Mapping[str, JsonValue]) -> JsonValue:
        return [found.to_json() for found in await self._broker.list()]

    async def _history(self, arguments: Mapping[str, JsonValue]) -> JsonValue:
        limit = arguments.get("limit", DEFAULT_HISTORY)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise InvalidOption("limit is a number from 0 on")
        found = await self._broker.history(_text(arguments, "session_id"), min(limit, MAX_HISTORY))
        return [message.to_json() for message in found]

    async def _send(self, arguments: Mapping[str, JsonValue]) -> JsonValue:
        session_id, text = _text(arguments, "session_id"), _text(arguments, "text")
        await self._broker.send(session_id, text, self._session_id, None)
        return {"sent": True, "session_id": session_id}

    async def _spawn(self, arguments: Mapping[str, JsonValue]) -> JsonValue:
        if self._session_id is None:
            raise InvalidOption("sessions_spawn needs a session of its own, which is the parent")
        _text(arguments, "prompt")
        spawned = await self._broker.spawn(self._session_id, SpawnRequest.from_json(dict(arguments)))
        return spawned.to_json()


class SessionsTool:
    """The tools of `SCHEMAS` for a model, in the hands of the session `session_id`, or of nobody."""

    def __init__(self, broker: Broker, session_id: str | None = None) -> None:
        self._core = SessionsToolCore(broker._core, session_id)  # noqa: SLF001 - of this package

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Make the call of a model, and return the result as JSON.

        Raises `InvalidOption` or `InvalidRecord` for arguments that are wrong or empty, and what `Broker` raises.
        """
        return run(self._core.call(name, arguments))


class AsyncSessionsTool:
    """The tools of `SCHEMAS` for a model, in the hands of the session `session_id`, or of nobody."""

    def __init__(self, broker: AsyncBroker, session_id: str | None = None) -> None:
        self._core = SessionsToolCore(broker._core, session_id)  # noqa: SLF001 - of this package

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Make the call of a model, and return the result as JSON.

        Raises `InvalidOption` or `InvalidRecord` for arguments that are wrong or empty, and what `AsyncBroker` raises.
        """
        return await self._core.call(name, arguments)


def _text(arguments: Mapping[str, JsonValue], name: str) -> str:
    found = arguments.get(name)
    if not isinstance(found, str) or not found.strip():
        raise InvalidOption(f"{name} is a text that is not empty")
    return found
