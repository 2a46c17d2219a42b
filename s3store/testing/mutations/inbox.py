"""The rules of inboxes and their bells, broken one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ...errors import Decide, S3StoreError
from ...keys import bell_key
from ...objects.base import all_keys
from ...siblings.events import EventsCore
from ...siblings.inbox import bells as bells_module
from ...siblings.inbox.bells import Bells
from ...siblings.inbox.core import InboxCore
from ...streams.consumption import Consumption
from ..simulation import INBOX
from .mutation import mutation

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from ...streams.head import Head


@mutation(
    "A bell is rung after its message has landed",
    INBOX,
    "late",
    seed=6,
)
def a_bell_before_its_message(patch: pytest.MonkeyPatch) -> None:
    """A worker who hears it finds nothing, and takes it down."""
    send = InboxCore.send

    async def ring_no_more(*_: object) -> None:
        pass

    async def too_early(self: InboxCore, messages: Iterable[object], keys: Any) -> int:
        session_id = self.keys.session_id
        bell = bell_key(session_id, self._runtime.ulid())
        await self._archive.store.put(bell, orjson.dumps({"session": session_id}))
        return await send(self, messages, keys)

    patch.setattr(Bells, "ring", ring_no_more)
    patch.setattr(InboxCore, "send", too_early)


@mutation(
    "A message is acknowledged after a bell was rung for it",
    INBOX,
    "storm",
    seed=2,
)
def an_acknowledgement_without_a_bell(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    ring = Bells.ring

    async def ring_if_possible(self: Bells, session_id: str, head: Head) -> None:
        try:
            await ring(self, session_id, head)
        except (S3StoreError, Decide):
            pass

    patch.setattr(Bells, "ring", ring_if_possible)


@mutation(
    "resolve() says that a message has landed after a bell was rung for it",
    INBOX,
    "late",
    seed=9,
)
def a_resolve_that_rings_no_bell(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr(InboxCore, "resolve", EventsCore.resolve)


@mutation(
    "A bell is spared only while the message of the last one is not done",
    INBOX,
    "fair",
    seed=9,
)
def a_bell_that_is_rung_once_for_all(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr(bells_module, "_hangs", lambda last, head: last.incarnation == head.incarnation)


@mutation(
    "No bell is deleted but one that was listed before the inbox was found empty",
    INBOX,
    "clocks",
    seed=68,
)
def taking_down_bells_that_were_not_listed_before(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    take_down = Bells.take_down

    async def take_down_all(self: Bells, bells: Iterable[str]) -> None:
        listed = list(bells)
        await take_down(self, await all_keys(self._store, listed[0].rpartition("/")[0]))

    patch.setattr(Bells, "take_down", take_down_all)


@mutation(
    "A message is done by who holds it alone",
    INBOX,
    "fair",
    seed=9,
)
def a_message_done_by_who_lost_its_lease(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    def finish(self: Consumption, holder: str) -> Consumption:
        return Consumption(self.done + 1, finisher=holder) if self.lease is not None else self

    patch.setattr(Consumption, "finish", finish)
