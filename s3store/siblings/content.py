"""What an artifact is made of: text, bytes, files and iterators, read in pieces of one size.

What fits into one part is taken into memory at once, so that its hash and size are known before anything is sent. A
larger file is read twice, to know its hash before it goes up; a larger iterator can be read only once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ..errors import Conflict, InvalidOption

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from ..runtime import Runtime

TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"


class Content(Protocol):
    """The bytes of an artifact."""

    size: int | None
    """None where only reading to the end tells."""

    async def sha256(self) -> str | None:
        """Return the hash, in hex; None where the bytes can be read only once."""
        ...

    def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes in pieces of `size`, the last of which may be smaller.

        Raises `Conflict` where they were read before and cannot be read again.
        """
        ...


class Held:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size: int | None = len(data)
        self._sha256 = hashlib.sha256(data).hexdigest()

    async def sha256(self) -> str | None:
        """See `Content.sha256`."""
        return self._sha256

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """See `Content.pieces`."""
        for at in range(0, len(self.data), size):
            yield self.data[at : at + size]


class Again:
    """A file that can be read again: by its path, or by going back to where it stood."""

    def __init__(self, runtime: Runtime, open_it: Callable[[], BinaryIO], size: int, piece: int) -> None:
        self.size: int | None = size
        self._runtime = runtime
        self._open = open_it
        self._piece = piece
        self._sha256: str | None = None

    async def sha256(self) -> str | None:
        """See `Content.sha256`: the file is read once for it."""
        if self._sha256 is None:
            digest = hashlib.sha256()
            async for piece in self.pieces(self._piece):
                await self._runtime.offload(lambda piece=piece: digest.update(piece))  # type: ignore[misc]
            self._sha256 = digest.hexdigest()
        return self._sha256

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """See `Content.pieces`."""
        file = await self._runtime.offload(self._open)
        try:
            while piece := await self._runtime.offload(lambda: _read_fully(file, size)):
                yield piece
        finally:
            _close_if_ours(file)


class Once:
    """What can be read only once: its first piece, which has been read, and the rest."""

    def __init__(self, start: bytes, rest: AsyncIterator[bytes]) -> None:
        self.size: int | None = None
        self._start: bytes | None = start
        self._rest = rest

    async def sha256(self) -> str | None:
        """See `Content.sha256`: not known."""
        return None

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """See `Content.pieces`."""
        start, self._start = self._start, None
        if start is None:
            raise Conflict(
                "the artifacts were cleaned up or deleted while this one went up, and its source cannot be read again; "
                "nothing was written, give it once more"
            )
        held = bytearray(start)
        async for more in self._rest:
            held += more
            while len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
        if held:
            yield bytes(held)


async def content_of(source: object, runtime: Runtime, piece: int) -> Content:
    """Return what a caller gave as content. What has at most `piece` bytes is read into memory.

    Raises `InvalidOption` for a source of another kind, and `OSError` for a file that cannot be read.
    """
    if isinstance(source, str):
        try:
            return Held(source.encode())
        except UnicodeEncodeError:
            raise InvalidOption("the text of an artifact must not hold a lone surrogate") from None
    if isinstance(source, bytes | bytearray | memoryview):
        return Held(bytes(source))
    if isinstance(source, os.PathLike):
        return await _of_path(source, runtime, piece)
    if hasattr(source, "read"):
        return await _of_file(source, runtime, piece)
    if isinstance(source, AsyncIterable) and runtime.is_blocking:
        raise InvalidOption("an async iterator as the source of an artifact is for the asyncio face alone")
    if isinstance(source, Iterable | AsyncIterable):
        return await _of_iterator(_chunks(source), piece)
    raise InvalidOption(
        f"an artifact is made of text, bytes, a path, a binary file or an iterator of bytes, not of "
        f"{type(source).__name__}"
    )


def media_type_of(source: object) -> str:
    """Return what content is most likely, by its kind and, for a path, its ending."""
    if isinstance(source, str):
        return TEXT_TYPE
    if isinstance(source, os.PathLike):
        from mimetypes import guess_type

        return guess_type(os.fspath(source))[0] or BYTES_TYPE
    return BYTES_TYPE


async def _of_path(path: os.PathLike[str], runtime: Runtime, piece: int) -> Content:
    def look() -> bytes | int:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return size if size > piece else file.read()

    found = await runtime.offload(look)
    if isinstance(found, bytes):
        return Held(found)
    return Again(runtime, lambda: open(path, "rb"), found, piece)


async def _of_file(file: Any, runtime: Runtime, piece: int) -> Content:
    def start() -> tuple[bytes, int | None]:
        first = _read_fully(file, piece + 1)
        if len(first) <= piece or not file.seekable():
            return first, None
        at = file.tell() - len(first)
        return first, file.seek(0, os.SEEK_END) - at

    first, size = await runtime.offload(start)
    if len(first) <= piece:
        return Held(first)
    if size is None:
        return Once(first, _reads(file, runtime, piece))
    at = file.tell() - size
    return Again(runtime, lambda: _Borrowed(file, at), size, piece)  # type: ignore[arg-type, return-value]


async def _of_iterator(chunks: AsyncIterator[bytes], piece: int) -> Content:
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) > piece:
            return Once(bytes(held), chunks)
    return Held(bytes(held))


class _Borrowed:
    """A caller's file, read from a place on; it stays open."""

    def __init__(self, file: Any, at: int) -> None:
        self._file = file
        file.seek(at)

    def read(self, size: int) -> bytes:
        return _bytes(self._file.read(size))


async def _reads(file: Any, runtime: Runtime, piece: int) -> AsyncIterator[bytes]:
    while chunk := await runtime.offload(lambda: _read_fully(file, piece)):
        yield chunk


async def _chunks(source: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(source, AsyncIterable):
        async for chunk in source:
            yield _bytes(chunk)
    else:
        for chunk in source:
            yield _bytes(chunk)


def _read_fully(file: Any, size: int) -> bytes:
    """Read so many bytes, in as many calls as it takes; fewer only at the end."""
    chunks = []
    while size > 0 and (chunk := _bytes(file.read(size))):
        chunks.append(chunk)
        size -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _bytes(chunk: object) -> bytes:
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise InvalidOption(
            f"the source of an artifact gives bytes, not {type(chunk).__name__}; open it in binary mode"
        )
    return bytes(chunk)


def _close_if_ours(file: Any) -> None:
    if not isinstance(file, _Borrowed):
        file.close()
