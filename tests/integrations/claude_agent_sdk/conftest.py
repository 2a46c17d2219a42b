"""Archives of each kind for the SDK's store, with what may run it: asyncio or trio."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest

from s3store import AsyncSessionStore, SessionStore
from s3store.integrations.claude_agent_sdk import ClaudeSessionStore
from s3store.objects.memory import MemoryStore
from tests.archives import QUICK, open_place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.archives import Place


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["memory", "directory", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Place:
    """An archive in each kind of store."""
    return open_place(request.param, request, tmp_path, closing)


class Setting(NamedTuple):
    """Where the SDK runs, and how it opens one archive in memory."""

    backend: str
    objects: MemoryStore
    face: type[SessionStore | AsyncSessionStore]

    def store(self) -> ClaudeSessionStore:
        """Return one more client of the archive, as another process would have."""
        return ClaudeSessionStore(self.face(self.objects, policy=QUICK))

    def run(self, story: Callable[..., Awaitable[Any]], *given: object) -> Any:
        """Run a story to its end."""
        return anyio.run(story, *given, backend=self.backend)


@pytest.fixture(params=[("asyncio", AsyncSessionStore), ("asyncio", SessionStore), ("trio", SessionStore)], ids=str)
def setting(request: pytest.FixtureRequest) -> Setting:
    backend, face = request.param
    return Setting(backend, MemoryStore(), face)
