"""The threads of checkpoints of one archive: reading them, and committing to them. What is remembered are guesses."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..changes import Extend, Replace
from ..contracts.namespace import Namespace
from ..errors import Conflict, SessionNotFound
from ..streams.terms import Terms
from .checkpoints import Message, Place, Thread
from .faces import swapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from ..archive import Archive
    from ..streams.head import Head

THREAD_SEAL = 32 * 1024
"""When the tail of a thread is sealed, in bytes: a step of a graph is two commits or more, and each writes it again."""

_ATTEMPTS = 64
_REMEMBERED = 16


class _Known:
    """What this process remembers of a thread. One call at a time looks at it."""

    def __init__(self, lock: AbstractAsyncContextManager[Any], thread: Thread) -> None:
        self.lock = lock
        self.thread = thread


class Threads:
    """The threads whose sessions have a name in common. Awaits nothing but the archive."""

    def __init__(self, archive: Archive, namespace: str) -> None:
        self.new_id = archive.runtime.ulid
        self._sessions = Namespace(archive, namespace, seal=THREAD_SEAL)
        self._lock = archive.runtime.lock
        self._streams = archive.streams
        self._remembered: OrderedDict[str, _Known] = OrderedDict()

    async def ids(self) -> list[str]:
        """Return the ids of all threads."""
        return [self._sessions.key_of(found.id) async for found in self._sessions.summaries()]

    @asynccontextmanager
    async def reading(self, thread_id: str) -> AsyncIterator[Thread]:
        """Give a thread as it is now; an empty one where there is none. Nobody changes it meanwhile in this process."""
        known = self._known(thread_id)
        async with known.lock:
            yield await self._read(thread_id, known)

    async def delete(self, thread_id: str) -> None:
        """Delete a thread, if there is one."""
        known = self._known(thread_id)
        async with known.lock:
            known.thread = Thread(self._sessions.id_of(thread_id))
            await self._sessions.delete(thread_id)

    async def keep(self, thread_id: str, choose: Callable[[Thread], set[Place]]) -> None:
        """Rewrite a thread so that it has the chosen checkpoints only; one that has none left is deleted."""
        known, session = self._known(thread_id), self._sessions.session(thread_id)
        async with known.lock:
            for _ in range(_ATTEMPTS):
                thread = await self._read(thread_id, known)
                keep = choose(thread)
                if len(keep) == len(thread.checkpoints):
                    return
                messages = thread.without(keep)
                known.thread = Thread(session.id)
                if not messages:
                    try:
                        await self._sessions.delete(thread_id, version=thread.version)
                    except Conflict:
                        continue
                    return
                if await swapped(session, thread.version, [Replace(messages)]):
                    return
        raise _contended(session.id)

    async def add(self, thread_id: str, messages: Callable[[Thread], list[Message]]) -> None:
        """Add the messages that a thread makes, to that very thread. What is remembered of it is taken for a guess."""
        known, session = self._known(thread_id), self._sessions.session(thread_id)
        async with known.lock:
            guessed = bool(known.thread.version)
            for _ in range(_ATTEMPTS):
                thread = known.thread if guessed else await self._read(thread_id, known)
                fresh = messages(thread)
                if not fresh and not guessed:
                    return
                if fresh and await swapped(session, thread.version, [Extend(fresh)]):
                    thread.grow(fresh)
                    return
                guessed = False
        raise _contended(session.id)

    async def _read(self, thread_id: str, known: _Known) -> Thread:
        """Return a thread as it is now, reading no more than what is new of it."""
        session_id = self._sessions.id_of(thread_id)
        for _ in range(2):
            start = max(0, known.thread.count - 1)
            try:
                head, lines = await self._streams.read(session_id, Terms(), _from(start))
            except SessionNotFound:
                known.thread = Thread(session_id)
                return known.thread
            if start == 0 and not known.thread.count:
                known.thread.take(head.version, lines)
                return known.thread
            if known.thread.follows(lines):
                known.thread.take(head.version, lines[1:])
                return known.thread
            known.thread = Thread(session_id)
        raise AssertionError("a thread of which nothing is known follows from anything")

    def _known(self, thread_id: str) -> _Known:
        known = self._remembered.get(thread_id)
        if known is None:
            known = _Known(self._lock(), Thread(self._sessions.id_of(thread_id)))
            self._remembered[thread_id] = known
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return known


def _from(start: int) -> Callable[[Head], int]:
    return lambda _: start


def _contended(session_id: str) -> Conflict:
    return Conflict(f"session {session_id!r}: others changed it {_ATTEMPTS} times; try again")
