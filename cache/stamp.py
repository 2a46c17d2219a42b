"""The small header that stands beside each body and tells whether the two, and the name, belong together.

`magic, at, length and XXH3-128 of the body, BLAKE2b over all of that with the key and the tag, tag`. It is a column of
its own, not the first bytes of the body: so `at` moves without the body being written again, and a reader knows the
length and the kind of what it is about to read before it reads.

The digests find damage, mixtures and rows of others. They do not keep out somebody who may write to the directory and
knows this file: the directory's mode does (`folder`). So the body's digest need only be fast: a cryptographic one costs
more than the read itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from hashlib import blake2b

import xxhash

# The last two digits are the version of this layout and of the rows; a change of either also takes a new FOLDER.
_MAGIC = b"s3c01"
_FIXED = struct.Struct(">5sdQ16s")
_CHECK_BYTES = 16
_TAG_AT = _FIXED.size + _CHECK_BYTES
_SPACE_BYTES = 16


class Foreign(Exception):
    """What was read is damaged, or nothing that this package wrote there."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a header says."""

    tag: str
    at: float
    length: int
    digest: bytes

    @classmethod
    def of(cls, tag: str, at: float, body: bytes) -> Stamp:
        """Return the stamp of a body."""
        return cls(tag, at, len(body), xxhash.xxh3_128_digest(body))

    def confirmed(self, at: float) -> Stamp:
        """Return the stamp of the same body, known to be current at another time."""
        return replace(self, at=at)

    def fits(self, body: bytes) -> bool:
        """Return whether this is the stamp of that body."""
        return len(body) == self.length and xxhash.xxh3_128_digest(body) == self.digest

    def pack(self, key: str) -> bytes:
        """Return the header's bytes; they are good under that key alone."""
        fixed = _FIXED.pack(_MAGIC, self.at, self.length, self.digest)
        tag = self.tag.encode()
        return fixed + _check(key, fixed, tag) + tag

    @classmethod
    def unpack(cls, key: str, packed: object) -> Stamp:
        """Read a header.

        Raises:
            Foreign: It was not written for that key, or is damaged.
        """
        if type(packed) is not bytes or len(packed) < _TAG_AT:
            raise Foreign("no stamp")
        fixed, tag = packed[: _FIXED.size], packed[_TAG_AT:]
        if packed[_FIXED.size : _TAG_AT] != _check(key, fixed, tag):
            raise Foreign("a stamp that does not fit")
        magic, at, length, digest = _FIXED.unpack(fixed)
        if magic != _MAGIC:
            raise Foreign("a stamp of another version")
        return cls(tag.decode(), at, length, digest)


def prefix_of(space: str) -> str:
    """Return what the keys of a space begin with: a digest of fixed length, so that no space reaches into another."""
    return blake2b(space.encode(), digest_size=_SPACE_BYTES, person=b"s3store space").hexdigest() + "/"


def _check(key: str, fixed: bytes, tag: bytes) -> bytes:
    name = key.encode()
    check = blake2b(fixed, digest_size=_CHECK_BYTES, person=b"s3store stamp")
    check.update(len(name).to_bytes(8, "big") + name + tag)
    return check.digest()
