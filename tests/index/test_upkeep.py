"""Compaction, verification and rebuild, as the faces offer them, on archives that were tampered with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store import CorruptObject, IndexPolicy, InvalidOption, SessionStore, UnsupportedFormat
from s3store.index.entry import microseconds, write_text
from s3store.index.manifest import read_manifest
from s3store.index.reports import Compacted, Difference
from s3store.index.sizes import FAN_IN, IndexSizes
from s3store.keys import MANIFEST, log_key, transcript_head
from s3store.objects.counting import CountingStore
from tests.index.entries import entry
from tests.small_pages import SmallPages

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

LATE_ULID = "7zzzzzzzzzzzzzzzzzzzzzzzzz"


@pytest.fixture
def store(memory: Place) -> SessionStore:
    return memory.open()


def ids(store: SessionStore, **query: Any) -> list[str]:
    return [session.id for session in store.list(**query)]


def listed_pages(place: Place) -> list[str]:
    return place.listed("index/pages/")


# --- Compaction -------------------------------------------------------------------------------------------------------


def test_a_compaction_empties_the_log_and_leaves_the_pages_that_are_named(memory: Place, store: SessionStore) -> None:
    for number in range(5):
        store.append(f"s{number}", "m")
    assert store.index.compact() == Compacted(merged=10, waiting=0, written=5, replaced=0)
    assert memory.listed("index/log/") == []
    assert len(listed_pages(memory)) == 1
    assert store.index.compact() is None
    status = store.index.status()
    assert (status.log, status.unconfirmed, status.pages, status.entries) == (0, 0, 1, 5)
    assert status.runs == {0: 1}


def test_so_many_runs_of_a_tier_become_one_of_the_next(memory: Place, store: SessionStore) -> None:
    for number in range(FAN_IN**2):
        store.append(f"s{number}", "m")
        store.index.compact()
        assert all(runs < FAN_IN for runs in store.index.status().runs.values())
    assert store.index.status().runs == {2: 1}
    assert len(listed_pages(memory)) == 1
    assert store.count() == FAN_IN**2


def test_everything_becomes_one_run_on_demand(memory: Place, store: SessionStore) -> None:
    for number in range(5):
        store.append(f"s{number}", "m")
        store.append("again", number)
        store.index.compact()
    assert store.index.status().entries == 10
    compacted = store.index.compact(everything=True)
    assert compacted is not None
    assert (compacted.written, compacted.replaced) == (6, 5)
    assert len(listed_pages(memory)) == 1
    assert store.index.compact(everything=True) is None


def test_large_runs_are_cut_into_pages(memory: Place, store: SessionStore) -> None:
    store._archive.index._sizes = IndexSizes(page_entries=3)
    for number in range(8):
        store.append(f"s{number}", "m")
    store.index.compact()
    assert len(listed_pages(memory)) == 3
    assert ids(store, order="oldest") == [f"s{number}" for number in range(8)]


def test_pages_that_a_crashed_compaction_left_are_swept(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    store.index.compact()
    memory.write("index/pages/01kah0000000000000000000zz.jsonl.zst", b"left behind")
    store.append("b", "m")
    store.index.compact()
    named = {page.key for page in read_manifest(memory.read(MANIFEST)).pages}
    assert set(listed_pages(memory)) == named
    assert ids(store) == ["b", "a"]


def test_a_session_that_was_only_announced_is_not_listed_and_stays_in_the_log(
    memory: Place, store: SessionStore
) -> None:
    announced = entry("announced", 5, provisional=True)
    memory.write(log_key(LATE_ULID, write_text(announced)), b"")
    store.append("a", "m")
    assert ids(store) == ["a"]
    assert store.index.compact() == Compacted(merged=2, waiting=1, written=1, replaced=0)
    status = store.index.status()
    assert (status.log, status.unconfirmed) == (1, 1)
    # Its creator was only slow.
    store.append("announced", "m")
    assert ids(store) == ["announced", "a"]
    store.index.compact()
    assert store.index.status().log == 0
    assert ids(store) == ["announced", "a"]


def test_a_session_whose_creator_crashed_before_it_could_confirm_is_listed(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    for key in memory.listed("index/log/")[1:]:
        memory.remove(key)
    assert ids(store) == ["a"]
    store.index.compact()
    assert store.index.status().log == 0
    assert ids(store) == ["a"]


def test_an_entry_that_arrives_late_revives_nothing(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    store.append("b", "m")
    old = memory.listed("index/log/")
    store.delete("a")
    store.index.compact()
    for key in old:
        memory.write(key, b"")
    assert ids(store) == ["b"]
    store.index.compact()
    assert ids(store) == ["b"]
    assert store.count() == 1


# --- Damage -----------------------------------------------------------------------------------------------------------


def damage_manifest(place: Place) -> None:
    place.write(MANIFEST, place.read(MANIFEST)[:-7])


def damage_page(place: Place) -> None:
    key = place.listed("index/pages/")[0]
    place.write(key, place.read(key)[:-1] + b"\0")


def lose_page(place: Place) -> None:
    place.remove(place.listed("index/pages/")[0])


def add_stray_log_key(place: Place) -> None:
    place.write("index/log/notes.txt", b"")


DAMAGE = [damage_manifest, damage_page, lose_page, add_stray_log_key]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_a_clear_error_and_can_be_made_anew(memory: Place, store: SessionStore, damage: Any) -> None:
    for number in range(5):
        store.append(f"s{number}", "m", key="k")
    store.delete("s0")
    store.index.compact()
    store.append("late", "m")
    sessions = {key: memory.read(key) for key in memory.listed("sessions/")}
    damage(memory)
    other = memory.open()
    for ask in (lambda: ids(other), other.page):
        with pytest.raises(CorruptObject, match=r"index/.*rebuild"):
            ask()
    verified = other.index.verify()
    assert not verified.right
    assert verified.damaged_index is not None
    assert "rebuild" in verified.damaged_index

    rebuilt = other.index.rebuild()
    assert (rebuilt.sessions, rebuilt.deleted, rebuilt.damaged) == (5, 1, ())
    assert ids(memory.open()) == ["late", "s4", "s3", "s2", "s1"]
    assert other.index.verify().right
    assert {key: memory.read(key) for key in memory.listed("sessions/")} == sessions
    named = {page.key for page in read_manifest(memory.read(MANIFEST)).pages}
    assert set(listed_pages(memory)) == named


@pytest.mark.parametrize("damage", DAMAGE)
def test_verify_mends_a_damaged_index(memory: Place, store: SessionStore, damage: Any) -> None:
    store.append("a", "m")
    store.index.compact()
    damage(memory)
    assert not store.index.verify(fix=True).right
    assert memory.open().index.verify().right
    assert ids(memory.open()) == ["a"]


def test_writers_go_on_beside_a_damaged_index(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    store.index.compact()
    damage_manifest(memory)
    store.append("a", "more")
    assert store.load("a").messages == ["m", "more"]
    store.delete("a")
    assert not store.exists("a")


def test_an_index_of_a_later_version_is_left_alone(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    store.index.compact()
    later = memory.read(MANIFEST).replace(b"s3store.index/1", b"s3store.index/2")
    memory.write(MANIFEST, later)
    for ask in (lambda: ids(store), store.index.rebuild, store.index.compact):
        with pytest.raises(UnsupportedFormat, match="newer"):
            ask()
    assert memory.read(MANIFEST) == later


# --- Verify and rebuild -----------------------------------------------------------------------------------------------


def test_verify_says_each_difference_and_mends_it(memory: Place, store: SessionStore) -> None:
    for name in ("right", "missing", "behind", "deleted"):
        store.append(name, "m")
    log = {key: name for name in ("right", "missing", "behind", "deleted") for key in _keys_of(memory, store, name)}
    store.append("behind", "more")
    store.delete("deleted")
    for key in memory.listed("index/log/"):
        if key not in log or log[key] == "missing":
            memory.remove(key)
    memory.write(log_key(LATE_ULID, write_text(entry("gone", 5, 3))), b"")
    other = memory.open()
    assert sorted(ids(other)) == ["behind", "deleted", "gone", "right"]

    verified = other.index.verify(fix=True)
    assert verified.sessions == 3
    assert verified.differences == (
        Difference("behind", "behind", 1, 2),
        Difference("deleted", "behind", 1, 2),
        Difference("gone", "gone", 3, None),
        Difference("missing", "missing", None, 1),
    )
    assert sorted(ids(other)) == ["behind", "missing", "right"]
    assert other.index.verify().right
    other.index.compact()
    assert sorted(ids(other)) == ["behind", "missing", "right"]


def _keys_of(place: Place, store: SessionStore, name: str) -> list[str]:
    from s3store.index.entry import Entry, read_text
    from s3store.keys import entry_of_log_key

    found = []
    for key in place.listed("index/log/"):
        read = read_text(key, entry_of_log_key(key))
        if isinstance(read, Entry) and read.id == name:
            found.append(key)
    return found


def test_an_entry_that_says_something_wrong_is_found(memory: Place, store: SessionStore) -> None:
    info = store.create("a", name="right")
    store.index.compact()
    wrong = entry("a", microseconds(info.updated_at) + 1, 2, incarnation=info.incarnation, name="wrong")
    memory.write(log_key(LATE_ULID, write_text(wrong)), b"")
    assert [session.name for session in store.list()] == ["wrong"]
    verified = store.index.verify()
    assert verified.differences == (Difference("a", "ahead", 2, 1),)
    assert verified.needs_rebuild
    memory.remove(log_key(LATE_ULID, write_text(wrong)))
    assert store.index.verify().right


def test_a_head_that_cannot_be_read_is_named_and_left_alone(memory: Place, store: SessionStore) -> None:
    store.append("a", "m")
    store.append("b", "m")
    store.index.compact()
    key = transcript_head("b")
    memory.write(key, memory.read(key)[:-1])
    verified = store.index.verify()
    assert verified.right
    assert [key in text for text in verified.damaged_heads] == [True]
    rebuilt = store.index.rebuild()
    assert rebuilt.sessions == 1
    assert [key in text for text in rebuilt.damaged] == [True]
    assert ids(memory.open()) == ["a"]


@pytest.mark.parametrize("pages", [CountingStore, SmallPages])
def test_rebuild_and_verify_say_how_far_they_are(memory: Place, pages: type[CountingStore]) -> None:
    store = SessionStore(pages(memory.objects))
    for number in range(30):
        store.append(f"s{number}", "m")
    for work in (store.index.verify, store.index.rebuild):
        told: list[tuple[int, int]] = []
        work(progress=lambda done, told=told: told.append((done.prefixes, done.sessions)))  # type: ignore[misc]
        assert told == sorted(told)
        assert told[-1] == (256, 30)


def test_a_rebuild_makes_one_run_of_any_number_of_heads(
    memory: Place, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3store.index.rebuild._HELD", 7)
    for number in range(30):
        store.append(f"s{number}", "m")
    assert store.index.rebuild().sessions == 30
    assert store.index.status().runs == {0: 1}
    named = {page.key for page in read_manifest(memory.read(MANIFEST)).pages}
    assert set(listed_pages(memory)) == named
    assert ids(store, order="oldest") == [f"s{number}" for number in range(30)]


def test_what_was_compacted_during_a_rebuild_stays(memory: Place, store: SessionStore) -> None:
    for number in range(30):
        store.append(f"s{number}", "m")
    store.index.compact()
    other = memory.open()

    def meanwhile(done: Any) -> None:
        if done.prefixes == 256:
            other.append("new", "m")
            other.append("s3", "more")
            other.index.compact()

    store.index.rebuild(progress=meanwhile)
    assert ids(memory.open())[:2] == ["s3", "new"]
    assert memory.open().count() == 31
    assert store.index.verify().right


# --- In passing -------------------------------------------------------------------------------------------------------


def test_whoever_writes_much_compacts_in_the_background(memory: Place) -> None:
    with SessionStore(memory.objects, index=IndexPolicy(compact_after=16)) as store:
        for number in range(64):
            store.append(f"s{number}", "m")
    assert len(memory.listed("index/log/")) < 64
    assert memory.open().count() == 64
    assert memory.open().index.verify().right


def test_whoever_lists_a_long_log_compacts_it(memory: Place, store: SessionStore) -> None:
    for number in range(40):
        store.append(f"s{number}", "m")
    assert listed_pages(memory) == []
    with SessionStore(memory.objects, index=IndexPolicy(compact_after=16)) as reader:
        assert len(list(reader.list())) == 40
    assert memory.listed("index/log/") == []
    assert memory.open().count() == 40


def test_a_compaction_in_the_background_that_fails_is_logged_and_fails_no_write(
    memory: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with SessionStore(memory.objects, index=IndexPolicy(compact_after=16)) as store:
        memory.write(MANIFEST, b"nonsense")
        for number in range(40):
            store.append(f"s{number}", number)
    assert "the index could not be compacted" in caplog.text
    assert [memory.open().load(f"s{number}").messages for number in range(40)] == [[number] for number in range(40)]


def test_nobody_compacts_where_it_is_switched_off(memory: Place) -> None:
    with SessionStore(memory.objects, index=IndexPolicy(compact_after=None)) as store:
        for number in range(600):
            store.append(f"s{number}", "m")
        assert len(list(store.list())) == 600
    assert listed_pages(memory) == []


@pytest.mark.parametrize("wrong", [{"publish_every": -1}, {"publish_every": float("nan")}, {"compact_after": 3}])
def test_wrong_policies_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        IndexPolicy(**wrong)
