"""An agent of Google's ADK on an archive, without a model: its sessions, its state and its artifacts.

    pip install '.[google-adk]'
    python examples/integrations/google_adk.py file:///tmp/agents

Run it twice: the second process goes on where the first one ended. The `Counter` stands for an agent with a model.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from google.adk.agents.base_agent import BaseAgent
from google.adk.agents.invocation_context import InvocationContext
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.runners import Runner
from google.genai import types

from s3store import SessionStore
from s3store.integrations.google_adk import ArchiveArtifactService, ArchiveSessionService

APP, USER, SESSION = "demo", "mia", "trip"


class Counter(BaseAgent):
    """Says how often it was asked, and keeps a note of each time."""

    async def _run_async_impl(self, ctx: InvocationContext) -> AsyncIterator[Event]:
        asked = ctx.session.state.get("asked", 0) + 1
        note = types.Part(text=f"asked {asked} times")
        version = await ctx.artifact_service.save_artifact(
            app_name=APP, user_id=USER, session_id=SESSION, filename="notes/asked.txt", artifact=note
        )
        yield Event(
            author=self.name,
            invocation_id=ctx.invocation_id,
            content=types.Content(role="model", parts=[note]),
            actions=EventActions(
                state_delta={"asked": asked, "user:last": SESSION}, artifact_delta={"notes/asked.txt": version}
            ),
        )


async def main(location: str) -> None:
    """Ask twice, and show what is kept."""
    with SessionStore(location) as store:
        sessions, artifacts = ArchiveSessionService(store), ArchiveArtifactService(store)
        runner = Runner(
            app_name=APP,
            agent=Counter(name="counter"),
            session_service=sessions,
            artifact_service=artifacts,
            auto_create_session=True,
        )
        question = types.Content(role="user", parts=[types.Part(text="How often did I ask?")])
        for _ in range(2):
            async for event in runner.run_async(user_id=USER, session_id=SESSION, new_message=question):
                print(event.author, event.content.parts[0].text)
        session = await sessions.get_session(app_name=APP, user_id=USER, session_id=SESSION)
        print(f"{len(session.events)} events, state {session.state}")
        versions = await artifacts.list_versions(
            app_name=APP, user_id=USER, session_id=SESSION, filename="notes/asked.txt"
        )
        print(f"notes/asked.txt has the versions {versions}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
