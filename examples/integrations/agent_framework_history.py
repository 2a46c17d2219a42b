"""An agent of the Microsoft Agent Framework on an archive, without a model: its history, and an audit beside it.

    pip install '.[agent-framework]'
    python examples/integrations/agent_framework_history.py file:///tmp/agents

Run it twice: the second process goes on where the first one ended. The `Counter` stands for a client of a model.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from agent_framework import Agent, BaseChatClient, ChatResponse, Message

from s3store import SessionStore
from s3store.integrations.agent_framework import ArchiveHistoryProvider


class Counter(BaseChatClient):
    """Says how many messages it was given."""

    async def _inner_get_response(self, *, messages: Sequence[Message], **kwargs: Any) -> ChatResponse:  # noqa: ARG002
        return ChatResponse(messages=[Message(role="assistant", contents=[f"I see {len(messages)} messages."])])


async def main(location: str) -> None:
    """Ask twice, and show what is kept."""
    with SessionStore(location) as store:
        history = ArchiveHistoryProvider(store)
        audit = ArchiveHistoryProvider(store, "audit", load_messages=False)
        agent = Agent(client=Counter(), context_providers=[history, audit])
        for _ in range(2):
            print((await agent.run("What do you see?", session=agent.create_session(session_id="trip"))).text)
        print(f"the history has {len(await history.get_messages('trip'))} messages")
        print(f"the audit has {len(await audit.get_messages('trip'))}, and no agent ever read it")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
