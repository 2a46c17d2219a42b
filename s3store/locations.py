"""From a URL to an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import InvalidOption
from .objects.memory import MemoryStore

if TYPE_CHECKING:
    from .objects.base import ObjectStore
    from .objects.s3_options import S3Options

_FORMS = "s3://bucket/prefix, file:///path or memory://"


class Opened(NamedTuple):
    """An object store, and what is known of it by its place."""

    store: ObjectStore
    built_in: bool
    """Whether it is one of ours that needs no check of its compare-and-swap."""
    remote: bool = False
    """Whether it is so far away that a cache is worth it."""


def open_blocking(location: str | ObjectStore, s3: S3Options | None) -> Opened:
    """Return the store at a location, for the blocking face. Nothing is sent to it yet.

    Raises `InvalidOption` for a URL of another form, or for S3 options with a store that is none.
    """
    if not isinstance(location, str):
        return Opened(location, built_in=isinstance(location, MemoryStore))
    scheme, host, path = _split(location, s3)
    if scheme == "s3":
        from .objects.s3_blocking import S3BlockingStore
        from .objects.s3_options import S3Options

        return Opened(S3BlockingStore(host, path, s3 or S3Options()), built_in=False, remote=True)
    if scheme == "file":
        from .objects.directory import DirectoryStore

        return Opened(DirectoryStore(path), built_in=True)
    return Opened(MemoryStore(), built_in=True)


def open_async(location: str | ObjectStore, s3: S3Options | None) -> Opened:
    """Return the store at a location, for the asyncio face. As `open_blocking`."""
    if isinstance(location, str):
        scheme, host, path = _split(location, s3)
        if scheme == "s3":
            from .objects.s3_async import S3AsyncStore
            from .objects.s3_options import S3Options

            return Opened(S3AsyncStore(host, path, s3 or S3Options()), built_in=False, remote=True)
        if scheme == "file":
            from .objects.threaded import ThreadedStore

            opened = open_blocking(location, s3)
            return opened._replace(store=ThreadedStore(opened.store))
    return open_blocking(location, s3)


def directory_of(url: str) -> str:
    """Return the path of the directory that a `file:` URL names. Raises `InvalidOption` for any other URL."""
    scheme, _, path = _split(url, None)
    if scheme != "file":
        raise InvalidOption("not the URL of a directory; write file:///path")
    return path


def _split(location: str, s3: S3Options | None) -> tuple[str, str, str]:
    """Return the scheme, the bucket and the path or prefix."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(location)
    except ValueError:
        raise InvalidOption(f"not the URL of an archive; write {_FORMS}") from None
    if parts.query or parts.fragment:
        raise InvalidOption(f"the URL of an archive has no query and no fragment; write {_FORMS}")
    if s3 is not None and parts.scheme != "s3":
        raise InvalidOption("s3 options are given, but the URL is not of the form s3://bucket/prefix")
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        return "s3", parts.netloc, parts.path.strip("/")
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return "file", "", unquote(parts.path)
    if location == "memory://":
        return "memory", "", ""
    raise InvalidOption(f"not the URL of an archive; write {_FORMS}")
