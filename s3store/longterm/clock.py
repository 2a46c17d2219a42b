"""The store's clock: no local clock decides what is old enough to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreUnavailable
from ..keys import CHECKS

if TYPE_CHECKING:
    from datetime import datetime

    from ..objects.base import ObjectStore
    from ..runtime import Runtime

_ATTEMPTS = 8


async def stores_time(store: ObjectStore, runtime: Runtime) -> datetime:
    """Ask the store for its time, by storing something and looking when that was.

    Raises `AccessDenied` where the right to store, to list or to delete is missing: before anything has gone.
    """
    for _ in range(_ATTEMPTS):
        key = f"{CHECKS}{runtime.ulid()}/time"
        await store.put(key, b"")
        listed = await store.list_page(key)
        await store.delete(key)
        if listed.objects:
            return listed.objects[0].modified
        # A clean-up, for which nothing is too young, has removed it.
    raise StoreUnavailable(f"{CHECKS}: other clean-ups are at work", may_have_landed=False)


async def written_at(store: ObjectStore, key: str) -> datetime | None:
    """Return when an object was last written, by the store's clock; None if it is not there."""
    listed = await store.list_page(key, limit=1)
    return next((found.modified for found in listed.objects if found.key == key), None)
