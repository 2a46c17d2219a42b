"""Writers tell the index: **before** a head that makes a session, **after** a head that changes one.

So a listing cannot miss a session that was acknowledged, and cannot show a change that never came about. A writer takes
its own entries back once a newer one of the session stands in the log and sorts behind them; a listing of several pages
that is under way can then miss the old one or see both, but never miss both.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..errors import StoreUnavailable
from .entry import Entry, entry_of_head

if TYPE_CHECKING:
    from ..runtime import Runtime
    from ..streams.commit import CommitPolicy
    from ..streams.head import Head
    from .log import Log
    from .policy import IndexPolicy
    from .upkeep import Upkeep

_REMEMBERED = 8192


class _Standing(NamedTuple):
    """An entry in the log: its key, and the version of the session that it tells of."""

    key: str
    version: int


@dataclass(slots=True)
class _Told:
    """What this process has told the index of a session."""

    entry: Entry | None = None
    """The newest that stands in the log for sure."""
    standing: list[_Standing] = field(default_factory=list)
    """What may still stand there."""
    at: float = 0.0
    """When, on the monotonic clock."""


class Publisher:
    """Tells the index of one archive what this process writes."""

    def __init__(
        self,
        log: Log,
        runtime: Runtime,
        patience: CommitPolicy,
        policy: IndexPolicy,
        upkeep: Upkeep,
        taken_back: int,
    ) -> None:
        self._log = log
        self._runtime = runtime
        self._patience = patience
        self._policy = policy
        self._upkeep = upkeep
        self._taken_back = taken_back
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._unpublished: dict[str, Entry] = {}
        self._stale: list[str] = []
        self._waits_to_flush = False
        self._hears_the_end = False
        self._lock = threading.Lock()

    def own(self) -> list[Entry]:
        """Return what this process has not published yet, so that it sees its own writes."""
        with self._lock:
            return list(self._unpublished.values())

    async def announce(self, session_id: str, head: Head) -> None:
        """Say that a head is about to be put where there is no session. Raises `StoreUnavailable`: then do not."""
        key = await self._log.add(entry_of_head(session_id, head, final=False))
        with self._lock:
            self._of(session_id).standing.append(_Standing(key, head.version))

    async def publish(self, session_id: str, head: Head) -> None:
        """Say what a session is now, at once or, with `publish_every`, soon.

        Raises `StoreUnavailable` where the log could not be written for as long as a commit is tried.
        """
        entry = entry_of_head(session_id, head)
        with self._lock:
            told = self._told.get(session_id)
            if told is not None and told.entry is not None:
                if told.entry.order >= entry.order:
                    return
                is_soon = self._runtime.monotonic() - told.at < self._policy.publish_every
                # Whoever lists the holds goes by the index, so these never wait.
                if is_soon and told.entry.held == entry.held:
                    self._unpublished[session_id] = entry
                    self._flush_later()
                    return
        await self._publish(entry)

    async def flush(self) -> None:
        """Publish all that waits, and take back what newer entries have replaced. Raises `StoreUnavailable`."""
        with self._lock:
            self._waits_to_flush = False
            waiting = list(self._unpublished.values())
        await self._runtime.gather([self._publish(entry) for entry in waiting])
        await self._take_back()

    async def _publish(self, entry: Entry) -> None:
        key = await self._add(entry)
        with self._lock:
            told = self._of(entry.id)
            if told.entry is None or told.entry.order <= entry.order:
                told.entry = entry
                told.at = self._runtime.monotonic()
                # One that was written before its head may tell of a later version, which may still land.
                old = [each for each in told.standing if each.key < key and each.version <= entry.version]
                self._stale += [each.key for each in old]
                told.standing = [each for each in told.standing if each not in old]
            told.standing.append(_Standing(key, entry.version))
            waiting = self._unpublished.get(entry.id)
            if waiting is not None and waiting.order <= entry.order:
                del self._unpublished[entry.id]
            many = len(self._stale) >= self._taken_back
        if many:
            self._runtime.background(self._take_back)
        self._upkeep.added()

    async def _add(self, entry: Entry) -> str:
        """Store an entry, as patiently as a commit is tried."""
        patience = self._patience
        deadline = self._runtime.monotonic() + patience.seconds
        attempt = 0
        while True:
            try:
                return await self._log.add(entry)
            except StoreUnavailable:
                attempt += 1
                if attempt >= patience.attempts or self._runtime.monotonic() >= deadline:
                    raise
            await self._runtime.sleep(patience.longest_after(attempt) * self._runtime.random())

    async def _take_back(self) -> None:
        with self._lock:
            stale, self._stale = self._stale, []
        await self._log.remove(stale)

    def _flush_later(self) -> None:
        if not self._hears_the_end:
            self._hears_the_end = True
            self._runtime.before_the_end(self.flush)
        if not self._waits_to_flush:
            self._waits_to_flush = True
            self._runtime.background(self._flush_or_wait, after=self._policy.publish_every)

    async def _flush_or_wait(self) -> None:
        try:
            await self.flush()
        except StoreUnavailable:
            # It stays unpublished, and this process sees it all the same.
            with self._lock:
                self._flush_later()

    def _of(self, session_id: str) -> _Told:
        told = self._told.setdefault(session_id, _Told())
        self._told.move_to_end(session_id)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return told
