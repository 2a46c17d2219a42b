"""The files that a tool has compressed: Codex keeps its older rollouts as `rollout-….jsonl.zst`."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import zstandard

from ..errors import InvalidRecord, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPRESSED = ".zst"
"""How the name of a compressed file ends."""
MAX_EXPANDED_BYTES = 4 * 1024**3
"""A file that is larger than this when it is expanded is refused."""

_WINDOW = 128 * 1024 * 1024
# Four bytes of input can be a block of 128 KiB: so much input at a time makes 32 MiB at most.
_INPUT = 1024


@contextmanager
def expanded(path: Path) -> Iterator[Path]:
    """Give what a compressed file holds as a plain one, of the same name without `.zst`, which is gone afterwards.

    Holds some 32 MiB, and its window, at a time. Raises `InvalidRecord` for a file that is no zstd, or is cut short;
    `TooLarge` for one of over 4 GiB when it is expanded; `OSError`.
    """
    with tempfile.TemporaryDirectory(prefix="s3store-") as folder:
        plain = Path(folder) / path.name.removesuffix(COMPRESSED)
        with path.open("rb") as source, plain.open("xb") as file:
            for piece in _pieces(path, source):
                if file.tell() + len(piece) > MAX_EXPANDED_BYTES:
                    raise TooLarge(f"{path}: is over the limit of {MAX_EXPANDED_BYTES} bytes when it is expanded")
                file.write(piece)
        yield plain


def _pieces(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    """Yield what the frames of a file hold, one frame after the other."""
    context = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    frame, data = None, b""
    try:
        while data or (data := source.read(_INPUT)):
            frame = frame or context.decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    except zstandard.ZstdError:
        raise InvalidRecord(f"{path}: is no zstd, or is damaged") from None
    if frame is not None:
        raise InvalidRecord(f"{path}: is cut short")
