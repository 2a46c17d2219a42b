"""Rules that move a pack on to a colder class: as a whole, where it is, once all its sessions are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from s3store import RestoreRequired, SessionStore
from s3store.keys import PACKS, pack_key, pack_of_key
from s3store.runtime import BlockingRuntime, run
from tests.archives import keys_of
from tests.contracts.faults import Killed

from .glacier import Glacier
from .mortal import MortalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = "idle 30d -> pack GLACIER_IR; age 365d -> DEEP_ARCHIVE; age 7y -> delete"
"""What the documentation gives as an example."""
DAY = timedelta(days=1)


class Archive:
    """An archive on a bucket with storage classes and a clock of its own."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.objects = Glacier(clock=lambda: self.now)
        self.store = SessionStore(self.objects)

    def days_pass(self, days: int) -> None:
        """Let days pass, with maintenance on the last of them and twice after that."""
        self.now += days * DAY
        for _ in range(3):
            assert self.store.maintain().failures == []
            self.now += 2 * DAY

    @property
    def packs(self) -> list[str]:
        return [name for key in keys_of(self.objects, PACKS) if (name := pack_of_key(key)) is not None]

    @property
    def classes(self) -> list[str]:
        return [run(self.objects.storage(pack_key(name))).storage_class for name in self.packs]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    made = Archive()
    monkeypatch.setattr(BlockingRuntime, "now", lambda _: made.now)
    with made.store:
        yield made


def test_a_session_goes_all_the_way(archive: Archive) -> None:
    store = archive.store
    for session_id in ("a", "b"):
        store.create(session_id, [session_id])
    assert store.retention.set(RULES)
    archive.days_pass(31)
    assert archive.classes == ["GLACIER_IR"]
    packs = archive.packs
    assert store.load("a").messages == ["a"]

    archive.days_pass(340)

    assert (archive.packs, archive.classes) == (packs, ["DEEP_ARCHIVE"])
    with pytest.raises(RestoreRequired, match="DEEP_ARCHIVE") as raised:
        store.load("a")
    assert raised.value.storage_class == "DEEP_ARCHIVE"
    assert raised.value.tiers == ("standard", "bulk")
    store.restore(["a"])
    archive.objects.thaw()
    assert [store.load(each).messages for each in ("a", "b")] == [["a"], ["b"]]
    assert store.index.verify().right

    archive.days_pass(7 * 365)

    assert not store.count()
    assert archive.packs == []


def test_a_pack_waits_for_the_youngest_of_its_sessions(archive: Archive) -> None:
    store = archive.store
    store.create("old", [1])
    archive.now += 200 * DAY
    store.create("young", [2])
    store.retention.set(RULES)
    archive.days_pass(31)
    assert archive.classes == ["GLACIER_IR"]
    archive.days_pass(150)
    assert archive.classes == ["GLACIER_IR"]
    # Who takes no part in the pack any more keeps it from nothing.
    store.unpack("young")
    assert store.retention.plan()["packs to move"] == 1
    archive.days_pass(1)
    assert archive.classes == ["DEEP_ARCHIVE"]
    assert store.load("young").messages == [2]


def test_it_goes_to_the_warmest_class_that_any_of_its_sessions_is_due_for(archive: Archive) -> None:
    store = archive.store
    store.create("one", [1], agent="one")
    store.create("other", [2], agent="other")
    store.retention.set("idle 30d -> pack")
    archive.days_pass(31)
    assert archive.classes == ["STANDARD"]
    store.retention.set("idle 60d -> DEEP_ARCHIVE", agent="one")
    archive.days_pass(61)
    assert archive.classes == ["STANDARD"]
    store.retention.set("idle 60d -> GLACIER_IR", agent="other")
    archive.days_pass(1)
    assert archive.classes == ["GLACIER_IR"]
    assert [store.load(each).messages for each in ("one", "other")] == [[1], [2]]


def test_a_dry_run_moves_nothing(archive: Archive) -> None:
    store = archive.store
    store.create("a", [1])
    store.retention.set(RULES)
    archive.days_pass(31)
    archive.now += 340 * DAY
    assert store.maintain(dry_run=True).steps["move"] == {"due": 1}
    assert archive.classes == ["GLACIER_IR"]


def test_a_small_budget_gets_through_all_packs(archive: Archive) -> None:
    store = archive.store
    for number in range(4):
        store.create(f"{number}", [number])
        assert not store.pack(idle=0).failures
    assert not store.cleanup(older_than=0).failures
    store.retention.set("age 365d -> DEEP_ARCHIVE")
    archive.now += 366 * DAY
    for _ in range(60):
        store.maintain(requests=10)
    assert archive.classes == ["DEEP_ARCHIVE"] * 4


def test_who_dies_while_moving_a_pack_is_followed_by_the_clean_up(archive: Archive) -> None:
    store = archive.store
    store.create("a", [1])
    store.retention.set(RULES)
    archive.days_pass(31)
    archive.now += 340 * DAY
    for lives in range(500):
        try:
            SessionStore(MortalStore(archive.objects, lives)).maintain()
        except Killed:
            assert not store.cleanup(older_than=0).failures
            assert archive.classes in (["GLACIER_IR"], ["DEEP_ARCHIVE"])
            if archive.classes == ["DEEP_ARCHIVE"]:
                break
    assert archive.classes == ["DEEP_ARCHIVE"]
    assert lives < 499
    store.restore(["a"])
    archive.objects.thaw()
    assert store.load("a").messages == [1]


def test_erasing_writes_a_pack_anew_in_the_class_that_it_was_moved_on_to(archive: Archive) -> None:
    store = archive.store
    store.create("gone", [1], labels={"gone"})
    store.create("stays", [2])
    store.retention.set("idle 30d -> pack; idle 60d -> GLACIER_IR")
    archive.days_pass(31)
    archive.days_pass(61)
    assert archive.classes == ["GLACIER_IR"]
    assert store.erase(labels=["gone"]).complete
    assert not store.cleanup(older_than=0).failures
    assert archive.classes == ["GLACIER_IR"]
    assert store.load("stays").messages == [2]
