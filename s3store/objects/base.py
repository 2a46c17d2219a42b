"""What the archive asks of an object store, and how a store answers.

The whole archive stands on these few operations. They are `async def`, yet a blocking store never suspends:
then the same protocol code runs under asyncio, under the simulator, and by hand in a thread
(see `s3store.runtime`).

A key is 1 to 1,024 bytes of UTF-8, without a lone surrogate. Keys are listed in the order of their UTF-8
bytes. An ETag is an opaque text that changes whenever the content does; it is handed back just as it came.

A large object goes up in parts: `begin_upload`, `put_part` for each (side by side, in any order, again after a
failure), `finish_upload`. All parts but the last have one size, which is said at the start: some stores ask for
that, and it lets a directory put each part in its place at once. It comes down by `get` with ranges.

Beside the answers below, every operation may raise `StoreUnavailable` (no answer, or "not now"),
`AccessDenied` and `BucketNotFound` of `s3store.errors`, and `InvalidOption` for arguments that no store
takes. So that all stores agree on those, each passes its arguments to the `check_…` functions here first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..errors import AccessDenied, CorruptObject, InvalidOption, StoreUnavailable, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from ..runtime import Runtime

T = TypeVar("T")

MAX_KEY_BYTES = 1024
"""The longest key, in bytes of UTF-8: S3's limit, and so everybody's."""
MAX_PAGE = 1000
"""The most objects that one page of a listing holds: S3's limit, and so everybody's."""
MIN_PART = 5 * 1024 * 1024
"""The fewest bytes of a part that is not the last: S3's limit, and so everybody's."""
MAX_PART = 5 * 1024 * 1024 * 1024
"""The most bytes of a part: S3's limit, and so everybody's."""
MAX_PARTS = 10_000
"""The most parts of an upload: S3's limit, and so everybody's."""
MAX_PRESIGNED = 7 * 24 * 60 * 60
"""The longest that a presigned URL lives, in seconds: the limit of S3's signatures."""


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


def check_begin(key: str, part_size: int) -> None:
    """Check the arguments of `begin_upload`: the key, and that parts are neither too small nor too large."""
    check_key(key)
    if not MIN_PART <= part_size <= MAX_PART:
        raise InvalidOption(f"{key!r}: a part has {MIN_PART:,} to {MAX_PART:,} bytes, not {part_size:,}")


def check_part(upload: Upload, number: int) -> None:
    """Check the arguments of `put_part`: the key, and that the number is one of 1 to 10,000."""
    check_key(upload.key)
    if not 1 <= number <= MAX_PARTS:
        raise InvalidOption(f"{upload.key!r}: parts are numbered 1 to {MAX_PARTS:,}, not {number}")


def check_finish(upload: Upload, parts: Sequence[Part]) -> None:
    """Check the arguments of `finish_upload`: parts 1, 2, 3 … of one size, of which the last may be smaller."""
    check_key(upload.key)
    if not 1 <= len(parts) <= MAX_PARTS:
        raise InvalidOption(f"{upload.key!r}: an upload has 1 to {MAX_PARTS:,} parts, not {len(parts):,}")
    if [part.number for part in parts] != list(range(1, len(parts) + 1)):
        raise InvalidOption(f"{upload.key!r}: the parts to finish with are 1, 2, 3 … in order, without a gap")
    size = parts[0].size
    if any(part.size != size for part in parts[1:-1]) or parts[-1].size > size:
        raise InvalidOption(f"{upload.key!r}: all parts have one size; only the last may be smaller")
    if len(parts) > 1 and size < MIN_PART:
        raise InvalidOption(f"{upload.key!r}: a part that is not the last has at least {MIN_PART:,} bytes")


def check_part_size(upload: Upload, part: Part, part_size: int) -> None:
    """Check a part against the size that the upload was begun with, where the store knows that."""
    if part.size > part_size:
        message = f"{upload.key!r}: part {part.number} has {part.size:,} bytes, and the upload was begun with "
        raise InvalidOption(f"{message}parts of {part_size:,}")


def check_sizes(upload: Upload, parts: Sequence[Part], part_size: int) -> None:
    """Check that all parts but the last have just the size that the upload was begun with."""
    if len(parts) > 1 and parts[0].size != part_size:
        raise InvalidOption(f"{upload.key!r}: the upload was begun with parts of {part_size:,} bytes")


def check_prefix(prefix: str) -> None:
    """Check the argument of `list_uploads` and `list_versions`."""
    _utf8(prefix, "a prefix")


def check_presign(key: str, seconds: int, filename: str | None, media_type: str | None) -> None:
    """Check the arguments of `presign`: the key, 1 second to 7 days, and texts that may stand in a header."""
    check_key(key)
    if not 1 <= seconds <= MAX_PRESIGNED:
        raise InvalidOption(f"{key!r}: a presigned URL lives 1 to {MAX_PRESIGNED:,} seconds, not {seconds}")
    if filename is not None:
        _utf8(filename, "a file name")
    if media_type is not None and not (media_type.isascii() and media_type.isprintable()):
        raise InvalidOption(f"{key!r}: a media type is printable ASCII")


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


class NoSuchUpload(ObjectAnswer):
    """404: the upload was aborted or finished, or never begun."""


class InvalidPart(ObjectAnswer):
    """400: a part that an upload was to be finished with has not arrived, or has another ETag by now."""


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


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that has begun: the key of the object to be, and the store's opaque name for it.

    The two may be kept and used by another process, later.
    """

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """One line of a listing of uploads: which one, and when it began by the store's clock."""

    upload: Upload
    started: datetime
    """Aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived: its number from 1 to 10,000, its ETag, and its size in bytes."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, as a bucket with versioning keeps them, or the object itself elsewhere."""

    key: str
    version: str
    """The store's opaque name of the version; empty in a store without versions."""
    is_current: bool
    """Whether it is what `get` finds (or, for a delete marker, why it finds nothing)."""
    is_delete_marker: bool
    size: int
    """In bytes; 0 for a delete marker."""
    modified: datetime
    """Aware, in UTC."""


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

    async def size(self, key: str) -> int:
        """Return an object's size in bytes, without reading it. Raises `NoSuchKey`."""
        ...

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """Begin to store an object in parts of `part_size` bytes (`MIN_PART` to `MAX_PART`).

        Nothing is under the key before `finish_upload`. What has arrived is kept, and paid for, until then or
        until `abort_upload`; after a lost answer there may be an upload that nobody knows, which `list_uploads`
        finds.
        """
        ...

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """Store one part, of number 1 to 10,000; parts may go side by side and in any order.

        Each has the size that the upload was begun with; the last one may be smaller. A part may be sent again,
        with the same or another body: the last one counts. Its bytes are checked on arrival. Raises
        `NoSuchUpload`, and `InvalidOption` for a part that is too large.
        """
        ...

    async def parts(self, upload: Upload) -> list[Part]:
        """Return the parts that have arrived, by number: for going on with an upload. Raises `NoSuchUpload`."""
        ...

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """Make the object of the parts 1, 2, 3 … in one step, and return its ETag. The upload is over then.

        It replaces what is under the key, without a condition: take a key that was never used. Raises
        `NoSuchUpload`; `InvalidPart` where a part is not, or is not any more, what arrived; `InvalidOption` for
        parts with a gap or of other sizes than `begin_upload` says.

        After `StoreUnavailable` the object may be there or may still appear; ask again. **`NoSuchUpload` may mean
        success**: a first sending has landed and its answer was lost, be it yours or one that the SDK repeated. A
        caller that has sent this before, or sees `NoSuchUpload` at all, asks `size(key)`: since nobody else writes
        to a key that was never used, an object of the right size is the one that it made. `NoSuchKey` there means
        that the upload was aborted.
        """
        ...

    async def abort_upload(self, upload: Upload) -> None:
        """Give an upload up and free its parts; absence is success, and a finished object stays.

        A part that is on its way meanwhile may be kept by S3: look with `parts`, and abort again.
        """
        ...

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """List the uploads that were begun and neither finished nor aborted, for keys that start with `prefix`.

        In the order of the keys, all pages of it. An upload in progress is listed too; its age tells.
        """
        ...

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """Return a URL that reads an object without credentials for the next `seconds` (1 to 7 days).

        It ends sooner if the credentials that sign it do. `filename` makes a browser save the object under that
        name; `media_type` is what the answer says it is. Nothing is asked of the store: the object may be missing.
        Whoever has the URL can read the object, so do not log it. Raises `StoreNotCapable` for a store that is not
        reached by HTTP.
        """
        ...

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """List every version of every object whose key starts with `prefix`, with delete markers; all pages.

        In the order of the keys, newest first for each. A store without versions lists its objects.
        """
        ...

    async def delete_version(self, key: str, version: str) -> None:
        """Remove one version for good, or a delete marker; absence is success.

        Raises `AccessDenied` also where Object Lock or a legal hold forbids it.
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


async def all_objects(store: ObjectStore, prefix: str) -> list[ListedObject]:
    """List every object under a prefix, in order, page after page. The listing is no snapshot."""
    found: list[ListedObject] = []
    after: str | None = None
    while True:
        page = await store.list_page(prefix, after=after)
        found += page.objects
        if page.next_after is None:
            return found
        after = page.next_after


async def all_keys(store: ObjectStore, prefix: str) -> list[str]:
    """List every key under a prefix, in order, page after page. The listing is no snapshot."""
    return [found.key for found in await all_objects(store, prefix)]


async def objects_as_versions(store: ObjectStore, prefix: str) -> list[ObjectVersion]:
    """Answer `list_versions` for a store without versions: its objects are the current and only ones."""
    return [
        ObjectVersion(found.key, "", is_current=True, is_delete_marker=False, size=found.size, modified=found.modified)
        for found in await all_objects(store, prefix)
    ]
