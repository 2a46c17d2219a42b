"""Going over log and pages: against a plain model, whatever was merged when, and opening only what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store.index.entry import in_order
from s3store.index.pages import write_page
from s3store.index.view import newest_of_each
from s3store.index.walk import NewestFirst, OldestFirst, Sources
from s3store.runtime import run
from tests.index.entries import entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from s3store.index.entry import Entry
    from s3store.index.pages import PageInfo

DIRECTIONS: dict[str, type[NewestFirst | OldestFirst]] = {"newest": NewestFirst, "oldest": OldestFirst}


class Shelf:
    """Pages in memory, and which of them were opened."""

    def __init__(self) -> None:
        self.pages: list[PageInfo] = []
        self.held: dict[str, list[Entry]] = {}
        self.opened: list[PageInfo] = []
        self._runs = 0

    def add_run(self, entries: Sequence[Entry], size: int) -> None:
        """Put entries, each of another session, on pages of a new run."""
        self._runs += 1
        ordered = in_order(entries)
        for at in range(0, len(ordered), size):
            part = ordered[at : at + size]
            info, _ = write_page(f"page{len(self.pages)}", f"run{self._runs}", 0, part)
            self.pages.append(info)
            self.held[info.name] = part

    async def load(self, wanted: Sequence[PageInfo]) -> list[list[Entry]]:
        self.opened += wanted
        return [self.held[info.name] for info in wanted]

    def sources(self, log: Sequence[Entry] = ()) -> Sources:
        return Sources(log, self.pages, self.load)


def walked(walk: NewestFirst | OldestFirst) -> list[Entry]:
    async def collect() -> list[Entry]:
        return [entry async for batch in walk.batches() for entry in batch]

    return run(collect())


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["change"] * 6 + ["delete", "merge the log", "merge all", "late"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


class World:
    """Sessions that change, a log, and runs of pages; and beside them what is true."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.truth: dict[str, Entry] = {}
        self.log: dict[str, Entry] = {}
        self.past: dict[str, list[Entry]] = {}
        self.shelf = Shelf()
        self.now = 0

    def apply(self, number: int, what: str, step: int) -> None:
        self.now += step
        session_id = f"s{number}"
        if what == "merge the log":
            if self.log:
                self.shelf.add_run(list(self.log.values()), self.page)
            self.log = {}
        elif what == "merge all":
            entries = newest_of_each(
                [*self.log.values(), *(each for held in self.shelf.held.values() for each in held)]
            )
            self.shelf, self.log = Shelf(), {}
            if entries:
                self.shelf.add_run(list(entries.values()), self.page)
        elif what == "late":
            # An entry of the log that comes back, or was merged and is not deleted yet.
            if session_id in self.truth and session_id not in self.log:
                self.log[session_id] = self.past[session_id][step % len(self.past[session_id])]
        else:
            self._change(session_id, deleted=what == "delete")

    def _change(self, session_id: str, *, deleted: bool) -> None:
        before = self.truth.get(session_id)
        # A version never bears the time of the one before it.
        at = self.now if before is None else max(self.now, before.at + 1)
        fields: dict[str, Any] = {"created_at": at if before is None else before.fields["created_at"]}
        if before is not None and ("renewed" in before.fields or before.deleted):
            fields["renewed"] = True
        if deleted:
            fields["deleted"] = True
        changed = entry(session_id, at, 1 if before is None else before.version + 1, **fields)
        self.truth[session_id] = self.log[session_id] = changed
        self.past.setdefault(session_id, []).append(changed)


@pytest.mark.parametrize("order", DIRECTIONS)
@given(changes=CHANGES, page=st.integers(1, 5), skip=st.integers(0, 8), bound=st.integers(0, 60))
@settings(max_examples=400)
def test_a_walk_finds_what_is_true(
    order: str, changes: list[tuple[int, str, int]], page: int, skip: int, bound: int
) -> None:
    world = World(page)
    for change in changes:
        world.apply(*change)
    expected = in_order(world.truth.values())
    if order == "newest":
        expected.reverse()
    direction = DIRECTIONS[order]
    log = list(world.log.values())

    assert walked(direction(world.shelf.sources(log), lambda _: True)) == expected
    live = [found for found in expected if not found.deleted]
    walk = direction(world.shelf.sources(log), lambda _: True, skip=skip)
    assert [found for found in walked(walk) if not found.deleted] == live[skip:]
    assert walk.skipped == min(skip, len(live))

    def wanted(info: PageInfo) -> bool:
        return info.oldest <= bound <= info.newest

    on_them = [each for info in world.shelf.pages if wanted(info) for each in world.shelf.held[info.name]]
    due = [found for found in expected if found in on_them]
    found = walked(direction(world.shelf.sources(log), wanted))
    assert [each for each in found if each in due] == due
    assert {each.id for each in found if each in on_them} == {each.id for each in due}


def test_the_newest_are_found_on_the_newest_page() -> None:
    shelf = Shelf()
    shelf.add_run([entry(f"s{at:03d}", at) for at in range(100)], 10)
    walk = NewestFirst(shelf.sources(), lambda _: True)

    async def first() -> list[Entry]:
        async for batch in walk.batches():
            return batch
        return []

    assert [found.id for found in run(first())][:3] == ["s099", "s098", "s097"]
    assert len(shelf.opened) == 1


@pytest.mark.parametrize("order", DIRECTIONS)
def test_pages_that_are_skipped_whole_are_not_opened(order: str) -> None:
    shelf = Shelf()
    shelf.add_run([entry(f"s{at:03d}", at) for at in range(100)], 10)
    walk = DIRECTIONS[order](shelf.sources([entry("late", 200)]), lambda _: True, skip=75)
    assert len(walked(walk)) == 26
    assert len(shelf.opened) == 3


def test_counting_opens_no_page_where_every_session_stands_once() -> None:
    shelf = Shelf()
    shelf.add_run([entry(f"s{at:03d}", at) for at in range(100)], 10)
    shelf.add_run([entry(f"t{at:03d}", at) for at in range(100, 150)], 10)
    walk = NewestFirst(shelf.sources([entry("late", 200), entry("gone", 201, deleted=True)]), lambda _: True, skip=9999)
    assert [found.id for found in walked(walk)] == ["gone"]
    assert walk.skipped == 151
    assert shelf.opened == []


def test_a_session_that_began_long_ago_has_the_pages_opened_that_may_hold_it_too() -> None:
    shelf = Shelf()
    shelf.add_run([entry(f"s{at:03d}", at) for at in range(100)], 10)
    log = [entry("s042", 300, 2, created_at=42)]
    walk = NewestFirst(shelf.sources(log), lambda _: True, skip=9999)
    assert walked(walk) == []
    assert walk.skipped == 100
    assert min(page.newest for page in shelf.opened) == 49


@pytest.mark.parametrize("order", DIRECTIONS)
def test_of_a_session_that_stands_in_two_runs_the_newer_entry_is_shown_in_its_place(order: str) -> None:
    shelf = Shelf()
    shelf.add_run([entry("a", 1), entry("b", 2), entry("c", 3)], 2)
    shelf.add_run([entry("a", 9, 2, created_at=1, agent="new")], 2)
    found = walked(DIRECTIONS[order](shelf.sources(), lambda _: True))
    assert [(each.id, each.version) for each in found] == (
        [("a", 2), ("c", 1), ("b", 1)] if order == "newest" else [("b", 1), ("c", 1), ("a", 2)]
    )
