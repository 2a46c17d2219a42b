"""The objects of a simulated archive with siblings, and what must hold of them at every moment."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import orjson
import zstandard

from ....keys import SESSIONS, stored_key
from ....runtime import run
from ..bucket import Bucket, read_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ....jsontext import JsonValue


class SiblingsBucket(Bucket):
    """Watches the heads of all streams, with nothing of the code that is under test.

    `violations` tells of every moment in which a head named a segment or a body that was not there, or in which a
    session was created while something of the deleted one was still alive.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._named_now: dict[str, dict[str, str | None]] = {}
        self._messages: dict[str, list[JsonValue]] = {}
        """What each segment of artifacts holds."""
        self._headers: dict[str, dict[str, JsonValue]] = {}

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        etag = run(self.objects.put(key, body, if_match=if_match, if_absent=if_absent))
        if key.startswith(SESSIONS):
            kind, stream = stored_key(key).kind, stored_key(key).stream
            if kind == "segment" and stream == "artifacts":
                self._messages[key] = messages_in(body)
            if kind == "head":
                self._named_now[key] = self._names(key, stream, body)
                self._watch_incarnation(key, stream, read_header(body))
                for name in self._named_now[key]:
                    self._check(key, name)
        return etag

    def delete(self, key: str, if_match: str | None) -> None:
        """See `ObjectStore.delete`."""
        run(self.objects.delete(key, if_match=if_match))
        for head, named in self._named_now.items():
            if key in named:
                self.violations.append(f"{key} was deleted while {head} names it")

    def unnamed(self) -> list[str]:
        """Return everything that no head names, uploads in parts among it."""
        named = {name for names in self._named_now.values() for name in names} | self._named_now.keys()
        uploads = [f"upload of {found.upload.key}" for found in run(self.objects.list_uploads(""))]
        return [*sorted(set(self._keys()) - named), *uploads]

    def content(self) -> list[str]:
        """Return everything under the sessions that is not a tombstone."""
        return [key for key in self._keys() if key not in self._named_now or not _is_tombstone(self._body(key))]

    def half_deleted(self) -> list[str]:
        """Return the siblings that live on although their session was deleted with them."""
        return [
            sibling
            for key, header in self._headers.items()
            for sibling, incarnation in _deleted_with(key, header).items()
            if _lives(self._headers.get(sibling), incarnation)
        ]

    def _watch_incarnation(self, key: str, stream: str, header: dict[str, JsonValue]) -> None:
        before, self._headers[key] = self._headers.get(key, {}), header
        if stream == "transcript" and "deleted" not in header:
            for sibling, incarnation in _deleted_with(key, before).items():
                if _lives(self._headers.get(sibling), incarnation):
                    self.violations.append(f"{key} was created while {sibling} of the deleted session lives")

    def _keys(self) -> list[str]:
        return [found.key for found in run(self.objects.list_page("")).objects]

    def _body(self, key: str) -> bytes:
        return run(self.objects.get(key)).body

    def _names(self, key: str, stream: str, body: bytes) -> dict[str, str | None]:
        base = key.removesuffix(".jsonl.zst")
        segments: dict[str, str | None] = {
            f"{base}/{segment['name']}.jsonl.zst": segment["sha256"] for segment in read_header(body)["segments"]
        }
        if stream != "artifacts":
            return segments
        messages = [message for segment in segments for message in self._messages.get(segment, ())]
        bodies: dict[str, str] = {}
        for message in [*messages, *messages_in(body)]:
            if "put" in message:
                bodies[message["put"]["name"]] = f"{base}/{message['put']['body']}"
            else:
                for gone in message["remove"]:
                    bodies.pop(gone, None)
        return segments | dict.fromkeys(bodies.values())

    def _check(self, head: str, name: str) -> None:
        sha256 = self._named_now[head][name]
        stored = [found for found in run(self.objects.list_page(name, limit=1)).objects if found.key == name]
        if not stored:
            self.violations.append(f"{head} names {name}, which is gone")
        elif sha256 is not None and hashlib.sha256(self._body(name)).hexdigest() != sha256:
            self.violations.append(f"{head} names {name}, which is another")


def _deleted_with(key: str, header: dict[str, JsonValue]) -> dict[str, str]:
    """Return the heads that a tombstone says went with it, each with its incarnation."""
    base = key.removesuffix("transcript.jsonl.zst")
    found: dict[str, str] = header.get("deleted", {}).get("with", {})
    return {f"{base}{stream}.jsonl.zst": incarnation for stream, incarnation in found.items()}


def _lives(header: dict[str, JsonValue] | None, incarnation: str) -> bool:
    return header is not None and "deleted" not in header and header["incarnation"] == incarnation


def _is_tombstone(head: bytes) -> bool:
    return "deleted" in read_header(head)


def messages_in(data: bytes) -> list[JsonValue]:
    """Return the messages in a head or a segment, as zstd alone reads them."""
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return [orjson.loads(line)["message"] for line in reader.read().splitlines()]
