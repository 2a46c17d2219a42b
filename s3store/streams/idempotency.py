"""Which idempotency keys a part of a stream may hold, small enough to ride in the head.

A key is remembered by three bytes of its hash. A digest that is not there is a sure no, without a request; one that
is there is looked up in the records themselves, so a chance match (one in 16 million for each key) costs a read
and never a record.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGEST_BYTES = 3

MAX_DIGESTS = 8192
"""How many digests a head carries for its segments (32 KiB of text). The oldest go first; a segment that lost its
digests is read when a key might be in it."""


def digest(key: str) -> bytes:
    """Return the few bytes that stand for a key."""
    return hashlib.sha256(key.encode()).digest()[:_DIGEST_BYTES]


def write_digests(digests: Iterable[bytes]) -> str:
    """Return digests as text for a header."""
    return b64encode(b"".join(sorted(digests))).decode("ascii")


def read_digests(text: str) -> frozenset[bytes]:
    """Read what `write_digests` wrote. Raises `ValueError` for other text."""
    raw = b64decode(text, validate=True)
    if len(raw) % _DIGEST_BYTES:
        raise ValueError("digests of another length")
    return frozenset(raw[at : at + _DIGEST_BYTES] for at in range(0, len(raw), _DIGEST_BYTES))
