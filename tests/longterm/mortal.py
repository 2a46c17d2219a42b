"""A store whose client dies at a request, and archives that are copied to try the same thing again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.contracts.faults import Killed

if TYPE_CHECKING:
    from s3store.objects.base import ObjectStore


class MortalStore:
    """Passes so many requests on as `lives`, whatever they are, and none after that: its client is dead."""

    def __init__(self, store: ObjectStore, lives: int) -> None:
        self._store = store
        self._lives = lives

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)

        async def request(*args: Any, **kwargs: Any) -> Any:
            if self._lives == 0:
                raise Killed
            self._lives -= 1
            return await call(*args, **kwargs)

        return request


def copy_of(objects: MemoryStore) -> MemoryStore:
    """Return a store that holds the same objects."""
    copied = MemoryStore()
    for listed in run(objects.list_page("", limit=1000)).objects:
        run(copied.put(listed.key, run(objects.get(listed.key)).body))
    return copied
