"""Unpacking many sessions: a few side by side, and little to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...errors import CallAPerson, Decide, RestoreRequired, RetryLater, SessionDeleted
from ...streams.terms import Terms
from ..windows import windows
from .reports import Unpacked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ...model import SessionSummary
    from ...runtime import Runtime
    from .service import Packs


class _Waiting(NamedTuple):
    """A session that is to be unpacked. Nothing else of it is held, for there may be millions."""

    id: str
    incarnation: str
    records: int
    size: int


class Unpack:
    """Unpacks sessions of one archive."""

    def __init__(self, runtime: Runtime, packs: Packs) -> None:
        self._runtime = runtime
        self._packs = packs

    async def run(self, sessions: AsyncIterator[SessionSummary], *, dry_run: bool) -> Unpacked:
        """Give sessions objects of their own again; what fails does not keep the rest."""
        report = Unpacked(dry_run)
        waiting = [_Waiting(each.id, each.incarnation, each.count, each.size) async for each in sessions]
        for together in windows(waiting):
            done = await self._runtime.branches([self._unpack(each, report) for each in together])
            for each in (each for each, is_done in zip(together, done, strict=True) if is_done):
                report.sessions += 1
                report.records += each.records
                report.bytes += each.size
        return report

    async def _unpack(self, session: _Waiting, report: Unpacked) -> bool:
        if report.dry_run:
            return True
        try:
            done = await self._packs.unpack(session.id, Terms(incarnation=session.incarnation))
        except RestoreRequired as error:
            report.failed("archived", str(error))
        except SessionDeleted:
            report.left["resumed"] += 1
        except (RetryLater, CallAPerson, Decide) as error:
            report.failed("failed", str(error))
        else:
            if done:
                return True
            report.left["resumed"] += 1
        return False
