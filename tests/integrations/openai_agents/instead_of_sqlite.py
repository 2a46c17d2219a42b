"""A plugin of pytest that points the SDK's own tests of `SQLiteSession` at `ArchiveSession`.

In the SDK's unpacked source distribution, in an environment with it, this project and pytest-asyncio:
`PYTHONPATH=<this project>/tests/integrations/openai_agents pytest -p instead_of_sqlite tests/memory`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from s3store import SessionStore
from s3store.integrations.openai_agents import ArchiveSession

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_stores: dict[str, SessionStore] = {}


class _Kind(type):
    """What is made is an `ArchiveSession` itself, since one of a subclass is not compacted in one step."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, ArchiveSession)

    def __call__(
        cls, session_id: str, db_path: str | Path = ":memory:", *_: Any, session_settings: Any = None
    ) -> ArchiveSession:
        """Return a session in the archive that stands for a database: one in memory is nobody else's."""
        if str(db_path) == ":memory:":
            store = SessionStore("memory://")
        else:
            store = _stores.setdefault(str(db_path), SessionStore("memory://"))
        found: Any = ArchiveSession(session_id, store, session_settings=session_settings)
        found.close = lambda: None
        return cast("ArchiveSession", found)


class Session(metaclass=_Kind):
    """What the tests take for `SQLiteSession`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put it in the place of the name that the tests import."""
    for item in items:
        module = getattr(item, "module", None)
        if hasattr(module, "SQLiteSession"):
            module.SQLiteSession = Session  # type: ignore[union-attr]
