"""On what terms a call wants a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Conflict, SessionDeleted, SessionExists, SessionHeld, SessionNotFound

if TYPE_CHECKING:
    from .head import Head


@dataclass(frozen=True)
class Terms:
    """What must be true of the session; without any, a commit builds on whatever it finds."""

    must_exist: bool = False
    must_be_new: bool = False
    expected_version: int | None = None
    """Only on this version; 0 means that there must be no session."""
    incarnation: str | None = None
    """Only on this incarnation: the terms of a handle."""

    def check(self, session_id: str, head: Head | None) -> None:
        """Raise `SessionDeleted`, `SessionNotFound`, `SessionExists` or `Conflict` where they are not met."""
        live = living(head)
        if self.incarnation is not None and (live is None or live.incarnation != self.incarnation):
            raise SessionDeleted(f"session {session_id!r}: deleted since this handle was opened")
        if self.must_exist and live is None:
            raise SessionNotFound(f"session {session_id!r}: not found")
        if self.must_be_new and live is not None:
            raise SessionExists(f"session {session_id!r}: exists already")
        version = 0 if live is None else live.version
        if self.expected_version is not None and version != self.expected_version:
            raise Conflict(f"session {session_id!r}: is at version {version}, not {self.expected_version}")


def living(head: Head | None) -> Head | None:
    """Return the head unless it is a tombstone."""
    return head if head is not None and head.deleted_at is None else None


def refuse_held(session_id: str, head: Head | None) -> None:
    """Raise `SessionHeld` where a hold keeps the session of this head from being deleted."""
    live = living(head)
    if live is not None and live.holds:
        raise SessionHeld(
            f"session {session_id!r}: {len(live.holds)} hold{'s keep' if len(live.holds) > 1 else ' keeps'} it from "
            "being deleted; `s3store hold ls` shows them"
        )
