"""The move of a pack to the storage class that it is for, and on to a colder one.

Every pack is written to the store's usual class, and moved only when no head needs it to be compared any more: that
comparison, and the reading back before it, would cost the fee for retrieval in most other classes and be impossible in
an archive; and a pack that is dropped early never pays for the 30 to 180 days that those bill at least.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import StoreNotCapable
from ...keys import CHECKS, pack_key
from ...objects.base import NoSuchKey
from ...objects.tiers import STANDARD, check_class, tiered

if TYPE_CHECKING:
    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from .record import PackRecord, PackRecords


async def try_class(store: ObjectStore, runtime: Runtime, storage_class: str) -> None:
    """Find out whether the store has a class, with an object that is gone afterwards.

    Raises `InvalidOption` for a class that there is not, or that this store does not know, `StoreNotCapable` where it
    has but one or does not keep its word, and `AccessDenied`.
    """
    check_class(storage_class)
    if storage_class == STANDARD:
        return
    key = f"{CHECKS}{runtime.ulid()}/class"
    await store.put(key, b"")
    try:
        await tiered(store).set_class(key, storage_class)
        found = (await tiered(store).storage(key)).storage_class
    except NoSuchKey:
        return  # A clean-up, for which nothing is too young, has removed it.
    finally:
        await store.delete(key)
    if found != storage_class:
        raise StoreNotCapable(f"storage_class: the store takes {storage_class}, yet keeps the object in {found}")


class Move:
    """Moves packs of one archive."""

    def __init__(self, store: ObjectStore, records: PackRecords) -> None:
        self._store = store
        self._records = records

    async def run(self, name: str) -> bool:
        """Move a pack if it is settled and live, and not where it is to be; tell whether it was moved.

        Raises as `Tiered.set_class`, and what the commit protocol raises.
        """
        found = await self._records.read(name)
        if found is None or not waits_to_move(found):
            return False
        key = pack_key(name)
        try:
            await tiered(self._store).set_class(key, found.storage_class)
        except NoSuchKey:
            return False  # It was dropped meanwhile.
        landed = await self._records.swap(name, lambda now: _moved(now, found.storage_class))
        now = landed.known.state
        if now is None or now.state == "gone":
            # The copy may have landed behind the delete: nothing leads back from gone.
            await self._store.delete(key)
        return landed.proposal is not None

    async def on(self, name: str, storage_class: str) -> bool:
        """Move a pack that is settled and live on to a class; tell whether this has moved it.

        Its record says so first, so that whoever comes by finishes what dies here. Raises as `run`.
        """
        await self._records.swap(name, lambda now: _to_move_on(now, storage_class))
        return await self.run(name)


def waits_to_move(record: PackRecord) -> bool:
    """Tell whether a pack is due to be moved to its class."""
    return record.state == "live" and record.settled and not record.moved and record.storage_class != STANDARD


def _moved(now: PackRecord | None, storage_class: str) -> PackRecord | None:
    if now is None or not waits_to_move(now) or now.storage_class != storage_class:
        return None
    return replace(now, moved=True)


def _to_move_on(now: PackRecord | None, storage_class: str) -> PackRecord | None:
    if now is None or now.state != "live" or not now.settled or now.storage_class == storage_class:
        return None
    return replace(now, moved_on=storage_class, moved=False)
