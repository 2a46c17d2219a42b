"""The end of an upload in parts, whatever becomes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreUnavailable
from .base import NoSuchKey, NoSuchUpload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import ObjectStore, Part, Upload


async def finish_upload(store: ObjectStore, upload: Upload, parts: Sequence[Part], size: int) -> None:
    """Make the object of its parts, under a key that was never used; `size` is the sum of theirs, in bytes.

    Raises as `ObjectStore.finish_upload`, but for an upload that has landed all the same.
    """
    try:
        await store.finish_upload(upload, parts)
    except (NoSuchUpload, StoreUnavailable):
        # It may have landed: of a key that was never used, the size tells.
        try:
            landed = await store.size(upload.key)
        except NoSuchKey:
            landed = -1
        if landed != size:
            raise
