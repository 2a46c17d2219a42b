"""Sessions and workspace snapshots of the OpenAI Agents SDK, in an archive.

::

    store = SessionStore("s3://my-bucket/agents")
    await Runner.run(agent, "Hello", session=ArchiveSession("support/42", store))

A session is `openai-agents/<session id>` in the archive, and a message of it an item of the history, as it is.
Snapshots are artifacts of `openai-agents-snapshots/<snapshot id>`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.memory import SessionABC, SessionSettings
from agents.memory.session_settings import coerce_session_settings, resolve_session_limit

from ..changes import Change, Clear, Extend, RemoveLast, Replace
from ..contracts.namespace import Namespace, settled
from ..errors import Conflict, InvalidOption, OutcomeUnknown, SessionNotFound
from ..siblings.model import ArtifactLimits, NewArtifact
from ..streams.terms import Terms
from .faces import Faced, swapped

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable

    from ..archive import Archive
    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..model import RecordFields
    from ..siblings.artifacts import ArtifactsCore
    from ..store import AsyncSessionStore

NAMESPACE = "openai-agents"
"""What the ids of these sessions start with in the archive, before a slash."""
SNAPSHOTS = "openai-agents-snapshots"
"""What the ids of the sessions that hold snapshots start with, before a slash."""
HISTORY_SEAL = 32 * 1024
"""When the tail of a history is sealed, in bytes: a turn is two commits or more, and each writes it again."""

_ARTIFACT = "workspace"
_ATTEMPTS = 64


class ArchiveSession(SessionABC):
    """The protocol `Session` of the OpenAI Agents SDK, on an archive.

    `session_id` is any text at all. A `SessionStore` is used in threads, an `AsyncSessionStore` on the event loop.
    Close the archive when done; nothing waits in memory. `session_settings` may give a limit for `get_items`.

    Whatever adds or takes is one commit, finished also when its caller is cancelled; several processes may write to one
    session. Every method raises what the archive's own methods raise; an outage is never an empty history. The
    `wrapper` of a run is taken and not looked at.

    `OpenAIResponsesCompactionSession` wraps it, and replaces what it compacts in one step.
    """

    def __init__(
        self,
        session_id: str,
        store: SessionStore | AsyncSessionStore,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = (
            SessionSettings() if session_settings is None else coerce_session_settings(session_settings)
        )
        self._faced = Faced(store)
        self._history = _History(self._faced.archive, session_id)

    async def get_items(self, limit: int | None = None, *, wrapper: object = None) -> list[Any]:
        """Return the latest `limit` items, oldest first, and read no more than they take.

        None is the limit of the session's settings; without one, or below 0, all are returned. A record that is no
        item is left out, and does not count.
        """
        limit = resolve_session_limit(limit, self.session_settings)
        return await self._faced.call(self._history.items(None if limit is not None and limit < 0 else limit))

    async def add_items(self, items: list[Any], *, wrapper: object = None) -> None:
        """Add items at the end, all or none. Creates the session if there is none; no items are nothing to do.

        After an `OutcomeUnknown` the same call may be made again on this object: what had landed is not added twice.
        Raises `InvalidRecord` and `TooLarge` for what cannot be stored, and `InvalidOption` for what is no item, before
        anything is sent.
        """
        items = list(items)
        _check(items)
        if items:
            await self._faced.write(self._history.add(items))

    async def pop_item(self, *, wrapper: object = None) -> Any | None:
        """Take the latest item away and return it; None if there is none. Records behind it that are no items go too.

        Raises `Conflict` where others change the session all the time.
        """
        return await self._faced.write(self._history.pop())

    async def clear_session(self, *, wrapper: object = None) -> None:
        """Take all items away; the session and its metadata stay."""
        await self._faced.write(self._history.clear())

    async def replace_items(self, items: list[Any]) -> None:
        """Make `items` the whole history in one step. Raises as `add_items`."""
        items = list(items)
        _check(items)
        await self._faced.write(self._history.replace(items))

    async def _atomic_replace_items(self, items: list[Any]) -> bool:
        """Be what the SDK's compaction asks for in place of clearing and adding."""
        await self.replace_items(items)
        return True

    async def _get_compaction_snapshot(
        self, limit: int, *, prune_prefix: Callable[[Any], bool] | None = None
    ) -> Any | None:
        """Be what the SDK's compaction asks for to replace the end of a history in one step.

        An encrypted session tells by `prune_prefix` which items have expired: those that the history begins with go in
        the same step.
        """
        if type(self) is not ArchiveSession:
            return None  # What changes items on their way has to offer this itself.
        from agents.memory.session import _CompactionSnapshot

        end = await self._faced.call(self._history.end(limit))
        if not all(_is_item(line["message"]) for line in end.lines):
            return None

        async def replace_suffix(start: int, output: list[Any]) -> bool:
            return await self._faced.write(self._history.replace_end(end.lines[start:], output, prune_prefix))

        return _CompactionSnapshot([line["message"] for line in end.lines], end.is_all, replace_suffix)


class ArchiveSnapshots:
    """The client that a `RemoteSnapshot` asks its dependencies for, on an archive.

    ::

        dependencies.bind_value("snapshots", ArchiveSnapshots(store))
        RemoteSnapshotSpec(client_dependency_key="snapshots")

    Large snapshots go up in parts and are never held in memory. Every method raises what the archive's own raise.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self._faced = Faced(store)
        self._sessions = Namespace(self._faced.archive, SNAPSHOTS)

    async def upload(self, snapshot_id: str, data: io.IOBase) -> None:
        """Keep what an open binary file holds, from where it stands, in place of the snapshot of that id."""
        new = NewArtifact(_ARTIFACT, data, "application/x-tar")  # type: ignore[arg-type]
        await self._faced.write(self._artifacts(snapshot_id).put(new, None))

    async def download(self, snapshot_id: str) -> io.IOBase:
        """Return a snapshot as an open file, whole and checked, which is gone when it is closed.

        Raises `ArtifactNotFound` if there is none, and `CorruptObject` if it is not what was kept.
        """
        with tempfile.TemporaryDirectory(prefix="s3store-") as folder:
            path = Path(folder) / _ARTIFACT
            await self._faced.call(self._artifacts(snapshot_id).get_to(_ARTIFACT, path, None))
            return path.open("rb")

    async def exists(self, snapshot_id: str) -> bool:
        """Tell whether there is a snapshot of that id. An outage raises; it is never False."""
        return bool(await self._faced.call(self._artifacts(snapshot_id).infos()))

    async def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot. An unknown id is no error."""
        await self._faced.write(self._sessions.delete(snapshot_id))

    def _artifacts(self, snapshot_id: str) -> ArtifactsCore:
        return self._sessions.session(snapshot_id).artifacts(ArtifactLimits())


class _End:
    """The last records of a history, as they were at a version of it; 0 and none where there is no session."""

    def __init__(self, version: int, lines: list[RecordFields], count: int) -> None:
        self.version = version
        self.lines = lines
        self.is_all = len(lines) == count

    def items(self) -> list[JsonValue]:
        return [line["message"] for line in self.lines if _is_item(line["message"])]


class _History:
    """The core of a session: awaits nothing but the archive."""

    def __init__(self, archive: Archive, session_id: str) -> None:
        sessions = Namespace(archive, NAMESPACE, seal=HISTORY_SEAL)
        self._streams = archive.streams
        self._session = sessions.session(session_id)
        self._unknown: tuple[str, list[Any]] | None = None

    async def end(self, number: int | None) -> _End:
        """Read the last `number` records, or all."""
        try:
            head, lines = await self._streams.read(
                self._session.id, Terms(), lambda head: 0 if number is None else max(0, head.count - number)
            )
        except SessionNotFound:
            return _End(0, [], 0)
        return _End(head.version, lines, head.count)

    async def items(self, limit: int | None) -> list[JsonValue]:
        if limit is None:
            return (await self.end(None)).items()
        window = limit
        while True:
            end = await self.end(window)
            found = end.items()
            if len(found) >= limit or end.is_all:
                return found[len(found) - limit :] if len(found) > limit else found
            window *= 2

    async def add(self, items: list[Any]) -> None:
        if self._unknown is not None and self._unknown[1] == items:
            commit_id, _ = self._unknown
            if await self._session.resolve(commit_id):
                self._unknown = None
                return
        self._unknown = None
        try:
            await self._settle(Extend(items))
        except OutcomeUnknown as unknown:
            self._unknown = unknown.commit_id, items
            raise

    async def pop(self) -> JsonValue | None:
        for _ in range(_ATTEMPTS):
            window, end = 1, await self.end(1)
            while not end.items() and not end.is_all:
                window *= 2
                end = await self.end(window)
            if not end.lines:
                return None
            items = end.items()
            behind = next((place for place, line in enumerate(reversed(end.lines)) if _is_item(line["message"])), None)
            taken = len(end.lines) if behind is None else behind + 1
            if await swapped(self._session, end.version, [RemoveLast()] * taken):
                return items[-1] if items else None
        raise self._contended()

    async def clear(self) -> None:
        try:
            await self._settle(Clear(), must_exist=True)
        except SessionNotFound:
            pass

    async def replace(self, items: list[Any]) -> None:
        await self._settle(Replace(items))

    async def replace_end(
        self, expected: list[RecordFields], items: list[Any], is_stale: Callable[[Any], bool] | None
    ) -> bool:
        """Put items in the place of the last records, unless these are others by now; tell whether it was done.

        With `is_stale` the whole history is read, and the stale items that it begins with go as well.
        """
        _check(items)
        for _ in range(_ATTEMPTS):
            end = await self.end(len(expected) if is_stale is None else None)
            before = [line["message"] for line in end.lines[: -len(expected)]]
            if not expected or end.lines[len(before) :] != expected:
                return False
            changes: list[Change] = [*[RemoveLast()] * len(expected), Extend(items)]
            stale = 0 if is_stale is None else _stale_at_start(before, is_stale)
            if stale:
                changes = [Replace([*before[stale:], *items])]
            if await swapped(self._session, end.version, changes):
                return True
        raise self._contended()

    async def _settle(self, change: Change, *, must_exist: bool = False) -> None:
        await settled(lambda: self._session.commit([change], must_exist=must_exist), self._session.resolve)

    def _contended(self) -> Conflict:
        return Conflict(f"session {self._session.id!r}: others changed it {_ATTEMPTS} times; try again")


def _is_item(message: JsonValue) -> bool:
    return isinstance(message, dict)


def _stale_at_start(messages: list[JsonValue], is_stale: Callable[[Any], bool]) -> int:
    """Return how many items at the start are stale; what is no item is not."""
    fresh = (place for place, each in enumerate(messages) if not (_is_item(each) and is_stale(each)))
    return next(fresh, len(messages))


def _check(items: Iterable[Any]) -> None:
    for place, item in enumerate(items):
        if not _is_item(item):
            raise InvalidOption(f"item {place}: an object is wanted, not {type(item).__name__}")
