"""The session store of the Claude Agent SDK: its transcripts, mirrored into an archive and resumed from there.

::

    store = SessionStore("s3://my-bucket/agents")
    options = ClaudeAgentOptions(session_store=ClaudeSessionStore(store))

A transcript is the session `claude-agent-sdk/<project>/<session>`; one of a sub-agent has `/<subpath>` behind that. A
slash within a project or a session is written `%2F`. Of the archive's metadata a session uses `agent`, `channel` (the
project), `parent` (of a sub-agent, the session), `name` (a title, for those who list the archive) and `room`: the
summary that the SDK folds, as JSON. That one stands where the index has it too, so that sessions are listed with their
titles without reading any.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

import anyio
from anyio import to_thread
from claude_agent_sdk import fold_session_summary

from ..blocking import SessionStore
from ..changes import Change, Derive, Extend, Update
from ..contracts.namespace import Namespace, archive_of
from ..errors import InvalidOption, InvalidRecord, SessionNotFound, StoreUnavailable
from ..farewell import PATIENCE, before_the_end
from ..importers.base import header_text
from ..reading import Titles
from ..runtime import run
from ..store import AsyncSessionStore
from .names import part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping

    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

    from ..archive import Archive
    from ..jsontext import JsonValue
    from ..model import Metadata, SessionSummary

T = TypeVar("T")

NAMESPACE = "claude-agent-sdk"
"""What the ids of these sessions start with in the archive, before a slash; also their `agent`."""
MAX_SUMMARY = 32 * 1024
"""The longest summary that is kept, in characters of JSON. The SDK reads a session with a longer one to list it."""

_TOO_LONG = "too long"
"""Stands in the place of a summary that was longer, so that none is folded from the middle of a session."""
_AT_ONCE = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ClaudeSessionStore:
    """The protocol `SessionStore` of the Claude Agent SDK, all of it, on an archive.

    A `SessionStore` works under asyncio and trio alike, in threads; an `AsyncSessionStore` under asyncio only. It is
    used on one event loop at a time. Close the archive when done; nothing waits in memory then.

    When `append` returns, the entries are stored. A session's appends go out in the order of the calls; those that come
    while one is under way go out together, in one commit. An append under way is finished when its caller is
    cancelled, and when the process is told to end by SIGTERM.

    Every method raises `InvalidOption` for a wrong key, and what the archive's own methods raise.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self._is_blocking = not isinstance(store, AsyncSessionStore)
        self._core = _Core(archive_of(store, SessionStore if self._is_blocking else AsyncSessionStore))
        self._queues: dict[str, _Queue] = {}

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add entries to a transcript, all or none; one whose `uuid` it has already, or has had, is left out.

        Creates the transcript if there is none; no entries are nothing to do. An answer of the store that was lost is
        settled before this returns. Raises `InvalidRecord` and `TooLarge` for what cannot be stored, before anything
        is sent.
        """
        place = _Place.of(key)
        if not entries:
            return
        change = Extend(entries, keys=[_uuid(entry) for entry in entries])
        queue = self._queues.setdefault(place.key, _Queue())
        queue.users += 1
        try:
            with _finished_before_the_end():
                await queue.put(change, lambda changes: self._finish(self._core.append, place, changes))
        finally:
            queue.users -= 1
            if not queue.users:
                self._queues.pop(place.key, None)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return all entries of a transcript, deep-equal, in the order they were stored; None if there is none."""
        return await self._finish(self._core.load, _Place.of(key))

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """Return the sessions of a project, without those of sub-agents, the one that changed last first.

        `mtime` is when it was stored, in milliseconds since 1970; it never goes back, whatever the writers' clocks say.
        """
        found = await self._finish(self._core.sessions, project_key)
        return [{"session_id": session_id, "mtime": _mtime(summary)} for session_id, summary in found]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the summaries of a project's sessions, as folded by the SDK, with the `mtime` of `list_sessions`.

        One of over `MAX_SUMMARY` is left out; the SDK then reads that session.
        """
        found = await self._finish(self._core.sessions, project_key)
        return [
            {"session_id": session_id, "mtime": _mtime(summary), "data": data}
            for session_id, summary in found
            if (data := _data(summary.room)) is not None
        ]

    async def delete(self, key: SessionKey) -> None:
        """Delete a transcript, and with that of a session those of its sub-agents. An unknown one is no error.

        One that was interrupted is finished by the next.
        """
        await self._finish(self._core.delete, _Place.of(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """Return the subpaths that a session has transcripts under, sorted."""
        return await self._finish(self._core.subpaths, _Place.of(key))

    async def _finish(self, work: Callable[..., Coroutine[Any, Any, T]], *given: object) -> T:
        """Run work of the core: on the event loop, or in a thread where the archive blocks."""
        if self._is_blocking:
            found: T = await to_thread.run_sync(lambda: run(work(*given)))
            return found
        _must_be_asyncio()
        return await work(*given)


class _Place(NamedTuple):
    """What a key of the SDK names: where the transcript stands among those of this module."""

    project: str
    session: str
    subpath: str | None

    @classmethod
    def of(cls, key: Mapping[str, Any]) -> _Place:
        """Return the place that a key names. Raises `InvalidOption` if it names none."""
        names: tuple[Any, Any, Any] = key.get("project_key"), key.get("session_id"), key.get("subpath")
        for name, text in zip(("project_key", "session_id", "subpath"), names, strict=True):
            if text is None and name == "subpath":
                continue
            if not isinstance(text, str) or (not text and name != "project_key"):
                raise InvalidOption(f"{name} is a text that is not empty; leave subpath out for the session itself")
        return cls(*names)

    @property
    def main(self) -> str:
        """The key of the session itself."""
        return f"{part(self.project)}/{part(self.session)}"

    @property
    def key(self) -> str:
        """The key within the name space."""
        return self.main if self.subpath is None else f"{self.main}/{self.subpath}"


class _Core:
    """The transcripts in an archive. It awaits nothing but the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._all = Namespace(archive, NAMESPACE)

    async def append(self, place: _Place, changes: list[Change]) -> None:
        """Make the changes in one commit, with what is said of the transcript."""
        said = Update(agent=NAMESPACE, channel=place.project)
        more: Change = Derive(lambda metadata, added: _summarised(place, metadata, added))
        if place.subpath is not None:
            more = Update(parent=self._all.id_of(place.main))
        await self._all.settle(place.key, *changes, said, more)

    async def load(self, place: _Place) -> list[JsonValue] | None:
        """See `ClaudeSessionStore.load`."""
        try:
            return (await self._all.session(place.key).load()).messages
        except SessionNotFound:
            return None

    async def sessions(self, project: str) -> list[tuple[str, SessionSummary]]:
        """Return the sessions of a project, by their ids."""
        theirs = self._within(part(project))
        found = [(theirs.key_of(summary.id), summary) async for summary in theirs.summaries()]
        return [(unquote(name), summary) for name, summary in found if "/" not in name]

    async def subpaths(self, place: _Place) -> list[str]:
        """See `ClaudeSessionStore.list_subkeys`."""
        theirs = self._within(place.main)
        return sorted([theirs.key_of(summary.id) async for summary in theirs.summaries()])

    async def delete(self, place: _Place) -> None:
        """See `ClaudeSessionStore.delete`."""
        await self._all.delete(place.key)
        if place.subpath is not None:
            return
        subpaths = await self.subpaths(place)
        theirs = (self._all.delete(f"{place.main}/{subpath}") for subpath in subpaths)
        while together := list(islice(theirs, _AT_ONCE)):
            await self._archive.runtime.branches(together)

    def _within(self, key: str) -> Namespace:
        return Namespace(self._archive, f"{NAMESPACE}/{key}")


class _Batch:
    """Changes that go out in one commit, and how that ended."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.failure: Exception | None = None


class _Queue:
    """The appends of one transcript: one commit at a time, and the next one takes all that wait."""

    def __init__(self) -> None:
        self.users = 0
        self._turn = anyio.Lock()
        self._waiting: _Batch | None = None

    async def put(self, change: Change, commit: Callable[[list[Change]], Awaitable[None]]) -> None:
        """Have a change written, by this call or by another one; raise what the commit raised."""
        batch = self._waiting = self._waiting or _Batch()
        batch.changes.append(change)
        async with self._turn:
            if batch is self._waiting:
                self._waiting = None
                await self._write(batch, commit)
        if batch.failure is not None:
            raise batch.failure

    async def _write(self, batch: _Batch, commit: Callable[[list[Change]], Awaitable[None]]) -> None:
        # Stands if the task is cancelled in a way that the shield does not stop.
        batch.failure = StoreUnavailable("the append was cancelled while it was written", may_have_landed=True)
        try:
            with anyio.CancelScope(shield=True):
                await commit(batch.changes)
        except Exception as error:  # noqa: BLE001 - raised by all whose changes these are
            batch.failure = error
        else:
            batch.failure = None


@contextmanager
def _finished_before_the_end() -> Iterator[None]:
    """Have a SIGTERM wait for what is done within."""
    done = Event()
    forget = before_the_end(lambda: done.wait(PATIENCE))
    try:
        yield
    finally:
        done.set()
        forget()


def _must_be_asyncio() -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise InvalidOption("an AsyncSessionStore works under asyncio alone; give a SessionStore here") from None


def _uuid(entry: Mapping[str, Any]) -> str | None:
    if not isinstance(entry, dict):
        raise InvalidRecord(f"an entry is an object, not {type(entry).__name__}")
    uuid = entry.get("uuid")
    return uuid if isinstance(uuid, str) and uuid else None


def _summarised(place: _Place, metadata: Metadata, added: list[JsonValue]) -> dict[str, Any]:
    """Return what is said of a session to which entries are added."""
    fields: dict[str, Any] = {}
    titles = Titles()
    for entry in added:
        titles.add(entry)
    title = header_text(titles.given() or metadata.name or titles.best())
    if title is not None:
        fields["name"] = title
    if metadata.room != _TOO_LONG:
        fields["room"] = _folded(place, metadata.room, added)
    return fields


def _folded(place: _Place, room: str | None, added: list[JsonValue]) -> str:
    key = {"project_key": place.project, "session_id": place.session}
    data = _data(room)
    before = None if data is None else {"session_id": place.session, "mtime": 0, "data": data}
    text = json.dumps(fold_session_summary(before, key, added)["data"], separators=(",", ":"))
    return text if len(text) <= MAX_SUMMARY else _TOO_LONG


def _data(room: str | None) -> dict[str, JsonValue] | None:
    """Return the summary that a session bears; None if it bears none."""
    try:
        found = json.loads(room or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _mtime(summary: SessionSummary) -> int:
    return (summary.updated_at - _EPOCH) // _MILLISECOND
