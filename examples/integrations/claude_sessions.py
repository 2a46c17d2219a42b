"""A session of the Claude Agent SDK in an archive, without a model: mirrored, repeated, listed, resumed.

    pip install '.[claude-agent-sdk]'
    python examples/integrations/claude_sessions.py file:///tmp/agents

With a model, the one line that counts is `ClaudeAgentOptions(session_store=ClaudeSessionStore(store))`.
"""

import sys
from uuid import uuid4

import anyio
from claude_agent_sdk import get_session_messages_from_store, list_sessions_from_store, project_key_for_directory

from s3store import SessionStore
from s3store.integrations.claude_agent_sdk import ClaudeSessionStore


async def main(location: str) -> None:
    """Do what the SDK does, turn by turn."""
    with SessionStore(location) as archive:
        store = ClaudeSessionStore(archive)
        key = {"project_key": project_key_for_directory("."), "session_id": str(uuid4())}
        turn = [entry("user", "What is the weather in Graz?", None)]
        turn.append(entry("assistant", "Sunny, 21 degrees.", turn[0]["uuid"]))
        await store.append(key, turn)
        await store.append(key, turn)  # a retry: stored once
        messages = await get_session_messages_from_store(store, key["session_id"], directory=".")
        print(f"{len(messages)} messages to resume from:", *(message.message["content"] for message in messages))
        for session in await list_sessions_from_store(store, directory="."):
            print(f"{session.session_id}  {session.summary}")


def entry(role: str, text: str, parent: str | None) -> dict[str, object]:
    """Return a line as the SDK's tool writes them."""
    return {
        "type": role,
        "uuid": str(uuid4()),
        "parentUuid": parent,
        "timestamp": "2026-11-20T09:30:00.000Z",
        "message": {"role": role, "content": text},
    }


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "memory://")
