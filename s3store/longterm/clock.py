"""The time by the store's clock: the one clock that all clients of an archive share."""

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
    """Ask the store for its time, by storing something and looking when that was: no local clock will do."""
    for _ in range(_ATTEMPTS):
        key = f"{CHECKS}{runtime.ulid()}/time"
        await store.put(key, b"")
        listed = await store.list_page(key)
        await store.delete(key)
        if listed.objects:
            return listed.objects[0].modified
        # Another clean-up, for which nothing is too young, has removed it.
    raise StoreUnavailable(f"{CHECKS}: other clean-ups are at work", may_have_landed=False)
