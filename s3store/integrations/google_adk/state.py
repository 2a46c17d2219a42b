"""The state of ADK: which part of it belongs to whom, and what an archive keeps of it.

A state stands in a session's attributes, so that whoever reads a head has it. It is of at most
`s3store.model.MAX_METADATA_BYTES` of JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.adk.sessions.state import State
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ...changes import Append, Derive
from ...errors import InvalidOption, SessionNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...contracts.namespace import Namespace
    from ...jsontext import JsonValue
    from ...model import Metadata

_ATTRIBUTE = "state"


class Deltas:
    """A change of state, by whom it belongs to; what is temporary belongs to nobody."""

    def __init__(self, delta: Mapping[str, JsonValue]) -> None:
        self.app = _scoped(delta, State.APP_PREFIX)
        self.user = _scoped(delta, State.USER_PREFIX)
        others = (State.APP_PREFIX, State.USER_PREFIX, State.TEMP_PREFIX)
        self.session = {key: value for key, value in delta.items() if not key.startswith(others)}


class SharedState:
    """The state that sessions share: that of each app, or of each user of one."""

    def __init__(self, sessions: Namespace) -> None:
        self._sessions = sessions

    async def read(self, key: str) -> dict[str, JsonValue]:
        """Return a state; an empty one if none was ever set."""
        try:
            return state_of((await self._sessions.session(key).info()).metadata)
        except SessionNotFound:
            return {}

    async def merge(self, key: str, delta: dict[str, JsonValue]) -> None:
        """Set some keys of a state. What others set at the same time stays."""
        if delta:
            await self._sessions.settle(key, Append(delta), Derive(_merged))


def checked(state: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """Return a state as JSON. Raises `InvalidOption` for what JSON cannot say."""
    try:
        found: dict[str, JsonValue] = to_jsonable_python(dict(state or {}))
    except PydanticSerializationError:
        raise InvalidOption("state: holds a value that is no JSON, such as a function; keep that out of it") from None
    return found


def state_of(metadata: Metadata) -> dict[str, JsonValue]:
    """Return the state that a session's metadata holds."""
    return dict(metadata.attributes.get(_ATTRIBUTE, {}))


def with_state(metadata: Metadata, delta: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the attributes of a session some keys of whose state are set."""
    return {**metadata.attributes, _ATTRIBUTE: {**state_of(metadata), **delta}}


def whole(session: dict[str, Any], user: dict[str, Any], app: dict[str, Any]) -> dict[str, Any]:
    """Return the state that a session shows: its own, and that of its user and its app under their prefixes."""
    return {
        **session,
        **{State.APP_PREFIX + key: value for key, value in app.items()},
        **{State.USER_PREFIX + key: value for key, value in user.items()},
    }


def _merged(metadata: Metadata, added: list[JsonValue]) -> dict[str, Any]:
    delta = {key: value for message in added for key, value in message.items()}
    return {"attributes": with_state(metadata, delta)}


def _scoped(delta: Mapping[str, JsonValue], prefix: str) -> dict[str, JsonValue]:
    return {key.removeprefix(prefix): value for key, value in delta.items() if key.startswith(prefix)}
