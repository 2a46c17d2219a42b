"""What one process remembers between calls: heads last seen, and whose turn it is to write."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from .commit import Known
    from .head import Head

_WEIGHT_OF_A_HEAD = 1024
_WEIGHT_OF_A_SEGMENT = 512


class GuessedHeads:
    """The heads last seen, bounded by about `max_bytes` of memory. What is in here may be out of date."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._heads: OrderedDict[str, Known[Head]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Known[Head] | None:
        """Return what is known of the head, or None."""
        return self._heads.get(key)

    def put(self, key: str, known: Known[Head]) -> None:
        """Remember a head that was read or written."""
        with self._lock:
            self._drop(key)
            self._heads[key] = known
            self._bytes += _weight(known)
            while self._bytes > self._max_bytes:
                self._bytes -= _weight(self._heads.popitem(last=False)[1])

    def forget(self, key: str) -> None:
        """Remember nothing of the head any more."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        known = self._heads.pop(key, None)
        if known is not None:
            self._bytes -= _weight(known)


def _weight(known: Known[Head]) -> int:
    head = known.state
    if head is None:
        return _WEIGHT_OF_A_HEAD
    return _WEIGHT_OF_A_HEAD + len(head.tail) + len(head.tail_frame) + _WEIGHT_OF_A_SEGMENT * len(head.segments)


class Turns:
    """One writer of a key at a time within this process.

    Between processes the compare-and-swap decides, but writers who share a process need not make each other fail.
    """

    def __init__(self, new_lock: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._new_lock = new_lock
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[AbstractAsyncContextManager[Any], int]] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Hold the turn of a key."""
        with self._guard:
            lock, waiting = self._locks.get(key) or (self._new_lock(), 0)
            self._locks[key] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            with self._guard:
                lock, waiting = self._locks.pop(key)
                if waiting > 1:
                    self._locks[key] = lock, waiting - 1
