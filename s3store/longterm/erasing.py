"""Erasing the sessions that filters show, from everywhere, with a receipt."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import CallAPerson, Decide, InvalidOption, SessionDeleted, SessionHeld, StoreUnavailable
from ..keys import CHECKS, INDEX, PACKS
from ..streams.terms import Terms
from ..times import format_time
from .clock import stores_time
from .plans import Plans

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from ..index.service import IndexCore
    from ..jsontext import JsonValue
    from ..model import Filters, SessionSummary
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .erasure import Erasure
    from .packs.record import PackRecord
    from .packs.service import Packs

RECEIPT_FORMAT = "s3store.receipt/1"
"""What a receipt says of itself."""
Outcome: TypeAlias = Literal["erased", "held", "left", "failed", "would erase"]
"""What became of a session. `left`: it is deleted, and something of it could not go, as under Object Lock."""


@dataclass(frozen=True, slots=True)
class Erased:
    """One session that was to be erased."""

    id: str
    outcome: Outcome
    left: Counter[str] = field(default_factory=Counter)
    """What is left of it beside tombstones, by kind."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when, and what is left."""

    archive: str
    at: datetime
    """The store's time when it was begun."""
    filters: tuple[str, ...]
    """The names of the filters; what they asked for may itself be what was to be forgotten."""
    sessions: tuple[Erased, ...]
    failures: tuple[str, ...]
    """What went wrong, or could not be proved."""

    @property
    def complete(self) -> bool:
        """Whether every session is erased and nothing else is left of any."""
        return not self.failures and all(each.outcome in {"erased", "would erase"} for each in self.sessions)

    def to_json(self, *, hashed: bool = True) -> dict[str, JsonValue]:
        """Return it as JSON; with `hashed`, the SHA-256 of each id stands in its place, and no message of a failure."""
        return {
            "format": RECEIPT_FORMAT,
            "archive": self.archive,
            "at": format_time(self.at),
            "filters": list(self.filters),
            "complete": self.complete,
            "sessions": [
                {
                    **({"sha256": hashlib.sha256(each.id.encode()).hexdigest()} if hashed else {"id": each.id}),
                    "outcome": each.outcome,
                    "left": dict(each.left),
                }
                for each in self.sessions
            ],
            "failures": len(self.failures) if hashed else list(self.failures),
        }


class Erasing:
    """Erases sessions of one archive. `forget_local` clears what this machine keeps of it."""

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        index: IndexCore,
        removal: Removal,
        erasure: Erasure,
        packs: Packs,
        forget_local: Callable[[], Awaitable[object]],
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._index = index
        self._removal = removal
        self._erasure = erasure
        self._packs = packs
        self._forget_local = forget_local
        self._failures: list[str] = []

    async def run(self, archive: str, filters: Filters, *, dry_run: bool) -> Receipt:
        """Erase the sessions that the filters show; what fails does not keep the rest.

        Raises, before anything has gone, `InvalidOption` without any filter, `AccessDenied` where a right is missing
        without which nothing can be deleted or proved, and what listing raises.
        """
        given = tuple(sorted(name for name, value in filters.items() if value is not None and value != ()))
        if not given:
            raise InvalidOption("erasing takes at least one filter: without, it would be the whole archive")
        found = [summary async for summary in self._index.listings.sessions(filters)]
        if dry_run:
            would = tuple([await self._would(summary) for summary in found])
            return Receipt(archive, self._runtime.now(), given, would, ())
        at = await stores_time(self._store, self._runtime)
        # Without these rights nothing could be proved afterwards: so they are tried before anything has gone.
        await self._store.list_versions(CHECKS)
        await self._store.list_uploads(CHECKS)
        gone = frozenset([summary.id for summary in found if await self._delete(summary)])
        await self._attempt("the plans of retention", lambda: Plans(self._store, self._runtime).forget(gone))
        await self._attempt("the packs", lambda: self._clear_packs(gone))
        await self._attempt("the index", lambda: self._clear_index(gone))
        await self._attempt("what this machine keeps", self._forget_local)
        sessions = tuple([await self._proved(summary.id, gone=summary.id in gone) for summary in found])
        again = {summary.id async for summary in self._index.listings.sessions(filters)}
        news = len(again - {each.id for each in sessions})
        if news:
            self._failures.append(f"sessions came that the filters show: {news}; erase again")
        return Receipt(archive, at, given, sessions, tuple(self._failures))

    async def _would(self, summary: SessionSummary) -> Erased:
        return Erased(summary.id, "held" if await self._removal.is_held(summary.id) else "would erase")

    async def _delete(self, summary: SessionSummary) -> bool:
        """Delete a session; tell whether it is gone."""
        try:
            await self._removal.delete(summary.id, Terms(incarnation=summary.incarnation))
        except SessionHeld:
            return False
        except SessionDeleted:
            return True  # Somebody else did; of one that was created since, the second look tells.
        except (StoreUnavailable, CallAPerson, Decide) as error:
            self._failures.append(str(error))
            return False
        return True

    async def _clear_packs(self, ids: frozenset[str]) -> None:
        """Have the packs written anew without the sessions, and end what the bucket keeps of the old ones."""
        for record in await self._holding(ids):
            if record.state != "live":
                await self._packs.drop(record.name)  # Somebody died while dropping it.
        self._failures += (await self._packs.forget(ids)).failures
        kept = (await self._erasure.erase_earlier(PACKS)).kept
        still = await self._holding(ids)
        if still or kept:
            self._failures.append(
                f"packs that still hold records: {len(still)}; versions of packs that stay: {len(kept)}"
            )

    async def _holding(self, ids: frozenset[str]) -> list[PackRecord]:
        """Return the packs that hold records of sessions: a pack's record names them until its file is gone."""
        return [record for record in await self._packs.records() if not ids.isdisjoint(record.sessions)]

    async def _clear_index(self, ids: frozenset[str]) -> None:
        """Merge the index, so that no page holds what was said of the sessions, and look whether that is so."""
        await self._index.compact(everything=True)
        kept = (await self._erasure.erase_earlier(INDEX)).kept
        said = await self._index.still_says(ids)
        if kept or said:
            self._failures.append(f"the index still says something of {said} of the sessions, or {len(kept)} versions")

    async def _proved(self, session_id: str, *, gone: bool) -> Erased:
        if not gone:
            return Erased(session_id, "held" if await self._removal.is_held(session_id) else "failed")
        try:
            await self._erasure.erase_versions(session_id)
            remains = await self._erasure.remains(session_id)
        except (StoreUnavailable, CallAPerson) as error:
            self._failures.append(str(error))
            return Erased(session_id, "failed")
        left = Counter(remnant.kind for remnant in remains.found if remnant.kind != "tombstone")
        return Erased(session_id, "left" if left else "erased", Counter({str(kind): n for kind, n in left.items()}))

    async def _attempt(self, what: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (StoreUnavailable, CallAPerson, Decide, InvalidOption) as error:
            self._failures.append(f"{what}: {error}")
