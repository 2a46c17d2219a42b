"""Everything that is stored of the sessions, session by session, as listings show it: without reading any object."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..keys import SESSIONS, stored_key
from ..small_archives import only_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from ..keys import StoredKey
    from ..objects.base import ListedObject, ObjectStore, StartedUpload
    from ..runtime import Runtime

_SIDE_BY_SIDE = 16


class StoredSession(NamedTuple):
    """The objects under the prefix of one session."""

    part: str
    objects: list[tuple[StoredKey, ListedObject]]


class Round(NamedTuple):
    """What one round of listings has brought."""

    sessions: list[StoredSession]
    uploads: list[StartedUpload]
    """Uploads in parts that are under way, or were given up."""
    prefixes: int
    """How many prefixes have been listed to their end by now."""


class _Prefix:
    """The listing of one prefix, a page at a time. The session that a page breaks off in waits for the next one."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._after: str | None = None
        self._begun: StoredSession | None = None
        self._first = True
        self.ended = False

    async def step(self) -> tuple[list[StoredSession], list[StartedUpload]]:
        # Uploads first: one that is finished meanwhile is listed as an object then, and one that is not is no object.
        uploads = await self._store.list_uploads(self._prefix) if self._first else []
        self._first = False
        page = await self._store.list_page(self._prefix, after=self._after)
        self._after = page.next_after
        self.ended = page.next_after is None
        return self._grouped(page.objects), uploads

    def _grouped(self, objects: Iterable[ListedObject]) -> list[StoredSession]:
        sessions: list[StoredSession] = [] if self._begun is None else [self._begun]
        for listed in objects:
            key = stored_key(listed.key)
            if not sessions or sessions[-1].part != key.part:
                sessions.append(StoredSession(key.part, []))
            sessions[-1].objects.append((key, listed))
        self._begun = None if self.ended or not sessions else sessions.pop()
        return sessions


async def stored_sessions(store: ObjectStore, runtime: Runtime, prefixes: Sequence[str]) -> AsyncIterator[Round]:
    """List the sessions under some prefixes, several side by side, holding a page of each at a time."""
    # Of that page only its size is used: uploads must be listed before the objects are.
    few = await only_page(store, prefixes) is not None
    waiting = deque([SESSIONS] if few else prefixes)
    stands_for = len(prefixes) if few else 1
    active: list[_Prefix] = []
    ended = 0
    while waiting or active:
        active += [_Prefix(store, waiting.popleft()) for _ in range(min(_SIDE_BY_SIDE - len(active), len(waiting)))]
        steps = await runtime.gather([prefix.step() for prefix in active])
        ended += stands_for * sum(prefix.ended for prefix in active)
        active = [prefix for prefix in active if not prefix.ended]
        yield Round(
            [session for sessions, _ in steps for session in sessions],
            [upload for _, uploads in steps for upload in uploads],
            ended,
        )
