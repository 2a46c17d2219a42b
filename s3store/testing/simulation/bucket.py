"""The objects of a simulated archive, and what must hold of them at every moment."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from ...keys import is_transcript_head
from ...objects.memory import MemoryStore
from ...runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ...jsontext import JsonValue
    from ...objects.base import ListPage, StoredObject


class Bucket:
    """One map of objects that all processes share; it applies one request at a time.

    `violations` tells of every moment in which a head named a segment that was not there, not the one it meant, or was
    being written over.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.violations: list[str] = []
        self.objects = MemoryStore(clock=clock)
        self._segments: dict[str, str] = {}
        self._named: dict[str, frozenset[str]] = {}

    def get(self, key: str, if_none_match: str | None, byte_range: tuple[int, int] | None) -> StoredObject:
        """See `ObjectStore.get`."""
        return run(self.objects.get(key, if_none_match=if_none_match, byte_range=byte_range))

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        etag = run(self.objects.put(key, body, if_match=if_match, if_absent=if_absent))
        if is_transcript_head(key):
            self._watch_head(key, body)
        elif "/transcript/" in key:
            if key in self._segments:
                self.violations.append(f"{key} was written twice")
            self._segments[key] = hashlib.sha256(body).hexdigest()
        return etag

    def delete(self, key: str, if_match: str | None) -> None:
        """See `ObjectStore.delete`."""
        run(self.objects.delete(key, if_match=if_match))
        self._segments.pop(key, None)
        for head, named in self._named.items():
            if key in named:
                self.violations.append(f"{key} was deleted while {head} names it")

    def list_page(self, prefix: str, after: str | None, limit: int) -> ListPage:
        """See `ObjectStore.list_page`."""
        return run(self.objects.list_page(prefix, after=after, limit=limit))

    def unnamed(self) -> list[str]:
        """Return the segments that no head names."""
        return sorted(self._segments.keys() - frozenset().union(*self._named.values()))

    def own_segments(self, header: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
        """Return what a header says of the segments that are objects of the session's own."""
        found: list[dict[str, JsonValue]] = header["segments"]
        return found

    def _watch_head(self, key: str, body: bytes) -> None:
        base = key.removesuffix(".jsonl.zst")
        segments = self.own_segments(read_header(body))
        named = {f"{base}/{segment['name']}.jsonl.zst": segment["sha256"] for segment in segments}
        for name, sha256 in named.items():
            if self._segments.get(name) != sha256:
                self.violations.append(f"{key} names {name}, which is {'other' if name in self._segments else 'gone'}")
        self._named[key] = frozenset(named)


def read_header(head: bytes) -> dict[str, JsonValue]:
    """Read the header in the skippable frame at the start of a head, with nothing of the code that is under test."""
    length = int.from_bytes(head[4:8], "little")
    header: dict[str, JsonValue] = orjson.loads(head[8 : 8 + length].partition(b"\n")[0])
    return header
