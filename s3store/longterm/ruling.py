"""What the rules say of sessions, at one time of the store's clock: by the index first, then by their heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidOption
from ..index.query import Cursor
from ..keys import ARCHIVE, TRANSCRIPT, StreamKeys
from ..streams.terms import living
from .clock import written_at
from .policies import EMPTY, RuleBookCell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from ..index.query import Listings
    from ..model import SessionSummary
    from ..objects.base import ObjectStore
    from ..streams.head import Head
    from ..streams.removal import Removal
    from .plans import Doomed
    from .policies import RuleBook
    from .rules import Action, Rule


class Look(NamedTuple):
    """What the head of a session says, and the version that says so."""

    exists: bool
    held: bool = False
    rule: Rule | None = None
    """The rule that holds for it now."""
    version: int = 0

    def is_due(self, action: Action) -> bool:
        """Tell whether a rule does this with it now."""
        return self.rule is not None and self.rule.action == action


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules as one pass goes by them. `began` is when the archive was made."""

    store: ObjectStore
    removal: Removal
    book: RuleBook
    now: datetime
    began: datetime | None

    @classmethod
    async def at(cls, now: datetime, store: ObjectStore, removal: Removal) -> Ruling:
        """Read the rules, for a pass at the store's time `now`. Raises `CorruptObject` and `UnsupportedFormat`."""
        book = (await RuleBookCell(store).read()).state or EMPTY
        return cls(store, removal, book, now, await written_at(store, ARCHIVE))

    def seems_due(self, summary: SessionSummary, action: Action) -> bool:
        """Tell whether a session is due as the index has it, which may lag, and knows the writers' clocks alone."""
        policy = self.book.governing(summary.agent, summary.labels)
        rule = None if policy is None else policy.rule_at(self.now, summary.created_at, summary.updated_at)
        return rule is not None and rule.action == action

    async def look(self, session: Doomed) -> Look:
        """Ask the head, which is the truth, and the store when that was written last."""
        keys = StreamKeys.of(session.id, TRANSCRIPT)
        head = living(await self.removal.head(keys))
        if head is None or head.incarnation != session.incarnation:
            return Look(exists=False)
        return await self._look(keys, head)

    async def look_in_pack(self, session_id: str, pack: str) -> Look:
        """Do so for a session as long as it stands in a pack."""
        keys = StreamKeys.of(session_id, TRANSCRIPT)
        head = living(await self.removal.head(keys))
        return Look(exists=False) if head is None or pack not in head.packs else await self._look(keys, head)

    async def _look(self, keys: StreamKeys, head: Head) -> Look:
        # After the head was read: what is written later has a later version, and the swap that deletes sees that.
        written = await written_at(self.store, keys.head)
        if written is None or self.began is None:
            return Look(exists=False)
        # A writer's clock may be behind by years, so the store's own times are the least that counts.
        created, updated = max(head.created_at, self.began), max(head.updated_at, written)
        policy = self.book.governing(head.metadata.agent, head.metadata.labels)
        rule = None if policy is None else policy.rule_at(self.now, created, updated)
        return Look(exists=True, held=bool(head.holds), rule=rule, version=head.version)


class Walk:
    """A way through the sessions of the index, the idlest first, from where the last pass stopped.

    It ends when the budget is used up, but never before the first session: so each pass gets on.
    """

    def __init__(self, listings: Listings, at: str, spent: Callable[[], bool]) -> None:
        self._listings = listings
        self._after = _cursor(at)
        self._spent = spent
        self.stopped_at: str | None = None
        """Where the next pass goes on; None if this one came to the end."""

    async def sessions(self) -> AsyncIterator[SessionSummary]:
        """Yield them."""
        async for summary in self._listings.sessions({}, "oldest", cursor=self._after):
            yield summary
            if self._spent():
                self.stopped_at = Cursor.after("oldest", summary).text()
                return


def _cursor(at: str) -> str | None:
    """Return the cursor that a pass has left; None, the beginning, if it is none."""
    try:
        return at if at and Cursor.read(at).order == "oldest" else None
    except InvalidOption:
        return None
