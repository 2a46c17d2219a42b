"""Plans: which sessions are going to be deleted, by a rule or by an erasure, written down before any goes.

A plan is an object of its own that never changes, so the store says when it was made; two that read the same plan do
the same, and the second finds it done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import ERASED, ERASURES, RETENTION_PLANS
from ..objects.base import NoSuchKey
from ..streams.segments import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from ..objects.base import ObjectStore
    from ..runtime import Runtime

PLANNED_AT_ONCE = 1000
"""How many sessions one plan names at most."""


class PlanKind(NamedTuple):
    """What a plan is for."""

    prefix: str
    format: str
    """What a plan says of itself."""
    mended: str
    """What it is, and what to do about one that is damaged."""


BY_RULE = PlanKind(
    RETENTION_PLANS, "s3store.retention-plan/1", "a plan of retention; remove it, and what it held is planned anew"
)
ERASING = PlanKind(ERASURES, "s3store.erasure/1", "the mark of an erasure; remove it, and erase again")
AFTERWARDS = PlanKind(ERASED, "s3store.erased/1", "a list of what was erased; remove it, and look with `remains`")


@dataclass(frozen=True, slots=True)
class Doomed:
    """A session that is going to be deleted."""

    id: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned at one time, by the store's clock."""

    key: str
    made: datetime
    sessions: tuple[Doomed, ...]


class Plans:
    """The plans of one kind that an archive has."""

    def __init__(self, store: ObjectStore, runtime: Runtime, kind: PlanKind = BY_RULE) -> None:
        self._store = store
        self._runtime = runtime
        self._kind = kind

    async def all(self) -> list[Plan]:
        """Read them, the oldest first. Raises `CorruptObject`, and `UnsupportedFormat` for another format."""
        found: list[Plan] = []
        after: str | None = None
        while True:
            page = await self._store.list_page(self._kind.prefix, after=after)
            for listed in page.objects:
                try:
                    body = (await self._store.get(listed.key)).body
                except NoSuchKey:
                    continue  # Somebody else has just finished it.
                found.append(Plan(listed.key, listed.modified, _read(self._kind, listed.key, body)))
            after = page.next_after
            if after is None:
                return found

    async def add(self, sessions: Sequence[Doomed]) -> frozenset[str]:
        """Write down sessions, so many to a plan as `PLANNED_AT_ONCE`; return the keys of the plans."""
        added: set[str] = set()
        for start in range(0, len(sessions), PLANNED_AT_ONCE):
            together = sessions[start : start + PLANNED_AT_ONCE]
            said = [{"id": each.id, "incarnation": each.incarnation} for each in together]
            key = f"{self._kind.prefix}{self._runtime.ulid()}.json"
            body = orjson.dumps({"format": self._kind.format, "sessions": said}, option=orjson.OPT_INDENT_2)
            await self._store.put(key, body)
            added.add(key)
        return frozenset(added)

    async def remove(self, plan: Plan) -> None:
        """Take a plan away."""
        await self._store.delete(plan.key)

    async def forget(self, ids: Collection[str]) -> None:
        """Take away the plans that name any of these sessions; what else they name is planned anew."""
        for plan in await self.all():
            if any(each.id in ids for each in plan.sessions):
                await self.remove(plan)


def _read(kind: PlanKind, key: str, body: bytes) -> tuple[Doomed, ...]:
    try:
        found = orjson.loads(body)
        if found["format"] != kind.format:
            raise UnsupportedFormat.of(key, found["format"])
        return tuple(Doomed(text_of(each["id"]), text_of(each["incarnation"])) for each in found["sessions"])
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CorruptObject(f"{key}: not {kind.mended}") from None
