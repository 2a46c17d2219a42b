"""The clean-up: finds what no head names, and removes it while others write.

What it may delete is decided by the fence alone (`s3store.streams.fence`): it lists, then swaps the head that would
name what it listed, then deletes what that head does not name. The age only spares work in progress from having to be
done again; it is taken by the store's clock, on both sides.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CallAPerson, StoreUnavailable
from ..keys import CHECKS, TRANSCRIPT, stored_key
from ..objects.base import ObjectAnswer
from .clock import stores_time
from .reports import CleanedUp, CleanUpProgress
from .stored import stored_sessions
from .suspects import Freed, Suspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ..objects.base import ListedObject, ObjectStore, StartedUpload
    from ..runtime import Runtime
    from ..streams.removal import Removal
    from .erasing import Erasing
    from .packs.service import Packs
    from .reports import RemovedKind
    from .stored import StoredSession

_TOGETHER = 256


class OfAll(NamedTuple):
    """What a clean-up sees to beside the sessions."""

    packs: Packs
    erasing: Erasing


class CleanUp:
    """One clean-up of an archive. `prefixes` are those of its sessions; without `of_all` only they are looked at."""

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        removal: Removal,
        prefixes: Sequence[str],
        of_all: OfAll | None = None,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._removal = removal
        self._prefixes = prefixes
        self._of_all = of_all

    async def run(
        self, *, older_than: float, dry_run: bool, progress: Callable[[CleanUpProgress], None] | None = None
    ) -> CleanedUp:
        """Look through all sessions, and remove what is older than `older_than` seconds and not needed.

        What fails does not keep the rest; the report says it. Raises `StoreUnavailable` and `AccessDenied` where the
        archive could not be listed.
        """
        report = CleanedUp(dry_run)
        now, age = await stores_time(self._store, self._runtime), timedelta(seconds=older_than)
        cutoff = now - age
        await self._clean_checks(cutoff, report)
        if self._of_all is not None:
            await self._settle(self._of_all.packs, cutoff, report)
            await self._finish(self._of_all.erasing, now, age, report)
        async for found in stored_sessions(self._store, self._runtime, self._prefixes):
            report.sessions += len(found.sessions)
            suspects = [self._suspect(session, cutoff, report) for session in found.sessions]
            await self._clean([suspect for suspect in suspects if suspect is not None], report)
            await self._abort(found.uploads, cutoff, report)
            if progress is not None:
                progress(CleanUpProgress(found.prefixes, report.sessions, report.removed.total()))
        return report

    async def _settle(self, packs: Packs, cutoff: datetime, report: CleanedUp) -> None:
        """Have sessions that were packed stand on their packs alone, and drop the packs that none needs."""
        settled = await packs.settle(cutoff, dry_run=report.dry_run)
        report.thinned = settled.sessions
        report.moved = settled.moved
        report.removed.update({kind: number for kind, number in settled.removed().items() if number})
        for failure in settled.failures:
            report.failed("failed", 1, failure)

    async def _finish(self, erasing: Erasing, now: datetime, age: timedelta, report: CleanedUp) -> None:
        """Finish erasures that were broken off."""
        finished = await erasing.finish(now, age, dry_run=report.dry_run)
        report.erased = finished.erased
        for failure in finished.failures:
            report.failed("failed", 1, failure)

    def _suspect(self, session: StoredSession, cutoff: datetime, report: CleanedUp) -> Suspect | None:
        """Sort what is listed of a session. Most are done with that, without a request of their own."""
        old: dict[str, list[ListedObject]] = {}
        heads: list[str] = []
        for key, listed in session.objects:
            if key.kind == "head":
                heads.append(key.stream)
            elif key.kind == "other":
                report.left["foreign"] += 1
            elif listed.modified > cutoff:
                report.left["young"] += 1
            else:
                old.setdefault(key.stream, []).append(listed)
        # Where siblings stand beside a transcript, only its head tells whether that has been deleted.
        half_deleted = TRANSCRIPT in heads and len(heads) > 1
        return Suspect(session, heads, old, half_deleted) if old or half_deleted else None

    async def _clean(self, suspects: Sequence[Suspect], report: CleanedUp) -> None:
        for start in range(0, len(suspects), _TOGETHER):
            together = suspects[start : start + _TOGETHER]
            freed = await self._runtime.gather([suspect.clean(self._removal, report) for suspect in together])
            await self._remove([each for session in freed for each in session], report)

    async def _remove(self, freed: Sequence[Freed], report: CleanedUp) -> None:
        """Delete what nothing can name any more, and count it."""

        async def remove(each: Freed) -> None:
            try:
                if not report.dry_run:
                    await self._store.delete(each.key)
            except (StoreUnavailable, CallAPerson, ObjectAnswer) as error:
                report.failed("failed", 1, f"{each.key}: {error}")
            else:
                report.removed[_kind(each.key)] += 1
                report.bytes += each.size

        await self._runtime.gather([remove(each) for each in freed])

    async def _abort(self, uploads: Iterable[StartedUpload], cutoff: datetime, report: CleanedUp) -> None:
        """Give up what was begun long ago. It is no object, and cannot become one after that: this needs no fence."""

        async def abort(started: StartedUpload) -> None:
            if started.started > cutoff:
                report.left["young"] += 1
                return
            try:
                if not report.dry_run:
                    await self._store.abort_upload(started.upload)
            except (StoreUnavailable, CallAPerson) as error:
                report.failed("failed", 1, f"{started.upload.key}: {error}")
            else:
                report.removed["upload"] += 1

        await self._runtime.gather([abort(started) for started in uploads])

    async def _clean_checks(self, cutoff: datetime, report: CleanedUp) -> None:
        """Remove what checks of the store have left behind. One that is under way is younger, and needs it all."""
        after: str | None = None
        while True:
            page = await self._store.list_page(CHECKS, after=after)
            old = [Freed(listed.key, listed.size) for listed in page.objects if listed.modified <= cutoff]
            if len(old) < len(page.objects):
                report.left["young"] += len(page.objects) - len(old)
            await self._remove(old, report)
            after = page.next_after
            if after is None:
                return


def _kind(key: str) -> RemovedKind:
    return "check" if key.startswith(CHECKS) else "body" if stored_key(key).kind == "body" else "segment"
