"""A plugin of pytest that points LangGraph's own tests of `InMemorySaver` and `SqliteSaver` at `ArchiveSaver`.

In the unpacked source distribution of langgraph-checkpoint or langgraph-checkpoint-sqlite, in an environment with both,
this project and pytest-asyncio:
`PYTHONPATH=<this project> pytest -p tests.integrations.langgraph.instead_of_memory tests/test_memory.py`
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from s3store import SessionStore
from s3store.integrations.langgraph import ArchiveSaver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import pytest


class Saver(ArchiveSaver):
    """Made as the others are made: without an archive, or with the address of a database."""

    def __init__(self, *_: Any, serde: Any = None, **__: Any) -> None:
        super().__init__(SessionStore("memory://"), serde=serde)

    @classmethod
    @contextmanager
    def from_conn_string(cls, _: str) -> Iterator[Saver]:
        yield cls()


class AsyncSaver(Saver):
    @classmethod
    @asynccontextmanager
    async def from_conn_string(cls, _: str) -> AsyncIterator[Saver]:  # type: ignore[override]
        yield cls()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put it in the place of the names that the tests import."""
    for item in items:
        module: Any = getattr(item, "module", None)
        for name, ours in (("InMemorySaver", Saver), ("SqliteSaver", Saver), ("AsyncSqliteSaver", AsyncSaver)):
            if hasattr(module, name):
                setattr(module, name, ours)
