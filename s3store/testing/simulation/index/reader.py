"""Who lists, in every way that there is, and has each answer judged at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import S3StoreError
from .calls import end_without_answer
from .filters import draw_filter
from .judge import Asked, Judge

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ....model import Filters, ListOrder, SessionPage, SessionSummary
    from .bucket import IndexBucket
    from .calls import Life, Recorder

_MOST_PAGES = 12


class Reader:
    """Lists for one client."""

    def __init__(self, who: str, bucket: IndexBucket, recorder: Recorder) -> None:
        self._who = who
        self._bucket = bucket
        self._truth = bucket.truth
        self._recorder = recorder

    async def draw_list(self, life: Life, chance: random.Random) -> None:
        """List a part that is drawn, and judge."""
        order: ListOrder = "newest" if chance.random() < 0.6 else "oldest"
        limit = chance.choice((None, None, 1, 2, 3))
        filters, asked = draw_filter(chance, Asked(order=order, limit=limit))
        await self.show(life, filters, asked)

    async def look(self, life: Life) -> None:
        """List everything, and judge."""
        await self.show(life, {}, Asked())

    async def show(self, life: Life, filters: Filters, asked: Asked) -> Sequence[SessionSummary] | None:
        """List, and judge; return what was shown, None if there was no answer."""
        call = self._recorder.call(self._who, f"list {asked.order} {asked.limit or 'all'} {asked.text}".rstrip())
        judge, gone = self._judge(life), self._bucket.pages_deleted
        try:
            listing = life.archive.index.listings.sessions(filters, asked.order, asked.limit)
            shown = [summary async for summary in listing]
        except S3StoreError as error:
            end_without_answer(self._recorder, call, error)
            return None
        wrong = judge.listing(asked, shown, whole=gone == self._bucket.pages_deleted)
        self._recorder.end(call, _line(shown), wrong)
        return shown

    async def draw_pages(self, life: Life, chance: random.Random) -> None:
        """Go through pages that are drawn."""
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
                call = self._recorder.call(self._who, "puts the pages together")
                self._recorder.end(call, f"{len(pages)} pages", whole.pages(asked, pages))
                break
            last = page.sessions[-1]
            asked = asked.behind((last.updated_at, last.id))
        return [summary for page in pages for summary in page]

    async def _page(self, life: Life, filters: Filters, asked: Asked, cursor: str | None) -> SessionPage | None:
        where = "" if asked.after is None else f"behind {asked.after[1]} "
        call = self._recorder.call(self._who, f"page {asked.order} {asked.limit} {where}{asked.text}".rstrip())
        judge = self._judge(life)
        try:
            page = await life.archive.index.listings.page(filters, asked.order, asked.limit or 1, 0, cursor)
        except S3StoreError as error:
            end_without_answer(self._recorder, call, error)
            return None
        # A page is handed out as a whole, so it has to be of one view.
        ends = page.cursor is None
        self._recorder.end(call, _line(page.sessions), judge.listing(asked, page.sessions, whole=True, ends=ends))
        return page

    async def draw_count(self, life: Life, chance: random.Random) -> None:
        """Count by a filter that is drawn."""
        filters, asked = draw_filter(chance, Asked())
        await self.count(life, filters, asked)

    async def count(self, life: Life, filters: Filters, asked: Asked) -> None:
        """Count, and judge."""
        call = self._recorder.call(self._who, f"count {asked.text}".rstrip())
        judge = self._judge(life)
        try:
            counted = await life.archive.index.listings.count(filters)
        except S3StoreError as error:
            end_without_answer(self._recorder, call, error)
            return
        self._recorder.end(call, str(counted), judge.count(asked, counted))

    async def running(self, life: Life) -> None:
        """List what is running, and judge."""
        call = self._recorder.call(self._who, "running")
        judge = self._judge(life)
        try:
            found = await life.archive.index.listings.running({})
        except S3StoreError as error:
            end_without_answer(self._recorder, call, error)
            return
        asked = Asked(takes=lambda state: state.state == "running")
        found.sort(key=lambda summary: (summary.updated_at, summary.id), reverse=True)
        self._recorder.end(call, _line(found), judge.listing(asked, found, whole=True))

    def _judge(self, life: Life) -> Judge:
        return Judge(self._truth, self._truth.floors(life.owner))


def _line(shown: Sequence[SessionSummary]) -> str:
    return "[" + " ".join(f"{summary.id}{summary.version}" for summary in shown) + "]"
