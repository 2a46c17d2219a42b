"""The log: what changed lately. Each change is an empty object, and the entry rides in its key.

Listing the log reads it; no object of it is ever fetched. A key is written once, and sorts by a ULID that was made just
before it was stored, so that within a process a later entry sorts after an earlier one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CorruptObject
from ..keys import INDEX_LOG, entry_of_log_key, log_key
from ..objects.base import all_keys, remove_all
from .entry import Entry, Stub, read_text, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..objects.base import ObjectStore
    from ..runtime import Runtime

_REMEMBERED = 8192


class Logged(NamedTuple):
    """An entry of the log and the key that it rides in."""

    key: str
    entry: Entry | Stub


class Log:
    """The log of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._read: OrderedDict[str, Entry | Stub] = OrderedDict()

    async def add(self, entry: Entry) -> str:
        """Store an entry and return its key. Raises `StoreUnavailable`: then it may be there, which does no harm."""
        key = log_key(self._runtime.ulid(), write_text(entry))
        await self._store.put(key, b"")
        return key

    async def entries(self) -> list[Logged]:
        """List the log. Raises `CorruptObject` for a key that holds no entry."""
        return self.read(await all_keys(self._store, INDEX_LOG))

    def read(self, keys: Iterable[str]) -> list[Logged]:
        """Read the entries that ride in keys. Raises `CorruptObject` for a key that holds no entry."""
        return [Logged(key, self._entry(key)) for key in keys]

    async def remove(self, keys: Iterable[str]) -> None:
        """Delete entries that others have replaced. What cannot be deleted now is left to a compaction."""
        await remove_all(self._store, self._runtime, keys)

    async def strays(self) -> list[str]:
        """List the keys that hold no entry: nothing of this package's made them."""
        found = []
        for key in await all_keys(self._store, INDEX_LOG):
            try:
                self._entry(key)
            except CorruptObject:
                found.append(key)
        return found

    def _entry(self, key: str) -> Entry | Stub:
        # Keys never change their meaning, and a log is listed again and again.
        known = self._read.get(key)
        if known is None:
            known = self._read[key] = read_text(key, entry_of_log_key(key))
            if len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return known
