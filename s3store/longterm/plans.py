"""Plans of retention: which sessions a rule is going to delete, written down before any goes.

A plan is an object of its own that never changes, so the store says when it was made; two passes of maintenance that
read the same plan do the same, and the second finds it done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import RETENTION_PLANS, plan_key
from ..objects.base import NoSuchKey
from ..streams.segments import text_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ..objects.base import ObjectStore
    from ..runtime import Runtime

PLAN_FORMAT = "s3store.retention-plan/1"
"""What a plan says of itself."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A session that a rule is going to delete."""

    id: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned at one time, by the store's clock."""

    key: str
    made: datetime
    sessions: tuple[Doomed, ...]


class Plans:
    """The plans of an archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime

    async def all(self) -> list[Plan]:
        """Read them, the oldest first. Raises `CorruptObject`, and `UnsupportedFormat` for another format."""
        found: list[Plan] = []
        after: str | None = None
        while True:
            page = await self._store.list_page(RETENTION_PLANS, after=after)
            for listed in page.objects:
                try:
                    body = (await self._store.get(listed.key)).body
                except NoSuchKey:
                    continue  # Somebody else has just finished it.
                found.append(Plan(listed.key, listed.modified, _read(listed.key, body)))
            after = page.next_after
            if after is None:
                return found

    async def add(self, sessions: Collection[Doomed]) -> None:
        """Write a plan."""
        said = [{"id": each.id, "incarnation": each.incarnation} for each in sessions]
        body = orjson.dumps({"format": PLAN_FORMAT, "sessions": said}, option=orjson.OPT_INDENT_2)
        await self._store.put(plan_key(self._runtime.ulid()), body)

    async def remove(self, plan: Plan) -> None:
        """Take a plan away."""
        await self._store.delete(plan.key)

    async def forget(self, ids: Collection[str]) -> None:
        """Take away the plans that name any of these sessions; what else they name is planned anew."""
        for plan in await self.all():
            if any(each.id in ids for each in plan.sessions):
                await self.remove(plan)


def _read(key: str, body: bytes) -> tuple[Doomed, ...]:
    try:
        found = orjson.loads(body)
        if found["format"] != PLAN_FORMAT:
            raise UnsupportedFormat.of(key, found["format"])
        return tuple(Doomed(text_of(each["id"]), text_of(each["incarnation"])) for each in found["sessions"])
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CorruptObject(f"{key}: not a plan of retention; remove it, and what it held is planned anew") from None
