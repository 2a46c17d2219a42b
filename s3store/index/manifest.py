"""The manifest: the one mutable object of the index. It names the pages, and is replaced by compare-and-swap."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import INDEX_PAGES, MANIFEST
from ..objects.base import NoSuchKey, NotModified, parsed
from ..streams.commit import Known
from ..streams.head import HISTORY
from ..streams.segments import text_of, whole_number
from .pages import PageInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..objects.base import ObjectStore

MANIFEST_FORMAT = "s3store.index/1"
"""What the manifest says of itself."""

_OPEN = b'{"sha256":"%s","manifest":'


@dataclass(frozen=True, slots=True)
class Manifest:
    """The pages of the index at one moment."""

    version: int
    commits: tuple[str, ...]
    """The ids of the last swaps, the newest last; see `s3store.streams.commit`."""
    pages: tuple[PageInfo, ...]
    rebuild: str = ""
    """The rebuild under way that began last, with which the names of its pages start; empty if there is none."""

    def with_pages(self, pages: Iterable[PageInfo]) -> Manifest:
        """Return a copy that names other pages."""
        return replace(self, pages=tuple(sorted(pages, key=lambda page: (page.newest, page.name))))

    def next(self, commit_id: str) -> Manifest:
        """Return it as the swap with this id puts it in place."""
        return replace(self, version=self.version + 1, commits=(*self.commits, commit_id)[-HISTORY:])

    def spares(self, key: str) -> bool:
        """Tell whether a page that is not named belongs to a rebuild that may still name it."""
        return bool(self.rebuild) and key.startswith(INDEX_PAGES + self.rebuild)


EMPTY = Manifest(0, (), ())
"""What there is before the first swap."""


def write_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest: JSON, with the SHA-256 of what matters in front."""
    said = {
        "format": MANIFEST_FORMAT,
        "version": manifest.version,
        "commits": manifest.commits,
        "pages": [page.to_json() for page in manifest.pages],
    }
    if manifest.rebuild:
        said["rebuild"] = manifest.rebuild
    inner = orjson.dumps(said)
    return _opening(inner) + inner + b"}\n"


def read_manifest(data: bytes) -> Manifest:
    """Read what `write_manifest` wrote. Raises `CorruptObject` for a wrong byte, `UnsupportedFormat` for a new form."""
    inner = data[len(_OPEN) - 2 + 64 : -2]
    try:
        found = orjson.loads(inner)
        if found["format"] != MANIFEST_FORMAT:
            raise UnsupportedFormat.of(MANIFEST, found["format"])
        pages = tuple(PageInfo.from_json(page) for page in found["pages"])
        commits = tuple(text_of(commit) for commit in found["commits"])
        manifest = Manifest(whole_number(found["version"]), commits, pages, text_of(found.get("rebuild", "")))
    except (ValueError, TypeError, LookupError, AttributeError):
        manifest = None
    if manifest is None or data != _opening(inner) + inner + b"}\n":
        raise CorruptObject(
            f"{MANIFEST}: damaged; no session is harmed, and `s3store index rebuild` makes the index anew"
        )
    return manifest


class ManifestCell:
    """The manifest, as the commit protocol sees it; remembers the one it read last, so that a 304 is enough."""

    key = MANIFEST
    session_id = ""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._last: Known[Manifest] | None = None

    async def read(self) -> Known[Manifest]:
        """Read the manifest from the store; state and ETag are None where there is none yet."""
        last = self._last
        try:
            stored = await self._store.get(MANIFEST, if_none_match=None if last is None else last.etag)
        except NotModified:
            if last is None:
                raise AssertionError("nothing was known to compare with") from None
            return last
        except NoSuchKey:
            return Known(None, None)
        self._last = found = Known(*await parsed(stored, read_manifest))
        return found


def _opening(inner: bytes) -> bytes:
    return _OPEN % hashlib.sha256(inner).hexdigest().encode("ascii")
