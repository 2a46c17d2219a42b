"""Sessions of a real Strands agent, whose model says what it is told to: what its session managers send to S3.

Two of them are its own, and the same two are tried on an archive.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from s3store import SessionStore

    from .requests import Turn

Manager = Literal[
    "S3SessionManager",
    "SnapshotSessionManager",
    "RepositorySessionManager on s3store",
    "SnapshotSessionManager on s3store",
]


def is_installed() -> bool:
    """Tell whether strands-agents, of the extra `bench`, is here."""
    return importlib.util.find_spec("strands") is not None


def resume(manager: Manager, bucket: str, session_id: str, store: SessionStore) -> Callable[[Turn], None]:
    """Start an agent on a session, as a new process would; return what runs one turn of it.

    The session is in the bucket or, for the managers that are on s3store, in the archive.
    """
    from strands import Agent, tool

    model = _ScriptedModel()

    def look_up(question: str) -> str:
        """Look something up."""
        return model.turn[2] if question else ""

    agent = Agent(
        model=model,
        tools=[tool(name="look_up")(look_up)],
        agent_id="agent",
        session_manager=_session_manager(manager, bucket, session_id, store),
        callback_handler=None,
    )

    def run(turn: Turn) -> None:
        model.turn = turn
        agent(turn[0])

    return run


def _session_manager(manager: Manager, bucket: str, session_id: str, store: SessionStore) -> Any:
    from strands.session.repository_session_manager import RepositorySessionManager
    from strands.session.s3_session_manager import S3SessionManager
    from strands.session.snapshot_session_manager import SnapshotSessionManager
    from strands.storage import S3Storage

    from s3store.integrations.strands import ArchiveSessionRepository, ArchiveStorage

    match manager:
        case "S3SessionManager":
            return S3SessionManager(session_id, bucket)
        case "SnapshotSessionManager":
            return SnapshotSessionManager(session_id, storage=S3Storage(bucket))
        case "RepositorySessionManager on s3store":
            return RepositorySessionManager(session_id, ArchiveSessionRepository(store))
        case "SnapshotSessionManager on s3store":
            return SnapshotSessionManager(session_id, storage=ArchiveStorage(store))


class _ScriptedModel:
    """Answers a prompt with one call of the tool, and its result with a text."""

    stateful = False
    context_window_limit = None

    def __init__(self) -> None:
        self.turn: Turn = ("", "", "", "")

    def get_config(self) -> dict[str, Any]:
        return {}

    async def count_tokens(self, *_: Any, **__: Any) -> int:
        return 0

    async def stream(self, messages: list[dict[str, Any]], *_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
        answers = any("toolResult" in block for block in messages[-1]["content"])
        yield {"messageStart": {"role": "assistant"}}
        if answers:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": self.turn[3]}}}
        else:
            yield {
                "contentBlockStart": {"start": {"toolUse": {"toolUseId": f"call-{len(messages)}", "name": "look_up"}}}
            }
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": self.turn[1]}}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn" if answers else "tool_use"}}
