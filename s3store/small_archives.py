"""An archive of few sessions, which is not worth 256 listings: one page holds all that it stores of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .keys import SESSIONS, spreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .objects.base import ListedObject, ObjectStore


async def only_page(store: ObjectStore, prefixes: Sequence[str]) -> Sequence[ListedObject] | None:
    """Return every object of the sessions, where a page holds them; None where it does not.

    None, too, and without a request, unless all prefixes of the sessions are asked for. Raises as
    `ObjectStore.list_page`.
    """
    if tuple(prefixes) != tuple(spreads()):
        return None
    page = await store.list_page(SESSIONS)
    return page.objects if page.next_after is None else None
