"""`ArchiveStorage`: a Strands storage on an archive, a session for each key."""

from __future__ import annotations

import asyncio
import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strands.storage.search.keyword import KeywordSearchStrategy

# The marker of a storage that is scoped already has no public name; without it Strands would scope a view once more.
from strands.storage.storage import _NAMESPACED, _normalize_key, _normalize_prefix
from strands.types.exceptions import StorageError

from ...blocking import SessionStore
from ...changes import Replace, Update
from ...contracts.namespace import Namespace, archive_of, settled
from ...errors import Conflict, S3StoreError, SessionNotFound
from ...runtime import run
from .values import records_of, value_of

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator

    from strands.storage.storage import StorageSearchResult

    from ...changes import Change
    from ...model import Filters
    from ...session import SessionCore

NAMESPACE = "strands-storage"
"""What the ids of these sessions start with in the archive, before a slash and the key."""


class ArchiveStorage:
    """A `strands.storage.Storage` on an archive: the value of a key is the session `strands-storage/<key>`.

    A key that this storage, or a view of it, has read or written is overwritten only if nobody else has changed it
    since; else `write` raises `StorageError` and nothing is lost: read again, and decide. So two processes that resume
    one session cannot drop each other's turns unnoticed. `guarded=False` gives that up, as Strands' own storages do.

    A snapshot of an agent is kept message by message: each write sends only what is new. Works from any event loop or
    thread. Close the `SessionStore` when done; nothing waits in memory here.
    """

    def __init__(self, store: SessionStore, *, guarded: bool = True) -> None:
        self._all = Namespace(archive_of(store, SessionStore), NAMESPACE)
        self._seen: dict[str, int] | None = {} if guarded else None
        self._prefix = ""

    async def write(self, key: str, data: bytes) -> None:
        """Store `data` under a key, in place of what was there.

        Raises `StorageError` for a wrong key, where somebody else has changed the value since it was read, and where
        the archive fails.
        """
        await self._do("write", key, lambda full: self._write(full, bytes(data)))

    async def read(self, key: str) -> bytes | None:
        """Return what is stored under a key; None if nothing is. Raises `StorageError`."""
        found: bytes | None = await self._do("read", key, self._read)
        return found

    async def delete(self, key: str) -> None:
        """Delete what is stored under a key, if anything is. Raises `StorageError`."""
        await self._do("delete", key, self._delete)

    async def list(self, query: str = "") -> builtins.list[str]:
        """Return the keys that start with `query`, sorted. Raises `StorageError`."""
        start = self._prefix + _normalize_prefix(query)
        with _failures("list", query):
            keys = await asyncio.to_thread(self._list, start)
        return [key[len(self._prefix) :] for key in keys]

    async def search(self, query: str) -> builtins.list[StorageSearchResult]:
        """Return the keys whose values have words of the query, the best match first, by Strands' own scores."""
        return await KeywordSearchStrategy().search(self, query)  # type: ignore[no-any-return]

    def namespace(self, prefix: str) -> ArchiveStorage:
        """Return a view of the keys under a prefix. It shares what this storage knows of the values' versions."""
        name = _normalize_prefix(prefix).rstrip("/")
        view = copy.copy(self)
        view.__dict__ |= {"_prefix": f"{self._prefix}{name}/" if name else self._prefix, "_namespaced": _NAMESPACED}
        return view

    async def _do(self, verb: str, key: str, operation: Callable[[str], Any]) -> Any:
        full = self._prefix + _normalize_key(key)
        with _failures(verb, key):
            return await asyncio.to_thread(operation, full)

    def _write(self, key: str, data: bytes) -> None:
        session = self._all.session(key)
        changes: list[Change] = [Replace(records_of(data)), Update(agent="strands-agents")]
        expected = None if self._seen is None else self._seen.get(key)
        version = run(_written(session, changes, expected))
        if self._seen is not None:
            self._seen[key] = version

    def _read(self, key: str) -> bytes | None:
        session = self._all.session(key)
        try:
            transcript = run(session.load())
        except SessionNotFound:
            self._note(key, 0)
            return None
        value = value_of(session.id, transcript.messages)
        self._note(key, transcript.info.version)
        return value

    def _delete(self, key: str) -> None:
        run(self._all.delete(key))
        if self._seen is not None:
            self._seen.pop(key, None)

    def _list(self, start: str) -> builtins.list[str]:
        return sorted(run(self._keys(start)))

    async def _keys(self, start: str) -> builtins.list[str]:
        within: Filters = {"id_prefix": self._all.id_of(start)}
        found = self._all.archive.index.listings.sessions(within, "newest", None, 0)
        return [self._all.key_of(summary.id) async for summary in found]

    def _note(self, key: str, version: int) -> None:
        if self._seen is not None:
            self._seen[key] = version


async def _written(session: SessionCore, changes: list[Change], expected: int | None) -> int:
    """Make changes in one commit, and return the version that they made."""
    version: int | None = None

    async def write() -> None:
        nonlocal version
        version = (await session.commit(changes, expected_version=expected)).info.version

    await settled(write, session.resolve)
    if version is not None:
        return version
    # It has landed, and the answer was lost. Somebody may have written since: what follows must not build on that.
    return (await session.info()).version if expected is None else expected + 1


@contextmanager
def _failures(verb: str, key: str) -> Iterator[None]:
    """Turn what an archive raises into Strands' own error."""
    try:
        yield
    except Conflict as error:
        raise StorageError(
            f"cannot {verb} {key!r}: somebody else has changed it since it was read; read it again"
        ) from error
    except S3StoreError as error:
        raise StorageError(f"cannot {verb} {key!r}: {error}") from error
