"""What a session store promises, on every store and with every face that it has."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    Append,
    Clear,
    Conflict,
    Derive,
    Extend,
    InvalidOption,
    InvalidRecord,
    MarkActive,
    OutcomeUnknown,
    RemoveLast,
    Replace,
    ReplaceLast,
    Session,
    SessionDeleted,
    SessionExists,
    SessionNotFound,
    SessionStore,
    Turn,
    UnsupportedFormat,
    Update,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store import Metadata
    from s3store.jsontext import JsonValue
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ABSENT_ULID = "01kah0000000000000000000aa"


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


# --- Create, load, info -----------------------------------------------------------------------------------------------


def test_a_session_is_there_for_everybody_once_it_is_created(place: Place, store: SessionStore) -> None:
    before = datetime.now(UTC)
    info = store.create("a", ["one", {"two": 2}], keys=["k1", None], name="n", labels=["x", "y"])
    assert (info.id, info.count) == ("a", 2)
    assert (info.metadata.name, info.metadata.labels) == ("n", frozenset("xy"))
    assert before <= info.created_at <= info.updated_at <= datetime.now(UTC)
    assert info.created_at.tzinfo is UTC

    other = place.open()
    transcript = other.load("a")
    assert transcript.info == info == other.info("a")
    assert transcript.messages == ["one", {"two": 2}]
    assert [(record.seq, record.key) for record in transcript.records] == [(0, "k1"), (1, None)]
    assert {record.at for record in transcript.records} == {info.updated_at}
    assert len({record.commit for record in transcript.records}) == 1
    assert other.exists("a")


def test_a_session_of_no_messages_is_a_session(store: SessionStore) -> None:
    store.create("a")
    assert store.load("a").messages == []
    assert store.last("a", 5) == []
    assert list(store.records("a")) == []
    assert store.remove_last("a") is None
    assert store.replace_last("a", "x") is False
    assert store.clear("a") == 0
    assert store.info("a").count == 0
    assert store.exists("a")


def test_create_over_a_session_is_refused_and_over_a_deleted_one_is_not(place: Place, store: SessionStore) -> None:
    first = store.create("a", ["old"], name="old")
    for client in (store, place.open()):
        with pytest.raises(SessionExists, match="'a'"):
            client.create("a", ["new"])
    assert store.load("a").messages == ["old"]
    store.delete("a")
    second = place.open().create("a", ["new"])
    assert second.incarnation > first.incarnation
    assert second.version > first.version
    assert second.created_at > first.created_at
    assert second.metadata.name is None
    assert store.load("a").messages == ["new"]


ABSENT: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("a"),
    "info": lambda store: store.info("a"),
    "last": lambda store: store.last("a", 1),
    "records": lambda store: list(store.records("a")),
    "replace_last": lambda store: store.replace_last("a", "x"),
    "remove_last": lambda store: store.remove_last("a"),
    "clear": lambda store: store.clear("a"),
    "update": lambda store: store.update("a", name="x"),
    "append-must-exist": lambda store: store.append("a", "x", must_exist=True),
    "extend-must-exist": lambda store: store.extend("a", ["x"], must_exist=True),
    "commit-must-exist": lambda store: store.commit("a", Append("x"), must_exist=True),
}


@pytest.mark.parametrize("call", ABSENT)
def test_a_session_that_is_not_there_is_not_found(store: SessionStore, call: str) -> None:
    with pytest.raises(SessionNotFound, match="'a'"):
        ABSENT[call](store)
    assert not store.exists("a")
    store.create("a", ["x"])
    store.delete("a")
    with pytest.raises(SessionNotFound, match="'a'"):
        ABSENT[call](store)
    assert not store.exists("a")


# --- Append, extend, save ---------------------------------------------------------------------------------------------


def test_appends_of_several_clients_are_all_there_in_one_order(place: Place) -> None:
    clients = [place.open() for _ in range(3)]
    for number in range(9):
        info = clients[number % 3].append("a", number)
        assert info.count == number + 1
    assert [client.load("a").messages for client in clients] == [list(range(9))] * 3


def test_times_and_version_grow_with_each_commit(store: SessionStore) -> None:
    infos = [
        store.append("a", 1),
        store.append("a", 2),
        store.update("a", name="n"),
        store.save("a", [1]),
        store.save("a", [1]),
    ]
    assert [info.version for info in infos] == [1, 2, 3, 4, 5]
    for before, after in itertools.pairwise(infos):
        assert before.updated_at < after.updated_at
    assert len({info.created_at for info in infos}) == 1
    assert len({info.incarnation for info in infos}) == 1
    first, _ = store.extend("a", [3]).count, store.load("a").records
    assert first == 2


@pytest.mark.parametrize("step", [timedelta(0), timedelta(days=-1)], ids=["stands-still", "goes-back"])
def test_times_grow_also_where_a_clock_does_not(
    memory: Place, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    store = memory.open()
    infos = [store.append("a", 0)]
    for number in range(1, 4):
        moment = infos[0].updated_at + number * step
        monkeypatch.setattr("s3store.runtime.BlockingRuntime.now", lambda self, moment=moment: moment)
        infos.append(memory.open().append("a", number))
    for before, after in itertools.pairwise(infos):
        assert before.updated_at < after.updated_at
    assert [record.at for record in store.load("a").records] == [info.updated_at for info in infos]


def test_what_changes_nothing_writes_nothing(store: SessionStore) -> None:
    store.create("a", ["one"], keys=["k"], name="n")
    before = store.info("a")
    store.extend("a", [])
    store.append("a", "again", key="k")
    store.update("a", name="n")
    assert store.commit("a", Update(name="n"), Append("again", key="k")).commit_id is None
    assert store.info("a") == before


def test_save_replaces_all_and_keeps_what_has_not_changed(place: Place, store: SessionStore) -> None:
    created = store.create("a", ["one", "two", "three"], keys=["k1", "k2", "k3"], name="n", agent="x")
    old = store.load("a").records
    saved = place.open().save("a", ["one", "two", "drei", "vier"], keys=[None, None, None, "k4"], agent="y")
    new = store.load("a").records
    assert [record.message for record in new] == ["one", "two", "drei", "vier"]
    assert new[:2] == old[:2]
    assert [record.key for record in new] == ["k1", "k2", None, "k4"]
    assert new[2].at > old[2].at
    assert (saved.created_at, saved.incarnation) == (created.created_at, created.incarnation)
    assert (saved.metadata.name, saved.metadata.agent) == ("n", "y")
    assert (saved.count, saved.version) == (4, 2)
    assert store.save("b", ["new"]).version == 1
    assert store.save("a", []).count == 0
    assert store.load("a").messages == []


@pytest.mark.parametrize("expected", [1, 3, 99, 0])
def test_another_version_than_the_expected_is_a_conflict(place: Place, store: SessionStore, expected: int) -> None:
    store.create("a", ["one"])
    store.append("a", "two")
    calls: list[Callable[[SessionStore], object]] = [
        lambda store: store.append("a", "x", expected_version=expected),
        lambda store: store.extend("a", ["x"], expected_version=expected),
        lambda store: store.save("a", ["x"], expected_version=expected),
        lambda store: store.update("a", name="x", expected_version=expected),
        lambda store: store.commit("a", Append("x"), expected_version=expected),
    ]
    for call in calls:
        for client in (store, place.open()):
            with pytest.raises(Conflict, match=r"'a'.*version 2"):
                call(client)
    assert store.load("a").messages == ["one", "two"]
    assert store.info("a").version == 2


def test_the_expected_version_is_built_on(place: Place, store: SessionStore) -> None:
    other = place.open()
    info = store.append("a", 1, expected_version=0)
    info = other.append("a", 2, expected_version=info.version)
    info = store.extend("a", [3], expected_version=info.version)
    info = other.update("a", name="n", expected_version=info.version)
    info = store.save("a", [1, 2, 4], expected_version=info.version)
    info = other.commit("a", Append(5), expected_version=info.version).info
    assert store.load("a").messages == [1, 2, 4, 5]
    store.delete("a")
    assert other.save("a", ["anew"], expected_version=0).count == 1


@pytest.mark.parametrize("expected", [-1, True, "1", 1.0])
def test_an_expected_version_that_is_none_is_refused(store: SessionStore, expected: Any) -> None:
    with pytest.raises(InvalidOption):
        store.append("a", 1, expected_version=expected)
    with pytest.raises(InvalidOption):
        store.save("a", [1], expected_version=expected)
    assert not store.exists("a")


@pytest.mark.parametrize("messages", ["text", b"raw", {"role": "user"}])
def test_one_message_in_the_place_of_a_list_is_refused(store: SessionStore, messages: Any) -> None:
    for call in (store.extend, store.save, store.create):
        with pytest.raises(InvalidOption):
            call("a", messages)
    assert not store.exists("a")


def test_messages_may_come_from_an_iterator(store: SessionStore) -> None:
    store.extend("a", (number for number in range(3)), keys=iter(["a", None, "c"]))
    store.save("b", iter([1]))
    assert store.load("a").messages == [0, 1, 2]
    assert store.load("b").messages == [1]


def test_another_number_of_keys_than_of_messages_is_refused(store: SessionStore) -> None:
    for keys in ([], ["k"], ["k"] * 3):
        with pytest.raises(InvalidOption):
            store.extend("a", [1, 2], keys=keys)


# --- Changes of what is there -----------------------------------------------------------------------------------------


def test_replace_last_keeps_time_and_key(place: Place, store: SessionStore) -> None:
    store.extend("a", ["one", "two"], keys=["k1", "k2"])
    old = store.load("a").records
    assert place.open().replace_last("a", "zwei") is True
    new = store.load("a").records
    assert new[0] == old[0]
    assert (new[1].message, new[1].at, new[1].key, new[1].seq) == ("zwei", old[1].at, "k2", 1)
    assert new[1].commit != old[1].commit
    store.append("a", "again", key="k2")
    assert store.info("a").count == 2


@pytest.mark.usefixtures("small_parts")
def test_records_are_taken_away_one_by_one_across_all_segments(place: Place) -> None:
    store = place.open()
    for number in range(7):
        store.append("a", number, key=f"k{number}")
    assert len(place.listed("sessions/")) > 3
    for number in reversed(range(7)):
        removed = store.remove_last("a")
        assert removed is not None
        assert (removed.message, removed.key, removed.seq) == (number, f"k{number}", number)
        assert place.open().load("a").messages == list(range(number))
    assert store.remove_last("a") is None
    assert len(place.listed("sessions/")) == 1


@pytest.mark.usefixtures("small_parts")
def test_the_last_record_is_replaced_also_when_it_is_sealed(place: Place) -> None:
    store = place.open()
    for number in range(5):
        store.append("a", number, key=f"k{number}")
    store.remove_last("a")
    assert store.replace_last("a", "three")
    assert place.open().load("a").messages == [0, 1, 2, "three"]
    assert store.load("a").records[3].key == "k3"


@pytest.mark.usefixtures("small_parts")
def test_clear_takes_all_records_and_keeps_the_session(place: Place) -> None:
    store = place.open()
    store.create("a", name="n")
    for number in range(5):
        store.append("a", number, key=f"k{number}")
    created = store.info("a").created_at
    assert place.open().clear("a") == 5
    info = store.info("a")
    assert (info.count, info.metadata.name, info.created_at) == (0, "n", created)
    assert len(place.listed("sessions/")) == 1
    assert store.append("a", "again", key="k1").count == 1


METADATA: dict[str, tuple[Any, Any]] = {
    "name": ("weather", "weather"),
    "agent": ("a/b", "a/b"),
    "channel": ("", ""),
    "room": ("😀", "😀"),
    "sender": ("\x00\n", "\x00\n"),
    "parent": ("../x", "../x"),
    "state": ("running", "running"),
    "turn": ("t-1", Turn("t-1")),
    "active_at": (datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)),
    "labels": (["b", "a", "b"], frozenset("ab")),
    "attributes": (
        {"b": 2**64 - 1, "a": [-(2**63), 1.5, None, True], "": {"c": "ü"}},
        {"b": 2**64 - 1, "a": [-(2**63), 1.5, None, True], "": {"c": "ü"}},
    ),
}
EMPTY: dict[str, Any] = {"labels": frozenset(), "attributes": {}}


@pytest.mark.parametrize("field", METADATA)
def test_each_field_of_the_metadata_is_set_kept_and_taken_away(place: Place, store: SessionStore, field: str) -> None:
    value, stored = METADATA[field]
    rest = {"agent": "kept"} if field != "agent" else {"name": "kept"}
    store.create("a", ["one"], **rest)
    info = store.update("a", **{field: value})
    assert getattr(info.metadata, field) == stored
    assert place.open().info("a").metadata == info.metadata
    store.append("a", "two")
    assert store.info("a").metadata == info.metadata
    gone = store.update("a", **{field: EMPTY.get(field)})
    assert getattr(gone.metadata, field) == EMPTY.get(field)
    assert place.open().info("a").metadata == gone.metadata
    assert "kept" in {gone.metadata.agent, gone.metadata.name}


def test_the_start_of_a_turn_is_kept_as_a_moment(place: Place, store: SessionStore) -> None:
    start = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    store.create("a", turn=Turn("t", start))
    turn = place.open().info("a").metadata.turn
    assert turn is not None
    assert turn.started_at == start


def test_a_turn_need_not_have_an_id(place: Place, store: SessionStore) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    store.create("a", turn=Turn(started_at=start))
    assert place.open().info("a").metadata.turn == Turn(None, start)
    assert [session.turn for session in place.open().list()] == [Turn(None, start)]
    assert store.update("a", turn=Turn()).metadata.turn is None


def test_a_commit_is_marked_as_activity_if_it_did_something(store: SessionStore) -> None:
    created = store.commit("a", Append("one"), MarkActive()).info
    assert created.metadata.active_at == created.updated_at == created.created_at
    named = store.update("a", name="x")
    assert named.metadata.active_at == created.created_at < named.updated_at
    replaced = store.commit("a", ReplaceLast("two"), MarkActive())
    assert replaced.info.metadata.active_at == replaced.info.updated_at > named.updated_at
    store.clear("a")
    for nothing in (ReplaceLast("three"), RemoveLast(), Clear(), Update(name="x")):
        done = store.commit("a", nothing, MarkActive())
        assert done.commit_id is None
        assert done.info.metadata.active_at == replaced.info.updated_at
    assert next(store.list()).active_at == replaced.info.updated_at


@pytest.mark.usefixtures("small_parts")
def test_metadata_is_derived_from_what_a_commit_adds(place: Place) -> None:
    seen: list[list[JsonValue]] = []

    def note(metadata: Metadata, added: list[JsonValue]) -> dict[str, JsonValue]:
        seen.append(added)
        return {"name": f"{metadata.name or ''}{''.join(map(str, added))}"}

    store, other = place.open(), place.open()
    store.commit("a", Extend(["a", "b"], keys=["k-1", "k-2"]), Derive(note))
    other.commit("a", Extend(["b", "c"], keys=["k-2", "k-3"]), Derive(note))
    assert store.commit("a", Append("a", key="k-1"), Derive(note)).commit_id is None
    store.commit("a", Append("d"), Derive(note), Append("e"))
    assert store.info("a").metadata.name == "abcd"
    assert seen[0] == ["a", "b"]
    assert ["c"] in seen
    with pytest.raises(InvalidOption, match="no field"):
        store.commit("a", Append("f"), Derive(lambda _metadata, _added: {"colour": "red"}))
    assert store.load("a").messages == ["a", "b", "c", "d", "e"]


@pytest.mark.usefixtures("small_parts")
def test_a_record_is_replaced_only_as_long_as_it_is_the_last(store: SessionStore) -> None:
    store.append("a", "one")
    store.append("a", "two")
    first, second = store.last("a", 2)
    assert store.commit("a", ReplaceLast("zwei", instead_of=second)).removed == (second,)
    assert store.commit("a", ReplaceLast("deux", instead_of=second)).removed != ()
    assert store.commit("a", ReplaceLast("eins", instead_of=first)).commit_id is None
    assert store.load("a").messages == ["one", "deux"]
    store.remove_last("a")
    store.append("a", "another")
    assert store.commit("a", ReplaceLast("dos", instead_of=second)).removed == ()
    done = store.commit("a", ReplaceLast("dos", instead_of=second), Append("three"))
    assert (done.removed, store.load("a").messages) == ((), ["one", "another", "three"])
    store.clear("a")
    assert store.commit("a", ReplaceLast("x", instead_of=second)).commit_id is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"nam": "x"},
        {"id": "x"},
        {"created_at": None},
        {"name": 5},
        {"state": b"raw"},
        {"agent": "\ud800"},
        {"turn": 5},
        {"turn": Turn("t", datetime(2026, 1, 1))},  # noqa: DTZ001 - without a zone on purpose
        {"turn": Turn(5)},  # type: ignore[arg-type]
        {"active_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - as above
        {"active_at": "2026-01-01T00:00:00Z"},
        {"labels": "ab"},
        {"labels": {"a": 1}},
        {"labels": None},
        {"labels": [1]},
        {"labels": ["\ud800"]},
        {"attributes": [1]},
        {"attributes": None},
        {"attributes": {1: 2}},
        {"attributes": {"a": {1}}},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"a": [2**64]}},
        {"attributes": {"a": -(2**63) - 1}},
        {"attributes": {"\ud800": 1}},
        {"attributes": {"a": ["\udfff"]}},
    ],
    ids=lambda wrong: ",".join(f"{name}={value!r:.20}" for name, value in wrong.items()),
)
def test_a_wrong_field_is_refused_before_anything_is_written(memory: Place, wrong: dict[str, Any]) -> None:
    store = memory.open()
    calls: list[Callable[[], object]] = [
        lambda: store.create("a", ["x"], **wrong),
        lambda: store.save("a", ["x"], **wrong),
        lambda: store.update("a", **wrong),
        lambda: store.session("a").update(**wrong),
        lambda: Update(**wrong),
    ]
    for call in calls:
        with pytest.raises((InvalidOption, TypeError) if "id" in wrong else InvalidOption):
            call()
    assert memory.listed() == []


# --- Idempotency keys -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_parts")
def test_a_key_is_stored_once_by_whomever_and_whenever(place: Place) -> None:
    store = place.open()
    store.extend("a", [1, "repeat", 2, 3], keys=["k1", "k1", "k2", None])
    for number in range(4, 9):
        place.open().append("a", number, key=f"k{number}")
    for client in (store, place.open()):
        for key in ("k1", "k2", "k4", "k6", "k8"):
            before = client.info("a")
            assert client.append("a", "repeat", key=key) == before
        done = client.commit("a", Extend(["repeat", "repeat"], keys=["k5", "k1"]))
        assert (done.appended, done.commit_id) == (0, None)
    assert store.load("a").messages == [1, 2, 3, *range(4, 9)]
    done = store.commit("a", Extend(["repeat", "new"], keys=["k5", "k9"]))
    assert done.appended == 1
    assert store.last("a", 1)[0].key == "k9"


@pytest.mark.usefixtures("small_parts")
def test_a_key_is_known_also_when_the_head_has_no_room_for_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3store.streams.draft.MAX_DIGESTS", 2)
    store = place.open()
    for number in range(6):
        store.append("a", number, key=f"k{number}")
    for number in range(6):
        assert place.open().append("a", "repeat", key=f"k{number}").count == 6
    assert place.open().append("a", "new", key="k6").count == 7


@pytest.mark.usefixtures("small_parts")
def test_the_key_of_a_record_that_is_gone_may_be_stored_again(place: Place) -> None:
    store = place.open()
    for number in range(3):
        store.append("a", number, key=f"k{number}")
    store.remove_last("a")
    assert store.append("a", "again", key="k2").count == 3
    store.save("a", [0, 1])
    assert store.append("a", "and again", key="k2").count == 3
    store.clear("a")
    assert store.extend("a", ["anew"] * 3, keys=["k0", "k1", "k2"]).count == 3
    store.delete("a")
    assert place.open().append("a", "another life", key="k0").count == 1


# --- Several changes in one commit ------------------------------------------------------------------------------------


def test_several_changes_are_made_in_their_order_in_one_commit(place: Place, store: SessionStore) -> None:
    store.create("a", [1, 2, 3])
    done = store.commit(
        "a",
        RemoveLast(),
        ReplaceLast("two"),
        Append("x", key="k"),
        Append("x", key="k"),
        Extend(["y", "z"]),
        Update(state="running", turn=Turn("t")),
        RemoveLast(),
    )
    assert done.info.version == 2
    assert [record.message for record in done.removed] == [3, 2, "z"]
    assert (done.appended, done.cleared) == (3, 0)
    assert place.open().load("a").messages == [1, "two", "x", "y"]
    assert done.info.metadata.state == "running"
    done = store.commit("a", Clear(), Append("anew"))
    assert (done.cleared, done.appended) == (4, 1)
    done = store.commit("a", Replace(["p", "q"]), Append("r"))
    assert done.cleared == 1
    assert place.open().load("a").messages == ["p", "q", "r"]


def test_of_several_changes_all_are_made_or_none(store: SessionStore) -> None:
    store.create("a", [1])
    before = store.info("a")
    with pytest.raises(InvalidOption):
        store.commit("a", Append(2), "no change")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption):
        store.commit("a")
    with pytest.raises(Conflict):
        store.commit("a", Append(2), Update(name="n"), expected_version=7)
    assert store.info("a") == before


# --- Reading parts ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_parts")
def test_the_last_records_and_those_from_a_number_on_are_read_across_segments(place: Place) -> None:
    store = place.open()
    for number in range(10):
        store.append("a", number)
    whole = store.load("a").records
    for number in range(12):
        assert store.last("a", number) == list(whole[max(0, 10 - number) :])
        assert list(store.records("a", start=number)) == list(whole[number:])
    for wrong in (-1, -10):
        with pytest.raises(InvalidOption):
            store.last("a", wrong)
        with pytest.raises(InvalidOption):
            list(store.records("a", start=wrong))


@pytest.mark.usefixtures("small_parts")
def test_a_transcript_that_is_replaced_under_its_reader_is_never_mixed(place: Place) -> None:
    store = place.open()
    for number in range(20):
        store.append("a", number)
    reader = iter(store.records("a"))
    assert next(reader).message == 0
    place.open().save("a", ["other"] * 30)
    with pytest.raises(Conflict, match="'a'"):
        list(reader)
    assert store.load("a").messages == ["other"] * 30


def test_a_reader_that_stops_early_leaves_nothing_behind(store: SessionStore) -> None:
    store.extend("a", [1, 2, 3])
    for record in store.records("a"):
        assert record.message == 1
        break
    assert store.append("a", 4).count == 4


def test_scan_gives_every_session_once(place: Place, store: SessionStore) -> None:
    assert list(store.scan()) == []
    for number in range(20):
        store.create(f"s{number}", ["x"] * number, name=f"n{number}")
    store.delete("s3")
    store.delete("never was")
    found = {info.id: info for info in place.open().scan()}
    assert found == {f"s{number}": store.info(f"s{number}") for number in range(20) if number != 3}


# --- Delete and handles -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_parts")
def test_a_deleted_session_leaves_nothing_of_its_content(place: Place) -> None:
    store = place.open()
    for number in range(5):
        store.append("a", f"secret {number}", key=f"key {number}")
    store.update("a", name="hidden")
    assert store.delete("a") is True
    assert store.delete("a") is False
    assert place.open().delete("a") is False
    (tombstone,) = place.listed("sessions/")
    for word in (b"secret", b"hidden", b"key 0"):
        assert word not in place.read(tombstone)


def test_deleting_what_never_was_writes_nothing(place: Place, store: SessionStore) -> None:
    assert store.delete("a") is False
    assert place.listed("sessions/") == []


CALLS: dict[str, Callable[[Session], object]] = {
    "create": lambda session: session.create(["x"]),
    "save": lambda session: session.save(["x"]),
    "append": lambda session: session.append("x"),
    "extend": lambda session: session.extend(["x"]),
    "replace_last": lambda session: session.replace_last("x"),
    "remove_last": lambda session: session.remove_last(),
    "clear": lambda session: session.clear(),
    "update": lambda session: session.update(name="x"),
    "commit": lambda session: session.commit(Append("x")),
    "delete": lambda session: session.delete(),
    "exists": lambda session: session.exists(),
    "info": lambda session: session.info(),
    "load": lambda session: session.load(),
    "last": lambda session: session.last(1),
    "records": lambda session: list(session.records()),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("revived", [False, True], ids=["deleted", "created-anew"])
def test_a_handle_of_a_deleted_session_raises_and_revives_nothing(memory: Place, call: str, revived: bool) -> None:  # noqa: FBT001
    store = memory.open()
    store.create("a", ["old"])
    handle = memory.open().session("a")
    assert handle.load().messages == ["old"]
    store.delete("a")
    if revived:
        store.create("a", ["new"])
    before = memory.listed()
    with pytest.raises(SessionDeleted, match="'a'"):
        CALLS[call](handle)
    assert memory.listed() == before
    assert store.exists("a") == revived
    if revived:
        assert store.load("a").messages == ["new"]


@pytest.mark.parametrize("call", [call for call in CALLS if call != "create"])
def test_a_handle_belongs_to_the_session_that_it_meets_first(memory: Place, call: str) -> None:
    store = memory.open()
    store.create("a", ["old"])
    handle = memory.open().session("a")
    CALLS[call](handle)
    store.delete("a")
    store.create("a", ["new"])
    with pytest.raises(SessionDeleted):
        handle.append("x")
    assert store.load("a").messages == ["new"]


def test_a_handle_does_what_the_store_does(place: Place, store: SessionStore) -> None:
    handle = place.open().session("a")
    assert handle.id == "a"
    assert handle.exists() is False
    with pytest.raises(SessionNotFound):
        handle.load()
    assert handle.create(["one"], keys=["k1"], name="n").version == 1
    with pytest.raises(SessionExists):
        handle.create()
    handle.append("two", key="k2")
    store.append("a", "three")
    assert handle.extend(["four", "again"], keys=["k4", "k2"]).count == 4
    assert handle.replace_last("vier") is True
    removed = handle.remove_last()
    assert removed is not None
    assert removed.message == "vier"
    assert handle.update(state="idle").metadata.state == "idle"
    assert [record.message for record in handle.last(2)] == ["two", "three"]
    assert [record.message for record in handle.records(start=1)] == ["two", "three"]
    assert handle.load() == store.load("a")
    assert handle.info() == store.info("a")
    assert handle.commit(Append("x")).appended == 1
    assert handle.save(["all"], expected_version=handle.info().version).count == 1
    with pytest.raises(Conflict):
        handle.append("x", expected_version=1)
    assert handle.clear() == 1
    assert handle.resolve(ABSENT_ULID) is False
    assert handle.delete() is True
    assert store.exists("a") is False


# --- Resolve ----------------------------------------------------------------------------------------------------------


def test_resolve_tells_what_has_landed_and_shuts_out_what_has_not(place: Place, store: SessionStore) -> None:
    landed = store.commit("a", Append("x")).commit_id
    assert landed is not None
    for client in (store, place.open()):
        assert client.resolve("a", landed) is True
        assert client.resolve("a", ABSENT_ULID) is False
        assert client.resolve("never was", ABSENT_ULID) is False
    assert store.load("a").messages == ["x"]
    assert not store.exists("never was")
    assert store.append("never was", "after all").count == 1


def test_resolve_finds_a_commit_that_left_the_history_by_its_records(memory: Place) -> None:
    store = memory.open()
    landed = store.commit("a", Append("x")).commit_id
    renamed = store.commit("a", Update(name="n")).commit_id
    assert landed is not None
    assert renamed is not None
    for number in range(70):
        store.append("a", number)
    assert store.resolve("a", landed) is True
    with pytest.raises(OutcomeUnknown) as caught:
        store.resolve("a", renamed)
    assert (caught.value.session_id, caught.value.commit_id) == ("a", renamed)


# --- The archive itself -----------------------------------------------------------------------------------------------


def test_an_archive_of_a_later_format_is_not_written_to(memory: Place) -> None:
    memory.open().append("a", "x")
    memory.write("archive.json", memory.read("archive.json").replace(b"s3store.archive/1", b"s3store.archive/2"))
    store = memory.open()
    for call in (lambda: store.append("a", "y"), lambda: store.delete("a"), lambda: store.resolve("a", ABSENT_ULID)):
        with pytest.raises(UnsupportedFormat):
            call()
    assert store.load("a").messages == ["x"]


def test_all_clients_make_one_archive(place: Place) -> None:
    clients = [place.open() for _ in range(3)]
    for number, client in enumerate(clients):
        client.append("a", number)
    record = place.read("archive.json")
    place.open().append("a", "more")
    assert place.read("archive.json") == record


def test_info_tells_how_many_bytes_the_transcript_takes(place: Place, small_parts: None) -> None:
    store = place.open()
    for number in range(4):
        info = store.append("a", number)
    stored = sum(len(place.read(key)) for key in place.listed("sessions/"))
    assert info.size == stored == place.open().info("a").size


def test_results_cannot_be_changed(memory: Place) -> None:
    store = memory.open()
    info = store.create("a", ["x"], attributes={"k": 1})
    with pytest.raises(TypeError):
        info.metadata.attributes["k"] = 2  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.version = 9  # type: ignore[misc]
    first = store.load("a").messages
    first.append("mine")
    assert store.load("a").messages == ["x"]


def test_a_wrong_message_among_right_ones_stores_none(store: SessionStore) -> None:
    with pytest.raises(InvalidRecord, match="message 1"):
        store.extend("a", ["right", {1, 2}, "right"])
    assert not store.exists("a")
