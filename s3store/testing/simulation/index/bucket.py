"""The objects of a simulated archive, as the index sees them: the truth is written down, and pages are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from ....keys import INDEX_PAGES, MANIFEST, is_transcript_head, page_key
from ..bucket import Bucket, read_header
from .truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class IndexBucket(Bucket):
    """A bucket that also tells of every moment in which the manifest named a page that was not there."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.truth = Truth()
        # What it finds wrong is told with the rest.
        self.truth.violations = self.violations
        self.pages_deleted = 0
        """How many pages have been deleted: a listing that saw none go has read one view from end to end."""
        self._pages: set[str] = set()
        self._named_pages: frozenset[str] = frozenset()
        self._rebuild: str | None = None

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        etag = super().put(key, body, if_match, if_absent)
        if is_transcript_head(key):
            self.truth.landed(read_header(body))
        elif key.startswith(INDEX_PAGES):
            if key in self._pages:
                self.violations.append(f"{key} was written twice")
            self._pages.add(key)
        elif key == MANIFEST:
            manifest = orjson.loads(body)["manifest"]
            self._named_pages = frozenset(page_key(page["name"]) for page in manifest["pages"])
            self._rebuild = manifest.get("rebuild")
            missing = sorted(self._named_pages - self._pages)
            if missing:
                self.violations.append(f"the manifest names {missing}, which is not there")
        return etag

    def delete(self, key: str, if_match: str | None) -> None:
        """See `ObjectStore.delete`."""
        super().delete(key, if_match)
        if key in self._pages:
            self._pages.remove(key)
            self.pages_deleted += 1
            if key in self._named_pages:
                self.violations.append(f"{key} was deleted while the manifest names it")

    def unnamed_pages(self) -> list[str]:
        """Return the pages that nobody needs: the manifest does not name them, nor the rebuild that they are of."""
        spared = INDEX_PAGES + self._rebuild if self._rebuild else MANIFEST
        return sorted(key for key in self._pages - self._named_pages if not key.startswith(spared))
