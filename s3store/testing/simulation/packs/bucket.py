"""The objects of a simulated archive with packs, and what must hold of them at every moment."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ....keys import is_transcript_head, pack_key, pack_of_key
from ....objects.tiers import Archived
from ....runtime import run
from ..bucket import Bucket, read_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ....jsontext import JsonValue
    from ....objects.base import StoredObject

_USUAL, _ARCHIVES = "STANDARD", frozenset({"GLACIER", "DEEP_ARCHIVE"})


class PacksBucket(Bucket):
    """Watches what heads say of packs, beside all that `Bucket` watches.

    `violations` tells of every moment in which a head stood on a pack that was gone, or came to name one that was
    stored otherwise than it was sent. With `rots` that befalls half of the packs. What is in an archive class cannot be
    read until `restore_all`.
    """

    def __init__(self, clock: Callable[[], datetime], *, rots: bool) -> None:
        super().__init__(clock)
        self._rots = rots
        self._packs: set[str] = set()
        self._rotten: set[str] = set()
        self._stands_on: dict[str, frozenset[str]] = {}
        """The packs that each head cannot do without."""
        self._names: dict[str, frozenset[str]] = {}
        """Those, and the one that it is to stand on next."""
        self._classes: dict[str, str] = {}
        """Of what is not in the usual one."""
        self._restored = False

    def get(self, key: str, if_none_match: str | None, byte_range: tuple[int, int] | None) -> StoredObject:
        """See `ObjectStore.get`."""
        if not self._restored and self.class_of(key) in _ARCHIVES:
            raise Archived(f"{key}: archived")
        return super().get(key, if_none_match, byte_range)

    def put_copy(self, key: str, body: bytes, storage_class: str) -> None:
        """Let a copy of an object land, which was read before: upon the object itself, or where that has been."""
        run(self.objects.put(key, body))
        self._classes[key] = storage_class
        if _is_pack(key):
            self._packs.add(key)

    def class_of(self, key: str) -> str:
        """Return the storage class of an object."""
        return self._classes.get(key, _USUAL)

    def restore_all(self) -> None:
        """Make everything readable, in whatever class it is."""
        self._restored = True

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        is_pack = _is_pack(key)
        rotten = is_pack and self._rots and hashlib.sha256(key.encode()).digest()[0] % 2 == 1
        etag = super().put(key, _with_a_bit_flipped(body) if rotten else body, if_match, if_absent)
        if is_pack:
            self._packs.add(key)
        if rotten:
            self._rotten.add(key)
        if is_transcript_head(key):
            self._watch_packs(key, read_header(body))
        return etag

    def delete(self, key: str, if_match: str | None) -> None:
        """See `ObjectStore.delete`."""
        super().delete(key, if_match)
        self._packs.discard(key)
        self._classes.pop(key, None)
        for head, packs in self._stands_on.items():
            if key in packs:
                self.violations.append(f"{key} was deleted while {head} stands on it")

    def needless_packs(self) -> list[str]:
        """Return the packs that no head names."""
        return sorted(self._packs - frozenset().union(*self._names.values()))

    def misplaced(self) -> list[str]:
        """Return the packs that are not in the class that their key tells."""
        return sorted(key for key in self._packs if self.class_of(key) != key.split("/")[1].upper())

    def waiting(self) -> list[str]:
        """Return the heads that name a pack, and do not stand on it yet."""
        return sorted(head for head, packs in self._names.items() if packs - self._stands_on[head])

    def own_segments(self, header: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
        """See `Bucket.own_segments`: those in a pack are none."""
        return [segment for segment in super().own_segments(header) if "place" not in segment]

    def _watch_packs(self, key: str, header: dict[str, JsonValue]) -> None:
        self._stands_on[key] = _packs(header["segments"])
        self.violations += [f"{key} names {pack}, which is gone" for pack in self._stands_on[key] - self._packs]
        self._names[key] = self._stands_on[key] | _packs(header.get("packed", []))
        rotten = self._names[key] & self._rotten
        self.violations += [f"{key} names {pack}, which is not what was sent" for pack in rotten]


def _packs(segments: list[dict[str, JsonValue]]) -> frozenset[str]:
    return frozenset(pack_key(segment["place"]["pack"]) for segment in segments if "place" in segment)


def _is_pack(key: str) -> bool:
    return key.endswith(".parquet") and pack_of_key(key) is not None


def _with_a_bit_flipped(body: bytes) -> bytes:
    place = len(body) // 2
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
