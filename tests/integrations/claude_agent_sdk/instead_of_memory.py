"""A plugin for pytest that has the SDK's own unit tests use our store where they use the SDK's in memory.

The tests stand in the SDK's source distribution alone; `sdk_tests` fetches and runs them.
"""

from __future__ import annotations

from typing import Any

import claude_agent_sdk
from claude_agent_sdk._internal import session_store

from s3store import SessionStore
from s3store.integrations.claude_agent_sdk import NAMESPACE, ClaudeSessionStore


class InsteadOfMemory(ClaudeSessionStore):
    """Our store on an archive in memory, with what the tests ask of the SDK's beyond the protocol."""

    def __init__(self) -> None:
        self._archived = SessionStore("memory://")
        super().__init__(self._archived)

    def get_entries(self, key: Any) -> list[Any]:
        """Return the entries of a transcript; none if there is none."""
        names = [key["project_key"], key["session_id"], key.get("subpath")]
        session_id = "/".join([NAMESPACE, *filter(None, names)])
        return self._archived.load(session_id).messages if self._archived.exists(session_id) else []

    @property
    def size(self) -> int:
        """How many sessions there are."""
        return sum(summary.id.count("/") == 2 for summary in self._archived.list())

    def clear(self) -> None:
        """Delete all of them."""
        for summary in self._archived.list():
            self._archived.delete(summary.id)


for module in (claude_agent_sdk, session_store):
    module.InMemorySessionStore = InsteadOfMemory
