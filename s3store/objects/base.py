"""What the archive asks of an object store, and how a store answers.

The whole archive stands on these few operations. They are `async def`, yet a blocking store never suspends:
then the same protocol code runs under asyncio, under the simulator, and by hand in a thread
(see `s3store.runtime`).

A key is 1 to 1,024 bytes of UTF-8, without a lone surrogate. Keys are listed in the order of their UTF-8
bytes. An ETag is an opaque text that changes whenever the content does; it is handed back just as it came.

Beside the answers below, every operation may raise `StoreUnavailable` (no answer, or "not now"),
`AccessDenied` and `BucketNotFound` of `s3store.errors`, and `InvalidOption` for arguments that no store
takes. So that all stores agree on those, each passes its arguments to the `check_…` functions here first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..errors import AccessDenied, CorruptObject, InvalidOption, StoreUnavailable, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from ..runtime import Runtime

T = TypeVar("T")

MAX_KEY_BYTES = 1024
"""The longest key, in bytes of UTF-8: S3's limit, and so everybody's."""
MAX_PAGE = 1000
"""The most objects that one page of a listing holds: S3's limit, and so everybody's."""


def check_key(key: str) -> bytes:
    """Return a key as UTF-8; raise `InvalidOption` if it is empty, too long or holds a lone surrogate."""
    raw = _utf8(key, "a key")
    if not raw:
        raise InvalidOption("a key must not be empty")
    if len(raw) > MAX_KEY_BYTES:
        raise InvalidOption(f"a key has at most {MAX_KEY_BYTES:,} bytes, and {key[:40]!r}… has {len(raw):,}")
    return raw


def check_get(key: str, byte_range: tuple[int, int] | None) -> None:
    """Check the arguments of `get`: the key, and that a range runs forward from 0 or later."""
    check_key(key)
    if byte_range is not None and not 0 <= byte_range[0] <= byte_range[1]:
        raise InvalidOption(f"{key!r}: a byte range is 0 <= start <= end, not {byte_range}")


def check_put(key: str, if_match: str | None, if_absent: bool) -> None:  # noqa: FBT001 - passed on as it came
    """Check the arguments of `put`: the key, and that there is at most one condition."""
    check_key(key)
    if if_absent and if_match is not None:
        raise InvalidOption(f"{key!r}: if_match and if_absent cannot both hold; give one of them")


def check_list(prefix: str, after: str | None, limit: int) -> tuple[bytes, bytes | None]:
    """Check the arguments of `list_page`, and return its prefix and `after` as UTF-8."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidOption(f"a page holds 1 to {MAX_PAGE:,} objects, not {limit}")
    return _utf8(prefix, "a prefix"), None if after is None else _utf8(after, "a place in a listing")


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidOption(f"{what} must be writable as UTF-8: it holds a lone surrogate") from None


class ObjectAnswer(Exception):
    """A store's answer other than success. The core acts on it, or turns it into an error of its own."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class NoSuchKey(ObjectAnswer):
    """404: there is no object under the key."""


class NotModified(ObjectAnswer):
    """304: the object still has the ETag that the caller knows."""


class PreconditionFailed(ObjectAnswer):
    """412: the condition of a write or delete does not hold; nothing was changed."""


class WriteRaced(ObjectAnswer):
    """409: another write to the key was under way; nothing was changed, and the write may be tried again."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes with its ETag. `body` is the asked-for part where a range was asked for."""

    body: bytes
    etag: str
    anew: Callable[[], Awaitable[StoredObject]] | None = field(default=None, compare=False, repr=False)
    """Reads the object from the store itself, where these bytes come from a cache; None where they do not."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One line of a listing: key, size in bytes, and the time of the last write by the store's clock."""

    key: str
    size: int
    modified: datetime
    """Aware, in UTC."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A part of a listing. `next_after` is what to hand to `list_page(after=…)` for more; None at the end."""

    objects: tuple[ListedObject, ...]
    next_after: str | None


class ObjectStore(Protocol):
    """A flat name-space of objects with an atomic compare-and-swap for each key."""

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """Read an object whole, or the bytes from `byte_range[0]` up to, not including, `byte_range[1]`.

        A range is cut at the object's end; an empty one, or one that starts behind the end, gives no bytes.
        Raises `NoSuchKey`, or `NotModified` where the object's ETag is `if_none_match`.
        """
        ...

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """Store `body` under `key` in one step and return its new ETag.

        With `if_match`, only if the object has that ETag: else `PreconditionFailed`, or `NoSuchKey` if there
        is no object. With `if_absent`, only if there is none: else `PreconditionFailed`. At most one of the
        two.
        A conditional write is sent once: a store never retries it by itself, for the second answer would hide
        the first. Raises `WriteRaced` as said there. After `StoreUnavailable` the write may have landed, or
        may still land, unless `may_have_landed` is false.
        """
        ...

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; without a condition, absence is success.

        With `if_match`, only if the object has that ETag: else `PreconditionFailed`, or `NoSuchKey` if there
        is no object.
        """
        ...

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """List up to `limit` (1 to 1,000) objects whose key starts with `prefix` and sorts behind `after`.

        `after` is any text: it need not be a key, nor start with the prefix. A listing of several pages is no
        snapshot: a key created behind the reader is missed, one ahead is seen.
        """
        ...

    async def close(self) -> None:
        """Give back connections and threads. A closed store is not used again."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A store that can say which one it is. Without that, nothing of it can be kept in a cache that outlives it."""

    async def identity(self) -> str:
        """Return a text that differs between places, and between those whose rights there may differ.

        It holds no secret, and stays the same from one process to the next.
        """
        ...


def identified(store: ObjectStore) -> Identified:
    """Return a store that can say which one it is. Raises `InvalidOption` if it cannot."""
    if isinstance(store, Identified):
        return store
    raise InvalidOption(
        f"cache: a {type(store).__name__} does not say which store it is, so nothing of it can be kept apart; "
        "give it a method `identity`, or give no cache"
    )


class Parsed(NamedTuple, Generic[T]):
    """What an object says, and the ETag that it has."""

    value: T
    etag: str


async def parsed(stored: StoredObject, parse: Callable[[bytes], T]) -> Parsed[T]:
    """Parse an object, and once more from the store itself if what a cache gave turns out to be something else.

    `parse` checks the bytes: it raises `CorruptObject` or `UnsupportedFormat`, which come through for what the store
    itself gave. Raises as `ObjectStore.get` too.
    """
    try:
        return Parsed(parse(stored.body), stored.etag)
    except (CorruptObject, UnsupportedFormat):
        if stored.anew is None:
            raise
    fresh = await stored.anew()
    return Parsed(parse(fresh.body), fresh.etag)


async def remove_all(store: ObjectStore, runtime: Runtime, keys: Iterable[str]) -> None:
    """Delete objects that nothing needs any more, side by side. What cannot be deleted now is left to a clean-up."""

    async def remove(key: str) -> None:
        try:
            await store.delete(key)
        except (StoreUnavailable, AccessDenied, ObjectAnswer):
            pass

    await runtime.gather([remove(key) for key in keys])


async def all_keys(store: ObjectStore, prefix: str) -> list[str]:
    """List every key under a prefix, in order, page after page. The listing is no snapshot."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = await store.list_page(prefix, after=after)
        found += [listed.key for listed in page.objects]
        if page.next_after is None:
            return found
        after = page.next_after
