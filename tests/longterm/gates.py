"""A store that shows who hands work to a pool of threads that waits for the pool itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from s3store.keys import is_transcript_head
from s3store.objects.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.objects.base import StoredObject

_LONGEST_SECONDS = 20


class AllAtOnce(MemoryStore):
    """Once `close_gate` was called, lets nobody read the head of a transcript before so many want to."""

    def __init__(self) -> None:
        super().__init__()
        self._gate: threading.Barrier | None = None

    def close_gate(self, together: int) -> None:
        self._gate = threading.Barrier(together, timeout=_LONGEST_SECONDS)

    async def get(self, key: str, **terms: Any) -> StoredObject:
        if self._gate is not None and is_transcript_head(key):
            self._gate.wait()
        return await super().get(key, **terms)


def finishes(work: Callable[[], object]) -> bool:
    """Tell whether a call returns, and does not wait for itself."""
    done = threading.Event()

    def run() -> None:
        work()
        done.set()

    threading.Thread(target=run, daemon=True).start()
    return done.wait(_LONGEST_SECONDS)
