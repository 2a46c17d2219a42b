"""A store in memory with S3's storage classes, in which a restore takes until the test says that it is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from s3store.objects.base import NoSuchKey, StoredObject
from s3store.objects.memory import MemoryStore
from s3store.objects.tiers import STANDARD, Archived, Storage, check_class, check_restore

if TYPE_CHECKING:
    from s3store.objects.tiers import Tier

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


class Glacier(MemoryStore):
    """`asked` holds what was asked to be restored, in turn; `thaw` makes all of it readable."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.kept: dict[str, Storage] = {}
        self.asked: list[tuple[str, int, Tier]] = []

    def thaw(self) -> None:
        for key, _, _ in self.asked:
            found = self.kept[key]
            self.kept[key] = Storage(found.storage_class, found.size, restored_until=UNTIL)

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        if key in self.kept and not self.kept[key].readable:
            raise Archived(f"{key}: archived")
        return await super().get(key, if_none_match=if_none_match, byte_range=byte_range)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        await super().delete(key, if_match=if_match)
        self.kept.pop(key, None)

    async def storage(self, key: str) -> Storage:
        size = len((await super().get(key)).body)
        return self.kept.get(key, Storage(STANDARD, size))

    async def set_class(self, key: str, storage_class: str) -> None:
        check_class(storage_class)
        self.kept[key] = Storage(storage_class, len((await self.get(key)).body))

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        check_restore(days, tier)
        if key not in self.kept:
            raise NoSuchKey(key)
        self.asked.append((key, days, tier))
        self.kept[key] = Storage(self.kept[key].storage_class, self.kept[key].size, restoring=True)
