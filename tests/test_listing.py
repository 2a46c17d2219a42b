"""What listings promise, on every store and with every face that it has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from s3store import InvalidOption, SessionStore, SessionSummary, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


def ids(sessions: Iterable[SessionSummary]) -> list[str]:
    return [session.id for session in sessions]


def pages(store: SessionStore, limit: int, **query: Any) -> list[str]:
    """Put the pages of a listing together, each asked for with the cursor of the one before."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = store.page(limit=limit, cursor=cursor, **query)
        assert len(page.sessions) <= limit
        found += ids(page.sessions)
        cursor = page.cursor
        if cursor is None:
            return found


# --- What is in a listing ---------------------------------------------------------------------------------------------


def test_an_empty_archive_lists_nothing(store: SessionStore) -> None:
    assert list(store.list()) == []
    assert store.page().sessions == ()
    assert store.page().cursor is None
    assert store.count() == 0
    assert store.running() == []
    assert store.stuck(0) == []


def test_a_summary_says_what_the_session_says(store: SessionStore) -> None:
    started = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store.create("parent")
    info = store.create(
        "a",
        ["one", "two"],
        name="Näme ☃",
        agent="agent",
        channel="channel",
        room="room",
        sender="sender",
        parent="parent",
        state="running",
        turn=Turn("t-1", started),
        labels=["x", "y"],
        attributes={"not": "listed"},
        active_at=started,
    )
    summary = next(store.list())
    assert summary == SessionSummary(
        "a",
        info.incarnation,
        1,
        2,
        info.size,
        info.created_at,
        info.updated_at,
        "Näme ☃",
        "agent",
        "channel",
        "room",
        "sender",
        "parent",
        "running",
        Turn("t-1", started),
        frozenset("xy"),
        "hot",
        started,
    )


def test_everybody_sees_at_once_what_was_acknowledged(place: Place, store: SessionStore) -> None:
    other = place.open()
    assert list(other.list()) == []
    store.append("a", 1)
    assert [(session.id, session.count) for session in other.list()] == [("a", 1)]
    store.append("a", 2)
    assert [(session.id, session.version, session.count) for session in other.list()] == [("a", 2, 2)]
    store.update("a", name="new")
    assert next(other.list()).name == "new"
    store.remove_last("a")
    assert next(other.list()).count == 1
    store.delete("a")
    assert list(other.list()) == []
    store.create("a", name="again")
    assert [(session.id, session.name, session.count) for session in other.list()] == [("a", "again", 0)]


def test_what_was_not_written_does_not_show(store: SessionStore) -> None:
    store.create("a", ["x"])
    with pytest.raises(Exception, match="exists already"):
        store.create("a", ["y"], name="never")
    store.delete("never was")
    assert [(session.id, session.name) for session in store.list()] == [("a", None)]


ODD_IDS = ["", "/", "..", "a/b", "a_b", "é" * 300, "x" * 600, "😀", "a\nb", "%2f", "~", " "]


def test_any_id_is_listed_as_it_is(store: SessionStore) -> None:
    for session_id in ODD_IDS:
        store.append(session_id, "m")
    assert ids(store.list(order="oldest")) == ODD_IDS
    store.index.compact()
    assert ids(store.list(order="oldest")) == ODD_IDS


def test_what_is_too_large_for_a_key_is_listed_all_the_same(place: Place, store: SessionStore) -> None:
    # Text that does not compress, so that it fits no key.
    long = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(2000))
    labels = [f"{long[at : at + 40]}" for at in range(0, 1000, 40)]
    store.create("large", ["m"], name=long, labels=labels)
    store.create("id" + long)
    store.append("large", "another")
    other = place.open()
    for _ in range(2):
        found = {session.id: session for session in other.list()}
        assert found.keys() == {"large", "id" + long}
        assert (found["large"].name, found["large"].count) == (long, 2)
        assert found["large"].labels == frozenset(labels)
        store.index.compact()
    store.delete("large")
    assert ids(other.list()) == ["id" + long]


def test_a_key_of_the_log_fits_an_archive_deep_in_a_bucket(place: Place, store: SessionStore) -> None:
    for length in range(0, 900, 30):
        store.create("i" * length, name="".join(chr(0x4E00 + number * 31 % 5000) for number in range(length)))
    assert max(len(key) for key in place.listed("index/log/")) <= 1024 - 260
    assert all(re.fullmatch(r"[0-9a-z/-]+", key) for key in place.listed("index/log/"))
    assert store.count() == 30


# --- Order, pages, cursors --------------------------------------------------------------------------------------------


def test_order_is_by_the_last_change(store: SessionStore) -> None:
    for session_id in "abc":
        store.append(session_id, 1)
    store.append("a", 2)
    assert ids(store.list()) == ["a", "c", "b"]
    assert ids(store.list(order="newest")) == ["a", "c", "b"]
    assert ids(store.list(order="oldest")) == ["b", "c", "a"]
    store.index.compact()
    store.append("b", 2)
    assert ids(store.list()) == ["b", "a", "c"]
    assert ids(store.list(order="oldest")) == ["c", "a", "b"]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_parts_of_a_list_are_slices_of_it(store: SessionStore, order: Any) -> None:
    for number in range(12):
        store.append(f"s{number}", "m")
        if number % 5 == 4:
            store.index.compact()
    store.append("s3", "again")
    store.delete("s7")
    whole = ids(store.list(order=order))
    assert sorted(whole) == sorted({f"s{number}" for number in range(12)} - {"s7"})
    for offset in (0, 1, 5, 10, 11, 40):
        for limit in (0, 1, 4, 11, 40):
            assert ids(store.list(order=order, offset=offset, limit=limit)) == whole[offset : offset + limit]
        assert ids(store.list(order=order, offset=offset)) == whole[offset:]
    for limit in (1, 2, 3, 11, 12):
        assert pages(store, limit, order=order) == whole


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_lose_and_repeat_nothing_while_others_write_and_compact(
    place: Place, store: SessionStore, order: Any
) -> None:
    still = [f"still {number}" for number in range(9)]
    for number, session_id in enumerate(still):
        store.append(session_id, "m")
        store.append(f"busy {number % 3}", number)
    other = place.open()
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = place.open().page(limit=2, cursor=cursor, order=order)
        found += ids(page.sessions)
        cursor = page.cursor
        if cursor is None or len(found) > 100:
            break
        other.append(f"busy {len(found) % 3}", "more")
        other.append(f"new {len(found)}", "m")
        if len(found) % 4:
            other.index.compact()
        if order == "oldest" and len(found) > 12:
            break
    seen = [session_id for session_id in found if session_id in still]
    assert seen == (still[::-1] if order == "newest" else still)
    if order == "newest":
        assert len(found) == len(set(found))


def test_a_list_under_way_shows_each_session_once_whatever_is_written_and_compacted(
    place: Place, store: SessionStore
) -> None:
    names = [f"s{number}" for number in range(20)]
    for name in names:
        store.append(name, "m")
    store.index.compact()
    listing = place.open().list()
    found = [next(listing).id]
    for name in names[:5]:
        store.append(name, "more")
    store.index.compact(everything=True)
    found += ids(listing)
    assert sorted(found) == sorted(names)


def test_equal_times_are_ordered_by_id(memory: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    monkeypatch.setattr("s3store.runtime.BlockingRuntime.now", lambda self: now)
    store = memory.open()
    names = [f"s{number}" for number in (3, 1, 4, 15, 9, 2, 6)]
    for name in names:
        store.create(name)
        if name == "s15":
            store.index.compact()
    assert {session.updated_at for session in store.list()} == {now}
    assert ids(store.list(order="oldest")) == sorted(names)
    assert ids(store.list()) == sorted(names, reverse=True)
    for order in ("newest", "oldest"):
        assert sorted(pages(store, 2, order=order)) == sorted(names)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": -1},
        {"offset": -1},
        {"limit": 1.5},
        {"order": "name"},
        {"cursor": "nonsense"},
        {"cursor": "é"},
        {"cursor": "WzEsMl0"},
        {"cursor": "WyJuZXdlc3QiLDEsMl0"},
        {"flavour": "sweet"},
        {"agent": 7},
        {"labels": "one"},
        {"labels": [1]},
        {"since": "yesterday"},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 - without a time zone, which is the point
        {"place": "warm"},
    ],
)
def test_wrong_arguments_are_named(memory: Place, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong)) if "flavour" not in wrong else "filter"):
        memory.open().page(**wrong)


def test_a_cursor_belongs_to_its_order(memory: Place) -> None:
    store = memory.open()
    store.append("a", 1)
    store.append("b", 1)
    cursor = store.page(limit=1).cursor
    with pytest.raises(InvalidOption, match="order"):
        store.page(order="oldest", cursor=cursor)
    assert ids(store.list(cursor=cursor)) == ["a"]


# --- Filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("merged", [False, True], ids=["log", "pages"])
def test_filters(store: SessionStore, merged: bool) -> None:  # noqa: FBT001 - given by parametrize
    store.create("one/a", agent="x", channel="c", room="r", name="Straße", labels=["p", "q"], state="idle")
    middle = store.create("one/b", agent="x", sender="s", parent="one/a", name="STRASSE 2", labels=["p"]).updated_at
    store.create("two", agent="y", state="running")
    if merged:
        store.index.compact()
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["one/a", "one/b", "two"]),
        ({"agent": "x"}, ["one/a", "one/b"]),
        ({"agent": "none"}, []),
        ({"agent": None, "channel": "c"}, ["one/a"]),
        ({"room": "r"}, ["one/a"]),
        ({"sender": "s"}, ["one/b"]),
        ({"parent": "one/a"}, ["one/b"]),
        ({"state": "running"}, ["two"]),
        ({"labels": ["p"]}, ["one/a", "one/b"]),
        ({"labels": {"p", "q"}}, ["one/a"]),
        ({"labels": []}, ["one/a", "one/b", "two"]),
        ({"id_prefix": "one/"}, ["one/a", "one/b"]),
        ({"name_prefix": "strass"}, ["one/a", "one/b"]),
        ({"since": middle}, ["one/b", "two"]),
        ({"until": middle}, ["one/a"]),
        ({"since": middle, "until": middle + timedelta(microseconds=1)}, ["one/b"]),
        ({"place": "hot"}, ["one/a", "one/b", "two"]),
        ({"place": "cold"}, []),
        ({"agent": "x", "labels": ["p"], "id_prefix": "one/b"}, ["one/b"]),
    ]
    for filters, found in expected:
        assert ids(store.list(order="oldest", **filters)) == found, filters
        assert ids(store.list(**filters)) == found[::-1], filters
        assert store.count(**filters) == len(found), filters
        assert pages(store, 1, order="oldest", **filters) == found, filters
        assert ids(store.list(offset=1, **filters)) == found[::-1][1:], filters


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_filter_meets_what_a_session_is_now(store: SessionStore, order: Any) -> None:
    """An older entry that the filter takes must not show once a newer one is not taken, in whatever page they stand."""
    for number in range(6):
        store.create(f"s{number}", agent="x", state="running")
        store.index.compact()
    store.update("s1", agent="y")
    store.update("s2", state="idle")
    store.index.compact()
    store.update("s3", agent="y", state="idle")
    store.delete("s4")
    assert sorted(ids(store.list(order=order, agent="x"))) == ["s0", "s2", "s5"]
    assert sorted(ids(store.list(order=order, agent="y"))) == ["s1", "s3"]
    assert sorted(ids(store.list(order=order, state="running"))) == ["s0", "s1", "s5"]
    assert store.count(state="running") == 3
    assert store.count() == 5


# --- Running and stuck ------------------------------------------------------------------------------------------------


def test_running_and_stuck_sessions(store: SessionStore) -> None:
    now = datetime.now(UTC)
    for seconds in (600, 100, 300):
        store.create(f"{seconds}", state="running", turn=Turn("t", now - timedelta(seconds=seconds)))
    store.create("no time", state="running", turn="t")
    store.create("no turn", state="running")
    store.create("error", state="error", turn=Turn("t", now - timedelta(days=1)))
    store.create("idle", state="idle")
    store.create("Running", state="Running")
    assert ids(store.running())[:3] == ["100", "300", "600"]
    assert sorted(ids(store.running())[3:]) == ["no time", "no turn"]
    assert ids(store.stuck(200)) == ["600", "300"]
    assert ids(store.stuck(0)) == ["600", "300", "100"]
    assert ids(store.stuck(900)) == []
    store.update("600", state="idle")
    store.index.compact()
    assert ids(store.stuck(200)) == ["300"]


def test_stuck_means_longer_than_that(memory: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    monkeypatch.setattr("s3store.runtime.BlockingRuntime.now", lambda self: now)
    store = memory.open()
    store.create("a", state="running", turn=Turn("t", now - timedelta(seconds=60)))
    assert ids(store.stuck(60)) == []
    assert ids(store.stuck(59.999999)) == ["a"]
    for wrong in (-1, float("nan")):
        with pytest.raises(InvalidOption):
            store.stuck(wrong)
