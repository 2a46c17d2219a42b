"""A session of the OpenAI Agents SDK that goes on in another process; no account: `python openai_session.py [URL]`.

With a model of OpenAI, leave `model` out; the one argument that counts is `session=ArchiveSession(...)`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from s3store import SessionStore
from s3store.integrations.openai_agents import ArchiveSession


class Echo(Model):
    """A model that tells how much it was told so far."""

    async def get_response(self, *_: Any, **given: Any) -> ModelResponse:
        """Answer."""
        text = ResponseOutputText(type="output_text", text=f"I was told {len(given['input'])} items.", annotations=[])
        said = ResponseOutputMessage(id="1", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Stream nothing."""
        raise NotImplementedError("this example does not stream")


async def main(url: str) -> None:
    """Run an agent twice, each time with the session opened anew."""
    agent = Agent("echo", model=Echo())
    with SessionStore(url) as store:
        for text in ("Hello", "And now?"):
            session = ArchiveSession("support/42", store)
            result = await Runner.run(agent, text, session=session, run_config=RunConfig(tracing_disabled=True))
            sys.stdout.write(f"{text} - {result.final_output}\n")
        sys.stdout.write(f"{store.info('openai-agents/support/42').count} items are stored\n")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "memory://"))
