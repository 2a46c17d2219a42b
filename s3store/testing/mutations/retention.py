"""The rules of holds, and of deleting by rule, broken one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...errors import SessionDeleted, SessionHeld
from ...longterm import retention as retention_module
from ...longterm import ruling as ruling_module
from ...longterm.clock import written_at
from ...longterm.retention import Retention
from ...longterm.ruling import Ruling
from ...streams import change
from ...streams.terms import Terms
from ..simulation import RETENTION
from .mutation import mutation

if TYPE_CHECKING:
    import pytest

    from ...longterm.plans import Doomed

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@mutation("A head with holds does not become a tombstone", RETENTION, "fair", seed=5)
def a_delete_that_does_not_look_at_holds(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""
    patch.setattr(change, "refuse_held", lambda *_: None)


@mutation("A session is looked at again before a rule deletes it", RETENTION, "fair", seed=16)
def a_rule_that_deletes_without_the_second_look(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def at_its_word(self: Retention, doomed: Doomed, *_: Any, **__: Any) -> str:
        try:
            await self._removal.delete(doomed.id, Terms(incarnation=doomed.incarnation))
        except (SessionHeld, SessionDeleted):
            return "held"
        return "deleted"

    patch.setattr(Retention, "_settle", at_its_word)


@mutation("A rule deletes only the version that was looked at", RETENTION, "dozes", seed=662)
def a_rule_that_deletes_whatever_version_it_finds(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    def on_any_version(*, must_exist: bool, expected_version: int, incarnation: str) -> Terms:
        return Terms(must_exist=must_exist, incarnation=incarnation)

    patch.setattr(retention_module, "Terms", on_any_version)


@mutation("Ages count by the store's clock: by its times of what was written", RETENTION, "clocks", seed=8)
def ages_by_the_clocks_of_the_writers(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def long_ago(*where: Any) -> datetime | None:
        return None if await written_at(*where) is None else _LONG_AGO

    patch.setattr(ruling_module, "written_at", long_ago)


@mutation("Ages count by the store's clock: by its time now", RETENTION, "clocks", seed=6)
def ages_by_the_clock_of_the_maintainer(patch: pytest.MonkeyPatch) -> None:
    """Break the rule."""

    async def by_the_local_clock(self: Retention, _: datetime) -> Ruling:
        return await Ruling.at(self._runtime.now(), self._store, self._removal)

    patch.setattr(Retention, "ruling", by_the_local_clock)
