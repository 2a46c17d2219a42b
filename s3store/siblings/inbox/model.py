"""What an inbox hands out, without what can be done with it: that differs between the faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from ...jsontext import JsonValue
    from .core import Taken


@dataclass(frozen=True)
class InboxStatus:
    """How an inbox stands."""

    done: int
    """How many messages are done."""
    waiting: int
    """How many are not, the one that somebody is at among them."""
    attempts: int
    """How often the next one has been taken so far."""
    taken_until: datetime | None
    """When the lease of whoever took it ends, by that one's clock; None if nobody holds it."""


class Received:
    """A message that was taken from an inbox, and what is known of it."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken

    @property
    def session_id(self) -> str:
        """The session that it was sent to."""
        return self._taken.session_id

    @property
    def message(self) -> JsonValue:
        """The message, just as it was given to `send`."""
        return self._taken.record.message

    @property
    def seq(self) -> int:
        """Its place in the inbox, from 0."""
        return self._taken.record.seq

    @property
    def id(self) -> str:
        """What names it, and no other message of any inbox, each time that it is handed out.

        An idempotency key for what is written in answer to it.
        """
        return f"{self._taken.record.commit}-{self.seq}"

    @property
    def key(self) -> str | None:
        """The sender's idempotency key, where one was given."""
        return self._taken.record.key

    @property
    def sent_at(self) -> datetime:
        """When it was stored, UTC."""
        return self._taken.record.at

    @property
    def attempt(self) -> int:
        """How often it has been handed out, this time among them: over 1, somebody took it and did not finish."""
        return self._taken.attempt

    @property
    def until(self) -> datetime:
        """When the lease ends, UTC by this machine's clock; a little later others may take the message."""
        return self._taken.until
