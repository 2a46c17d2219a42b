"""The ETags of the directory store.

Of a small object it is a hash of its content. To hash a large one at each look would take as long as to read it, so
that has the ETag of its file: size, time of the last write, and inode. Both change with every compare-and-swap: a file
is never written over, the new one exists beside the old one (so its inode is another), and of the time of a large one
all below the millisecond is drawn by lot, so that an inode that is used again makes no old ETag true again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from typing import IO

LARGE = 1024 * 1024
"""Objects of more bytes than these have the ETag of their file."""

_MILLISECOND = 1_000_000


def etag_of_body(body: bytes) -> str:
    """Return the ETag of a small object or of a part."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def is_large(file: IO[bytes]) -> bool:
    """Tell whether the object in an open file has the ETag of its file."""
    return os.fstat(file.fileno()).st_size > LARGE


def etag_of(file: IO[bytes]) -> str:
    """Return the ETag of the object in an open file, which stands at its start."""
    if not is_large(file):
        return etag_of_body(file.read())
    status = os.fstat(file.fileno())
    return f'"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"'


def stamp(opened: int) -> None:
    """Set the time of a file that is complete, so that no other that ever was has the same."""
    now = time.time_ns()
    chosen = now - now % _MILLISECOND + secrets.randbelow(_MILLISECOND)
    os.utime(opened, ns=(chosen, chosen))
