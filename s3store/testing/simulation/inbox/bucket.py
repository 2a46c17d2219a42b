"""The objects of a simulated archive with inboxes, and what must hold of them at every moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....keys import ARCHIVE, INBOX, MAIL, SESSIONS, TRANSCRIPT, StreamKeys, stored_key
from ....runtime import run
from ..bucket import read_header
from ..siblings.bucket import SiblingsBucket, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ....jsontext import JsonValue


class InboxBucket(SiblingsBucket):
    """Watches what the heads of inboxes say, beside all that `SiblingsBucket` watches.

    `violations` tells of every moment in which an inbox lost a message, took back that one was done, passed one over,
    or had one done by somebody who did not hold it.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._inboxes: dict[str, dict[str, JsonValue]] = {}
        """The header of each inbox."""

    def put(self, key: str, body: bytes, if_match: str | None, if_absent: bool) -> str:  # noqa: FBT001 - passed on
        """See `ObjectStore.put`."""
        etag = super().put(key, body, if_match, if_absent)
        if key.startswith(SESSIONS) and stored_key(key)[1:] == (INBOX, "head"):
            before, self._inboxes[key] = self._inboxes.get(key), read_header(body)
            if before is not None:
                self._watch_inbox(key, before, self._inboxes[key])
        return etag

    def unnamed(self) -> list[str]:
        """See `SiblingsBucket.unnamed`: without what tells that this is an archive."""
        return [key for key in super().unnamed() if key != ARCHIVE]

    def sent(self, session_id: str) -> list[str]:
        """Return the texts in an inbox, done or not."""
        return [text_of(message) for message in self._stored(session_id, INBOX)]

    def done(self, session_id: str) -> int:
        """Return how many of them are done."""
        return _done(self._inboxes.get(StreamKeys.of(session_id, INBOX).head, {}))

    def transcript(self, session_id: str) -> list[JsonValue]:
        """Return the messages of a session."""
        return self._stored(session_id, TRANSCRIPT)

    def bells(self) -> list[str]:
        """Return the keys of the bells that hang."""
        return [found.key for found in run(self.objects.list_page(MAIL)).objects]

    def _watch_inbox(self, key: str, before: dict[str, JsonValue], now: dict[str, JsonValue]) -> None:
        if now["count"] < before["count"]:
            self.violations.append(f"{key} lost messages: it had {before['count']}, now {now['count']}")
        was, done = _done(before), _done(now)
        if done < was or done > was + 1 or done > now["count"]:
            self.violations.append(f"{key}: of {now['count']} messages {done} are done, before it were {was}")
        if done > was and now["taken"].get("finisher") != before["taken"].get("lease", {}).get("holder"):
            self.violations.append(f"{key}: message {was} was done by one who did not hold it")

    def _stored(self, session_id: str, stream: str) -> list[JsonValue]:
        """Return the messages of a stream as they are read without the product: with zstd alone."""
        keys = StreamKeys.of(session_id, stream)
        if not run(self.objects.list_page(keys.head, limit=1)).objects:
            return []
        head = run(self.objects.get(keys.head)).body
        base = keys.head.removesuffix(".jsonl.zst")
        segments = [f"{base}/{segment['name']}.jsonl.zst" for segment in read_header(head)["segments"]]
        bodies = [run(self.objects.get(segment)).body for segment in segments]
        return [message for body in [*bodies, head] for message in messages_in(body)]


def text_of(message: JsonValue) -> str:
    """Return the text that a message was sent with: by a broker it stands among more."""
    text: str = message["content"] if isinstance(message, dict) else message
    return text


def _done(header: dict[str, JsonValue]) -> int:
    done: int = header.get("taken", {}).get("done", 0)
    return done
