"""The way up of a body: whole if it is small, else in parts, several in flight, none of it held.

An upload in parts that was interrupted is found again by the hash of its content, which stands in its key, and goes
on: parts that have arrived and are the same by their ETag (an MD5 on S3, unless KMS encrypts them) are not sent again.
Several may go on with one upload, also while the first one still does; hence a body of more than one part is not its
uploader's own, and only a commit that raises the fence may be followed by its deletion (see `artifact_plan`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from ..errors import AccessDenied, Conflict, InvalidOption, TooLarge
from ..keys import body_name
from ..objects.base import MAX_PARTS, InvalidPart, NoSuchUpload
from ..objects.etags import etag_of_body
from ..objects.parts import finish_upload

if TYPE_CHECKING:
    from ..keys import StreamKeys
    from ..objects.base import ObjectStore, Part, Upload
    from ..runtime import Runtime
    from .content import Content
    from .model import Progress

PART = 8 * 1024 * 1024
"""The size of a part, in bytes, unless there would be too many of them; what is no larger goes up whole."""
PART_OF_UNKNOWN = 16 * 1024 * 1024
"""The size of a part of what has no known size: 10,000 of them are 156 GiB."""
IN_FLIGHT = 4
"""How many parts are on their way at a time."""
_ATTEMPTS = 3


class Body(NamedTuple):
    """An object that holds the content of an artifact."""

    name: str
    size: int
    sha256: str


class Uploader:
    """Takes bodies of one session up."""

    def __init__(self, store: ObjectStore, runtime: Runtime, keys: StreamKeys) -> None:
        self._store = store
        self._runtime = runtime
        self._keys = keys

    async def upload(self, content: Content, progress: Progress | None) -> Body:
        """Store a body under a key that nothing names yet.

        Raises `InvalidOption` for a file that changes while it is read, `Conflict` where the upload was aborted and
        the content cannot be read again.
        """
        sha256 = await content.sha256()
        if content.size is not None and content.size <= PART and sha256 is not None:
            return await self._whole(content, sha256, content.size, progress)
        for attempt in range(_ATTEMPTS):
            sending = _Sending(self._store, self._runtime, content, progress)
            upload = await self._upload_to_go_on_with(sha256, sending) if not attempt else None
            if upload is None:
                key = self._keys.body(body_name(self._runtime.ulid(), sha256))
                upload = await self._store.begin_upload(key, part_size=sending.part_size)
            try:
                size, found = await self._send(sending, upload, sha256)
            except (NoSuchUpload, InvalidPart):
                continue  # aborted meanwhile
            return Body(upload.key.removeprefix(self._keys.segments), size, found)
        raise Conflict(f"{self._keys.segments}: the upload was aborted again and again; nothing was written")

    async def _whole(self, content: Content, sha256: str, size: int, progress: Progress | None) -> Body:
        name = body_name(self._runtime.ulid(), sha256)
        data = b"".join([piece async for piece in content.pieces(PART)])
        await self._store.put(self._keys.body(name), data)
        if progress is not None:
            progress(size, size)
        return Body(name, size, sha256)

    async def _upload_to_go_on_with(self, sha256: str | None, sending: _Sending) -> Upload | None:
        """Find the newest upload of the same content, and what has arrived of it."""
        if sha256 is None:
            return None
        try:
            found = await self._store.list_uploads(self._keys.bodies_of(sha256))
        except AccessDenied:
            return None  # A writer needs no right to list uploads; all parts are sent then.
        for started in reversed(found):
            try:
                sending.arrived = {part.number: part for part in await self._store.parts(started.upload)}
            except NoSuchUpload:
                continue
            return started.upload
        return None

    async def _send(self, sending: _Sending, upload: Upload, sha256: str | None) -> tuple[int, str]:
        try:
            found = await sending.run(upload, sha256)
            await finish_upload(self._store, upload, sending.parts, sending.size)
        except BaseException:
            if sha256 is None:
                # Nobody can go on with it. A clean-up finds it where this fails too.
                await self._give_up(upload)
            raise
        return sending.size, found

    async def _give_up(self, upload: Upload) -> None:
        try:
            await self._store.abort_upload(upload)
        except Exception:  # noqa: BLE001, S110 - what went wrong first is what the caller is told
            pass


class _Sending:
    """The parts of one content on their way, read one after the other and sent side by side."""

    def __init__(self, store: ObjectStore, runtime: Runtime, content: Content, progress: Progress | None) -> None:
        self.part_size = part_size(content.size)
        self.arrived: dict[int, Part] = {}
        self._digest = hashlib.sha256()
        self.size = 0
        self._store = store
        self._runtime = runtime
        self._total = content.size
        self._progress = progress
        self._pieces = content.pieces(self.part_size)
        self._lock = runtime.lock()
        self._count = 0
        self._sent: dict[int, Part] = {}
        self._moved = 0
        self._stopped = False

    @property
    def parts(self) -> list[Part]:
        """All parts, in order."""
        return [self._sent[number] for number in sorted(self._sent)]

    async def run(self, upload: Upload, sha256: str | None) -> str:
        """Send all, and return the hash of what was sent, which must be `sha256` if that is known."""
        try:
            await self._runtime.gather([self._work(upload) for _ in range(IN_FLIGHT)])
        finally:
            await self._pieces.aclose()
        found = self._digest.hexdigest()
        if sha256 not in {None, found}:
            raise InvalidOption("the source of an artifact changed while it was read; nothing was written")
        return found

    async def _work(self, upload: Upload) -> None:
        try:
            while (taken := await self._next()) is not None:
                number, piece = taken
                part = self._same(number, piece) or await self._store.put_part(upload, number, piece)
                await self._arrived(part)
        except BaseException:
            self._stopped = True
            raise

    async def _next(self) -> tuple[int, bytes] | None:
        async with self._lock:
            piece = None if self._stopped else await anext(self._pieces, None)
            if piece is None:
                return None
            self._count += 1
            if self._count > MAX_PARTS:
                raise TooLarge(f"an artifact of unknown size has at most {MAX_PARTS * self.part_size:,} bytes")
            await self._runtime.offload(lambda: self._digest.update(piece))
            self.size += len(piece)
            return self._count, piece

    def _same(self, number: int, piece: bytes) -> Part | None:
        part = self.arrived.get(number)
        return part if part is not None and is_part(part, piece) else None

    async def _arrived(self, part: Part) -> None:
        async with self._lock:
            self._sent[part.number] = part
            self._moved += part.size
            if self._progress is not None:
                self._progress(self._moved, self._total)


def is_part(part: Part, piece: bytes) -> bool:
    """Tell whether a part that has arrived surely holds these bytes."""
    if part.size != len(piece):
        return False
    md5 = hashlib.md5(piece, usedforsecurity=False).hexdigest()
    return part.etag in {f'"{md5}"', etag_of_body(piece)}


def part_size(size: int | None) -> int:
    """Return the size of the parts of a content, the same for the same content, whoever uploads it."""
    if size is None:
        return PART_OF_UNKNOWN
    return PART * -(-size // (PART * MAX_PARTS))
