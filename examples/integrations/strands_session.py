"""A Strands agent that goes on in another process, and two that cannot drop each other's turns; no account.

python strands_session.py [URL]
"""

import sys
from collections.abc import AsyncIterator
from typing import Any

from strands import Agent
from strands.models import Model
from strands.session import SnapshotSessionManager
from strands.types.exceptions import StorageError

from s3store import SessionStore
from s3store.integrations.strands import ArchiveStorage


class Forecast(Model):
    """A model that knows one answer."""

    def update_config(self, **config: Any) -> None:
        """Do nothing: there is nothing to set."""

    def get_config(self) -> dict[str, Any]:
        """Return nothing: there is nothing to set."""
        return {}

    async def structured_output(self, *given: Any, **more: Any) -> Any:
        """Refuse."""
        raise NotImplementedError

    async def stream(self, *given: Any, **more: Any) -> AsyncIterator[Any]:  # noqa: ARG002 - as Strands calls it
        """Answer."""
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockDelta": {"delta": {"text": "Sunny, 21 degrees."}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


def resumed(store: SessionStore) -> Agent:
    """Return the agent as a new process would resume it."""
    manager = SnapshotSessionManager("support-42", storage=ArchiveStorage(store))
    return Agent(model=Forecast(), session_manager=manager, callback_handler=None, agent_id="main")


url = sys.argv[1] if len(sys.argv) > 1 else "memory://"
with SessionStore(url) as store:
    for text in ("What is the weather in Graz?", "And in Linz?"):
        sys.stdout.write(f"{text} {resumed(store)(text)}")
    first, second = resumed(store), resumed(store)
    first("And in Vienna?")
    try:
        second("And in Salzburg?")
    except StorageError as error:
        sys.stdout.write(f"the second is told: {error}\n")
    sys.stdout.write(f"{len(resumed(store).messages)} messages are stored\n")
