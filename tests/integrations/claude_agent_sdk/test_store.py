"""The store of the Claude Agent SDK, by the SDK's own conformance suite and by what that does not ask."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from claude_agent_sdk import ClaudeAgentOptions, fold_session_summary, list_sessions_from_store
from claude_agent_sdk.testing import run_session_store_conformance

from s3store import (
    AsyncSessionStore,
    CommitPolicy,
    Conflict,
    InvalidOption,
    InvalidRecord,
    SessionStore,
    StoreUnavailable,
)
from s3store.integrations.claude_agent_sdk import MAX_SUMMARY, NAMESPACE, ClaudeSessionStore
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.archives import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.archives import Place

    from .conftest import Setting

KEY: Any = {"project_key": "-home-mia-weather", "session_id": "5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11"}
SUB: Any = {**KEY, "subpath": "subagents/agent-1"}


def entry(number: int, **more: object) -> Any:
    """Return an entry with a uuid."""
    return {"type": "user", "uuid": f"u-{number}", "message": {"role": "user", "content": f"Words {number}"}, **more}


def test_conformance_everywhere(place: Place) -> None:
    """The SDK's own suite, each contract on an archive where other sessions are."""
    stores = (ClaudeSessionStore(place.open()) for _ in itertools.count())
    empty = emptied(place, stores)
    anyio.run(run_session_store_conformance, empty)


def emptied(place: Place, stores: Any) -> Callable[[], ClaudeSessionStore]:
    """Return what makes a store without sessions for each contract."""

    def make() -> ClaudeSessionStore:
        for key in place.listed():
            if key != "archive.json":
                place.remove(key)
        return cast("ClaudeSessionStore", next(stores))

    return make


def test_conformance_on_each_loop(setting: Setting) -> None:
    def make() -> ClaudeSessionStore:
        return ClaudeSessionStore(setting.face(MemoryStore(), policy=QUICK))

    setting.run(run_session_store_conformance, make)
