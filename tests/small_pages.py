"""A store whose pages are small, so that a few objects make an archive of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3store.objects.counting import CountingStore

if TYPE_CHECKING:
    from s3store.objects.base import ListPage

_MOST = 20


class SmallPages(CountingStore):
    """Lists a few objects at a time."""

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        return await super().list_page(prefix, after=after, limit=min(limit, _MOST))
