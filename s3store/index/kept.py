"""The log and the manifest as they were read last, kept on this machine: for listings that need not ask, or cannot.

Both are kept as one, since a manifest that is older than the log beside it would hide what was merged in between.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ..errors import NotCached, S3StoreError
from ..keys import INDEX_LOG
from ..streams.commit import Known
from .manifest import Manifest, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..objects.cached import Local

_NAME = INDEX_LOG


class Reading(NamedTuple):
    """The keys of the log, and the manifest that was read after them."""

    log: Sequence[str]
    known: Known[Manifest]


_NOTHING = Reading((), Known(None, None))


class KeptReading:
    """The last reading that this machine knows of."""

    def __init__(self, local: Local) -> None:
        self._shelf = local.shelf
        self._freshness = local.freshness
        self.now = local.now
        """Gives the time, to be handed to `keep`: when the reading began, in seconds since 1970."""
        self._tag: str | None = None
        self._at = 0.0

    async def find(self) -> Reading | None:
        """Return a reading that is fresh enough, None if the store is to be asked.

        Offline it holds as well what processes of this machine have added to the log since. Raises `NotCached` if there
        is nothing at all then.
        """
        if self._freshness.offline:
            return await self._offline()
        if not self._freshness.max_age:
            return None
        kept = await self._shelf.get(_NAME)
        return None if kept is None or not self._freshness.takes(kept.at, self.now()) else _read(kept.body)

    async def keep(self, reading: Reading, at: float) -> None:
        """Keep a reading that began at the time `at`."""
        tag = hashlib.sha256("\n".join((reading.known.etag or "", *reading.log)).encode()).hexdigest()
        if tag != self._tag:
            await self._shelf.put(_NAME, tag, _write(reading), at)
        elif self._freshness.wants_confirmed(self._at, at):
            await self._shelf.confirm(_NAME, tag, at)
        else:
            return
        self._tag, self._at = tag, at

    async def _offline(self) -> Reading:
        kept = await self._shelf.get(_NAME)
        reading = None if kept is None else _read(kept.body)
        own = [name for name in await self._shelf.names(INDEX_LOG) if name != _NAME]
        if reading is None and not own:
            raise NotCached(
                "the list of sessions: not in the cache of this machine, and the archive was opened offline"
            )
        reading = reading or _NOTHING
        return reading._replace(log=sorted({*reading.log, *own}))


def _write(reading: Reading) -> bytes:
    state, etag = reading.known
    manifest = None if state is None else write_manifest(state).decode()
    return orjson.dumps({"log": reading.log, "manifest": manifest, "etag": etag})


def _read(body: bytes) -> Reading | None:
    """Read what `_write` wrote; None for anything else, since a cache may be damaged at any moment."""
    try:
        found = orjson.loads(body)
        log, manifest, etag = found["log"], found["manifest"], found["etag"]
        if not all(isinstance(key, str) and key.startswith(INDEX_LOG) for key in log):
            return None
        return Reading(log, Known(None if manifest is None else read_manifest(manifest.encode()), etag))
    except (ValueError, TypeError, LookupError, AttributeError, S3StoreError):
        return None
