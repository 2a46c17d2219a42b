"""Storage classes on S3: where an object stands, moving it, and restoring it."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..errors import StoreNotCapable
from .base import WriteRaced
from .s3_sender import S3Sender
from .tiers import STANDARD, Storage

if TYPE_CHECKING:
    from datetime import datetime

    from .s3_sender import Answer
    from .tiers import Tier

_EXPIRY = re.compile(r'expiry-date="([^"]*)"')


class S3Tiers(S3Sender):
    """The operations of `Tiered`."""

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        request = self._requests.head(key)
        answer = await self._ask(request)
        size = answer.get("ContentLength")
        if size is None:
            raise StoreNotCapable(f"{request.operation.name} of {self._where}{key}: no size in the answer")
        told = answer.get("Restore", "")
        return Storage(_class_of(answer), size, 'ongoing-request="true"' in told, _until(told))

    async def set_class(self, key: str, storage_class: str) -> None:
        """See `Tiered.set_class`. Where the bucket keeps versions, the earlier one stays in its class."""
        # A copy of an object onto itself that changes nothing is refused.
        if (await self.storage(key)).storage_class != storage_class:
            await self._ask(self._requests.set_class(key, storage_class))

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """See `Tiered.restore`."""
        try:
            await self._ask(self._requests.restore(key, days, tier))
        except WriteRaced:
            pass  # It is on its way.


def _class_of(answer: Answer) -> str:
    # An object of INTELLIGENT_TIERING that nobody read for long may have become an archive within its class.
    status = answer.get("ArchiveStatus", "")
    inside = {"ARCHIVE_ACCESS": "GLACIER", "DEEP_ARCHIVE_ACCESS": "DEEP_ARCHIVE"}.get(status)
    return inside or answer.get("StorageClass") or STANDARD


def _until(told: str) -> datetime | None:
    expiry = _EXPIRY.search(told)
    if 'ongoing-request="false"' not in told or expiry is None:
        return None
    try:
        return parsedate_to_datetime(expiry[1]).astimezone(UTC)
    except ValueError:
        return None
