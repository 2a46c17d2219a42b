"""Forgetting sessions that are deleted: what packs, the index and earlier versions still hold of them.

Then all is looked at again. Every step may be done twice, and by several at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..errors import CallAPerson, Decide, InvalidOption, RetryLater, StoreUnavailable
from ..keys import INDEX, PACKS, TRANSCRIPT, StreamKeys
from ..streams.terms import living
from .plans import Plans
from .receipts import Erased

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ..index.service import IndexCore
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .erasure import Erasure
    from .packs.service import Packs
    from .reports import Remnant


class Forgetting:
    """Forgets sessions of one archive. `forget_local` clears what this machine keeps of it."""

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
        self._plans = Plans(store, runtime)
        self._index = index
        self._removal = removal
        self._erasure = erasure
        self._packs = packs
        self._forget_local = forget_local
        self._failures: list[str] = []

    async def run(self, ids: frozenset[str]) -> tuple[dict[str, Erased], list[str]]:
        """Forget sessions that were deleted, and look whether anything is left; return that by id, and what failed.

        Of an id under which a session has been created anew, that session stays.
        """
        self._failures = []
        anew = frozenset([each for each in ids if await self._lives(each)])
        await self._attempt("the plans of retention", lambda: self._plans.forget(ids))
        await self._attempt("the packs", lambda: self._clear_packs(ids))
        await self._attempt("the index", lambda: self._clear_index(ids - anew))
        await self._attempt("what this machine keeps", self._forget_local)
        proved = {each: await self._proved(each, anew=each in anew) for each in sorted(ids)}
        return proved, self._failures

    async def clear_packs(self, ids: frozenset[str]) -> list[str]:
        """Do so in the packs alone; return what failed."""
        self._failures = []
        await self._attempt("the packs", lambda: self._clear_packs(ids))
        return self._failures

    async def _lives(self, session_id: str) -> bool:
        return living(await self._removal.head(StreamKeys.of(session_id, TRANSCRIPT))) is not None

    async def _clear_packs(self, ids: frozenset[str]) -> None:
        """Have the packs written anew without the sessions, and end what the bucket keeps of the old ones."""
        for record in await self._packs.holding(ids):
            if record.state != "live":
                await self._packs.drop(record.name)  # Somebody died while dropping it.
        self._failures += (await self._packs.forget(ids)).failures
        kept = (await self._erasure.erase_earlier(PACKS)).kept
        still = await self._packs.holding(ids)
        if still or kept:
            self._failures.append(
                f"packs that still hold records: {len(still)}; versions of packs that stay: {len(kept)}"
            )

    async def _clear_index(self, ids: frozenset[str]) -> None:
        """Merge the index, so that no page holds what was said of the sessions, and look whether that is so."""
        await self._index.compact(everything=True)
        kept = (await self._erasure.erase_earlier(INDEX)).kept
        said = await self._index.still_says(ids)
        if kept or said:
            self._failures.append(f"the index still says something of {said} of the sessions, or {len(kept)} versions")

    async def _proved(self, session_id: str, *, anew: bool) -> Erased:
        try:
            if anew and await self._removal.is_held(session_id):
                return Erased(session_id, "held")  # What it was before stands among the versions of what it is.
            kept = (await self._erasure.erase_versions(session_id)).kept
            left = [remnant for remnant, _ in kept] if anew else await self._remains(session_id)
        except (StoreUnavailable, CallAPerson) as error:
            self._failures.append(str(error))
            return Erased(session_id, "failed")
        return Erased(session_id, "left" if left else "erased", _by_kind(left))

    async def _remains(self, session_id: str) -> list[Remnant]:
        remains = await self._erasure.remains(session_id)
        return [remnant for remnant in remains.found if remnant.kind != "tombstone"]

    async def _attempt(self, what: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (RetryLater, CallAPerson, Decide, InvalidOption) as error:
            self._failures.append(f"{what}: {error}")


def _by_kind(left: Iterable[Remnant]) -> Counter[str]:
    return Counter(remnant.kind for remnant in left)
