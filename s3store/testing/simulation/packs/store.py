"""The object store of a process, with storage classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import StoreNotCapable
from ....objects.tiers import Storage, check_class
from ..world import DozingStore

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from ....objects.tiers import Tier
    from ..network import Network
    from .bucket import PacksBucket


class PacksStore(DozingStore):
    """Moves objects as S3 does: it reads one, and later writes it anew, whatever became of it meanwhile."""

    def __init__(
        self,
        network: Network,
        bucket: PacksBucket,
        *,
        page: int,
        dozes: float,
        draw: Callable[[random.Random], float],
    ) -> None:
        super().__init__(network, page=page, dozes=dozes, draw=draw)
        self._packs = bucket

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        size = await self.size(key)
        return Storage(self._packs.class_of(key), size)

    async def set_class(self, key: str, storage_class: str) -> None:
        """See `Tiered.set_class`."""
        check_class(storage_class)
        if (await self.storage(key)).storage_class != storage_class:
            body = (await self.get(key)).body
            await self._send("put", key, lambda: self._packs.put_copy(key, body, storage_class))

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:  # noqa: ARG002 - the protocol's names
        """See `Tiered.restore`. Raises `StoreNotCapable`: here all is restored at once, in the end."""
        raise StoreNotCapable(f"{key}: not restored before the end of the history")
