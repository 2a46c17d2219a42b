"""Bells: small objects that say for which sessions something may wait, so that one listing finds them all.

A bell is rung after a message has been stored, and before its sender is told so, under a key of its own. Whoever has
listed the bells of a session, and found its inbox empty after that, takes down those that were listed: a message that
came later rang, or rings, one that was not. So an acknowledged message that is not done has a bell, whoever dies.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ...errors import CorruptObject
from ...keys import MAIL, bell_key, bells_of, id_of_part, part_of_bell, session_part
from ...objects.base import NoSuchKey, all_keys, remove_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.head import Head

_REMEMBERED = 4096


class Rung(NamedTuple):
    """A session with bells: its id, and the keys of these."""

    session_id: str
    bells: list[str]


class _Last(NamedTuple):
    """The last bell that this process rang for a session: for which incarnation of its inbox, and which message."""

    incarnation: str
    seq: int


class Bells:
    """All bells of an archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._last: OrderedDict[str, _Last] = OrderedDict()

    async def ring(self, session_id: str, head: Head) -> None:
        """Say that the last message of an inbox waits, unless it is done, or a bell of this process still says so."""
        last = self._last.get(session_id)
        if head.consumption.done >= head.count or (last is not None and _hangs(last, head)):
            return
        body = orjson.dumps({"session": session_id}) if id_of_part(session_part(session_id)) is None else b""
        await self._store.put(bell_key(session_id, self._runtime.ulid()), body)
        self._last[session_id] = _Last(head.incarnation, head.count - 1)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    async def rung(self) -> list[Rung]:
        """Return the sessions for which something may wait, in no useful order."""
        by_part: dict[str, list[str]] = {}
        for key in await all_keys(self._store, MAIL):
            by_part.setdefault(part_of_bell(key), []).append(key)
        found = await self._runtime.gather([self._rung(part, bells) for part, bells in by_part.items()])
        return [rung for rung in found if rung is not None]

    async def of(self, session_id: str) -> list[str]:
        """Return the keys of all bells of a session."""
        return await all_keys(self._store, bells_of(session_id))

    async def session_of(self, bell: str) -> str | None:
        """Return the id of the session that a bell was rung for; None if only the bell told it, and is gone."""
        rung = await self._rung(part_of_bell(bell), [bell])
        return None if rung is None else rung.session_id

    async def take_down(self, bells: Iterable[str]) -> None:
        """Remove bells that were listed before the inbox was found empty."""
        await remove_all(self._store, self._runtime, bells)

    async def _rung(self, part: str, bells: list[str]) -> Rung | None:
        """Return the session of some bells; None if they were taken down before one could tell its id."""
        session_id = id_of_part(part)
        for bell in bells if session_id is None else ():
            try:
                session_id = _told_id(part, bell, (await self._store.get(bell)).body)
                break
            except NoSuchKey:
                continue
        return None if session_id is None else Rung(session_id, bells)


def _hangs(last: _Last, head: Head) -> bool:
    """Tell whether nobody can have taken that bell down: its message is not done, so the inbox was never empty."""
    return last.incarnation == head.incarnation and last.seq >= head.consumption.done


def _told_id(part: str, bell: str, body: bytes) -> str:
    try:
        found = orjson.loads(body)["session"]
        if session_part(found) == part:
            return str(found)
    except (ValueError, TypeError, LookupError):
        pass
    raise CorruptObject(f"{bell}: does not tell the id of the session that its key stands for")
