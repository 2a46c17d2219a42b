"""A client: makes the calls of its plan, and has every answer judged at once."""

from __future__ import annotations

import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from ....changes import Append, Change, Replace, Update
from ....errors import OutcomeUnknown, S3StoreError, StoreUnavailable
from ....index.compact import Compactor, IndexChanged
from ....session import SessionCore
from .filters import draw_filter
from .judge import Asked, Judge
from .plan import CALM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....archive import Archive
    from ....model import Filters, ListOrder, SessionPage, SessionSummary
    from ..runtime import SimulatedRuntime
    from ..scheduler import Scheduler
    from .bucket import IndexBucket
    from .plan import IndexMode, IndexStep
    from .truth import Owner

_MOST_PAGES = 12
_LONG_PAUSES = 0.12
_HOUR = 3600.0


class Life(Protocol):
    """One life of a process: what dies with it."""

    runtime: SimulatedRuntime
    archive: Archive
    compactor: Compactor
    owner: Owner


class Recorder(Protocol):
    """Where a client writes down what happens."""

    def call(self, who: str, what: str) -> Call:
        """Write down that a call is made."""
        ...

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        """Write down what it was told, and what is wrong with that."""
        ...


class Call:
    """One call of a history."""

    def __init__(self, number: int, who: str, what: str) -> None:
        self.number = number
        self.who = who
        self.what = what
        self.told: str | None = None
        """What the caller was told; None if its process ended first."""
        self.unknown = False
        """Whether nobody was told what became of a write."""

    def line(self) -> str:
        """Return the call and its end on one line."""
        return f"[{self.number}] {self.who}: {self.what} -> {'…' if self.told is None else self.told}"


class IndexClient:
    """Goes through the steps of a plan, also when its process dies under it: then the next life goes on."""

    def __init__(
        self,
        who: str,
        steps: Sequence[IndexStep],
        mode: IndexMode,
        bucket: IndexBucket,
        recorder: Recorder,
        scheduler: Scheduler,
    ) -> None:
        self.who = who
        self._steps = steps
        self._mode = mode
        self._bucket = bucket
        self._truth = bucket.truth
        self._recorder = recorder
        self._scheduler = scheduler
        self._next = 0

    async def run(self, life: Life) -> None:
        """Make the calls that are left, in a process that has just started."""
        task = self._scheduler.current
        if task is None:
            raise RuntimeError("a client runs as a task of its scheduler")
        while self._next < len(self._steps):
            step = self._steps[self._next]
            self._next += 1
            task.chance = random.Random(step.seed)  # noqa: S311 - a simulation must be repeatable
            task.weather = CALM if step.calm else self._mode.weather
            pause = task.chance.expovariate(10.0)
            if self._mode.dozes and task.chance.random() < _LONG_PAUSES:
                pause += task.chance.uniform(0.0, _HOUR)
            await life.runtime.sleep(pause)
            await self._take(life, step, task.chance)

    async def _take(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        match step.kind:
            case "append" | "update" | "create" | "save":
                await self._write(life, step, chance)
            case "delete":
                await self._delete(life, step, chance)
            case "close":
                await self.close(life)
            case "list":
                await self._list(life, chance)
            case "pages":
                await self._pages(life, chance)
            case "count":
                await self._count(life, chance)
            case "running":
                await self._running(life)
            case _:
                await self._keep(life, step)

    async def _write(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        core = SessionCore(life.archive, step.session_id, bound=False)
        changes, text = _changes(step, chance)
        call = self._recorder.call(self.who, f"{step.kind} {step.session_id} {text}".rstrip())
        try:
            committed = await core.commit(changes, must_exist=step.kind == "update", must_be_new=step.kind == "create")
        except S3StoreError as error:
            await self._failed(life, step, call, error, resolves=chance.random() < 0.6)
            return
        place = self._truth.place_of(committed.info)
        if place is None:
            self._recorder.end(call, "done", [f"acknowledges version {committed.info.version}, which never was"])
            return
        self._acknowledge(life, step.session_id, place)
        self._recorder.end(call, f"version {committed.info.version}")

    async def _delete(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        core = SessionCore(life.archive, step.session_id, bound=False)
        start = len(self._truth.states(step.session_id)) - 1
        call = self._recorder.call(self.who, f"delete {step.session_id}")
        try:
            existed = await core.delete()
        except S3StoreError as error:
            await self._failed(life, step, call, error, resolves=chance.random() < 0.6)
            return
        place = self._truth.place_of_tombstone(step.session_id, start)
        if place is not None:
            self._acknowledge(life, step.session_id, place)
        wrong = ["acknowledges a delete that never was"] if place is None and (existed or start >= 0) else []
        self._recorder.end(call, f"existed: {existed}", wrong)

    async def _failed(self, life: Life, step: IndexStep, call: Call, error: S3StoreError, *, resolves: bool) -> None:
        wrong = [] if type(error).__name__ in _EXPECTED else [f"an error that nothing here can cause: {error!r}"]
        if not isinstance(error, OutcomeUnknown):
            self._recorder.end(call, type(error).__name__, wrong)
            return
        self._recorder.end(call, "unknown", unknown=True)
        commit_id = error.commit_id
        if resolves and commit_id is not None:
            await self._resolve(life, step.session_id, commit_id)

    async def _resolve(self, life: Life, session_id: str, commit_id: str) -> None:
        call = self._recorder.call(self.who, f"resolve {session_id}")
        try:
            landed = await SessionCore(life.archive, session_id, bound=False).resolve(commit_id)
        except S3StoreError as error:
            wrong = [] if type(error).__name__ in _EXPECTED else [f"an error that nothing here can cause: {error!r}"]
            self._recorder.end(call, type(error).__name__, wrong)
            return
        place = self._truth.place_of_commit(session_id, commit_id)
        wrong = [] if landed == (place is not None) else [f"is told {landed} of a commit, which is wrong"]
        if place is not None:
            self._acknowledge(life, session_id, place)
        self._recorder.end(call, str(landed), wrong)

    def _acknowledge(self, life: Life, session_id: str, place: int) -> None:
        self._truth.acknowledge(session_id, place, life.owner if self._mode.relaxed else None)

    async def close(self, life: Life) -> None:
        """Publish what waits, as a process does before it ends; then everybody must see what it was told."""
        own = self._truth.own(life.owner)
        call = self._recorder.call(self.who, "close")
        try:
            await life.archive.close()
        except StoreUnavailable:
            self._recorder.end(call, "StoreUnavailable")
            return
        for session_id, place in own.items():
            self._truth.acknowledge(session_id, place, None)
        self._recorder.end(call, "done")

    async def _list(self, life: Life, chance: random.Random) -> None:
        order: ListOrder = "newest" if chance.random() < 0.6 else "oldest"
        limit = chance.choice((None, None, 1, 2, 3))
        filters, asked = draw_filter(chance, Asked(order=order, limit=limit))
        await self.show(life, filters, asked)

    async def look(self, life: Life) -> None:
        """List everything, and judge."""
        await self.show(life, {}, Asked())

    async def show(self, life: Life, filters: Filters, asked: Asked) -> Sequence[SessionSummary] | None:
        """List, and judge; return what was shown, None if there was no answer."""
        call = self._recorder.call(self.who, f"list {asked.order} {asked.limit or 'all'} {asked.text}".rstrip())
        judge, gone = self._judge(life), self._bucket.pages_deleted
        try:
            async with aclosing(life.archive.index.listings.sessions(filters, asked.order, asked.limit)) as listing:  # type: ignore[type-var]
                shown: list[SessionSummary] = [summary async for summary in listing]
        except S3StoreError as error:
            self._no_answer(call, error)
            return None
        wrong = judge.listing(asked, shown, whole=gone == self._bucket.pages_deleted)
        self._recorder.end(call, _line(shown), wrong)
        return shown

    async def _pages(self, life: Life, chance: random.Random) -> None:
        order: ListOrder = "newest" if chance.random() < 0.6 else "oldest"
        limit = chance.choice((1, 1, 2, 3))
        filters, asked = draw_filter(chance, Asked(order=order, limit=limit))
        await self.pages(life, filters, asked)

    async def pages(self, life: Life, filters: Filters, asked: Asked) -> list[SessionSummary] | None:
        """Go through all pages; judge each, and what they make together."""
        whole = self._judge(life)
        pages: list[Sequence[SessionSummary]] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._page(life, filters, asked, cursor)
            if page is None:
                return None
            pages.append(page.sessions)
            cursor = page.cursor
            if cursor is None:
                call = self._recorder.call(self.who, "puts the pages together")
                self._recorder.end(call, f"{len(pages)} pages", whole.pages(asked, pages))
                break
            last = page.sessions[-1]
            asked = asked.behind((last.updated_at, last.id))
        return [summary for page in pages for summary in page]

    async def _page(self, life: Life, filters: Filters, asked: Asked, cursor: str | None) -> SessionPage | None:
        where = "" if asked.after is None else f"behind {asked.after[1]} "
        call = self._recorder.call(self.who, f"page {asked.order} {asked.limit} {where}{asked.text}".rstrip())
        judge = self._judge(life)
        try:
            page = await life.archive.index.listings.page(filters, asked.order, asked.limit or 1, 0, cursor)
        except S3StoreError as error:
            self._no_answer(call, error)
            return None
        # A page is handed out as a whole, so it has to be of one view.
        ends = page.cursor is None
        self._recorder.end(call, _line(page.sessions), judge.listing(asked, page.sessions, whole=True, ends=ends))
        return page

    async def _count(self, life: Life, chance: random.Random) -> None:
        filters, asked = draw_filter(chance, Asked())
        await self.count(life, filters, asked)

    async def count(self, life: Life, filters: Filters, asked: Asked) -> None:
        """Count, and judge."""
        call = self._recorder.call(self.who, f"count {asked.text}".rstrip())
        judge = self._judge(life)
        try:
            counted = await life.archive.index.listings.count(filters)
        except S3StoreError as error:
            self._no_answer(call, error)
            return
        self._recorder.end(call, str(counted), judge.count(asked, counted))

    async def _running(self, life: Life) -> None:
        call = self._recorder.call(self.who, "running")
        judge = self._judge(life)
        try:
            found = await life.archive.index.listings.running({})
        except S3StoreError as error:
            self._no_answer(call, error)
            return
        asked = Asked(takes=lambda state: state.state == "running")
        found.sort(key=lambda summary: (summary.updated_at, summary.id), reverse=True)
        self._recorder.end(call, _line(found), judge.listing(asked, found, whole=True))

    async def _keep(self, life: Life, step: IndexStep) -> None:
        call = self._recorder.call(self.who, step.kind)
        index = life.archive.index
        try:
            match step.kind:
                case "compact":
                    told: object = await life.compactor.compact()
                case "merge":
                    told = await life.compactor.compact(everything=True)
                case "sweep":
                    told = await life.compactor.sweep()
                case "rebuild":
                    told = await index.rebuild(None)
                case _:
                    told = await index.verify(None, fix=True)
        except (IndexChanged, OutcomeUnknown) as error:
            self._recorder.end(call, type(error).__name__)
        except S3StoreError as error:
            self._no_answer(call, error)
        else:
            self._recorder.end(call, str(told))

    def _judge(self, life: Life) -> Judge:
        return Judge(self._truth, self._truth.floors(life.owner))

    def _no_answer(self, call: Call, error: S3StoreError) -> None:
        """Write down an error: a call that changes no session may fail as long as the store does, in no other way."""
        expected = isinstance(error, StoreUnavailable) or type(error).__name__ == "Conflict"
        self._recorder.end(call, type(error).__name__, [] if expected else [f"damage where there is none: {error}"])


_EXPECTED = frozenset({
    "Conflict", "OutcomeUnknown", "SessionExists", "SessionNotFound", "StoreUnavailable",
})  # fmt: skip


def _changes(step: IndexStep, chance: random.Random) -> tuple[list[Change], str]:
    message = f"{step.seed}"
    fields = {
        "state": chance.choice(("running", "idle")),
        "agent": chance.choice(("x", "y", None)),
        "name": chance.choice((f"name {step.seed}", chance.randbytes(500).hex(), None, None)),
        "labels": chance.choice(({"prod"}, {"test", "prod"}, set())),
    }
    text = f"{fields['state']} {fields['agent']}"
    match step.kind:
        case "append":
            return [Append(message)], ""
        case "save":
            return [Replace([message])], ""
        case "update":
            return [Update(**fields)], text
        case _:
            return [Append(message), Update(**fields)], text


def _line(shown: Sequence[SessionSummary]) -> str:
    return "[" + " ".join(f"{summary.id}{summary.version}" for summary in shown) + "]"
