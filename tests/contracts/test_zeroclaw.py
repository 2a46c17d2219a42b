"""zeroclaw's contract, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from s3store import CommitPolicy, CorruptObject, InvalidOption, InvalidRecord, SessionStore, Turn
from s3store.contracts.zeroclaw import (
    AsyncZeroclawBackend,
    ChatMessage,
    SessionContext,
    SessionMetadata,
    SessionQuery,
    SessionState,
    ZeroclawBackend,
)
from s3store.errors import StoreUnavailable
from tests.archives import QUICK

from .faces import on, side_by_side
from .faults import Faulty, answers_lost, is_head, outage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def open_contract(place: Place, **options: Any) -> Any:
    return on(place.open(), ZeroclawBackend, AsyncZeroclawBackend, **options)


@pytest.fixture
def backend(place: Place) -> Any:
    return open_contract(place)


class Clock:
    """The clock of every store that is opened after it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2026, 3, 14, 12, tzinfo=UTC)
        patch.setattr("s3store.runtime._SystemClock.now", lambda _: self.now)

    def advance(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def assistant(text: str) -> ChatMessage:
    return ChatMessage("assistant", text)


def activity(backend: Any, key: str) -> datetime:
    found: SessionMetadata = backend.get_session_metadata(key)
    return found.last_activity


def fill(backend: Any, key: str, *texts: str) -> None:
    for text in texts:
        backend.append(key, user(text))


def test_case_57_messages_load_in_the_order_they_were_appended_in(backend: Any) -> None:
    backend.append("a", user("one"))
    backend.append("a", assistant("two"))
    assert backend.load("a") == [user("one"), assistant("two")]


def test_case_58_an_unknown_session_has_no_messages(backend: Any) -> None:
    assert backend.load("never") == []
    assert backend.load_with_timestamps("never") == []
    assert backend.list_sessions() == []


def test_case_59_an_append_creates_the_session(clock: Clock, backend: Any) -> None:
    backend.append("a", user("one"))
    assert backend.get_session_metadata("a") == SessionMetadata("a", clock.now, clock.now, 1)
    assert backend.get_session_state("a") == SessionState("idle", None, None)
    later = clock.advance(seconds=5)
    backend.append("a", user("two"))
    assert backend.get_session_metadata("a") == SessionMetadata("a", clock.now - timedelta(seconds=5), later, 2)


def test_case_60_each_message_has_the_time_it_was_appended_at(clock: Clock, backend: Any) -> None:
    first = clock.now
    backend.append("a", user("one"))
    second = clock.advance(seconds=1)
    backend.append("a", assistant("two"))
    clock.advance(seconds=1)
    backend.update_last("a", assistant("zwei"))
    found = backend.load_with_timestamps("a")
    assert [(each.message, each.created_at) for each in found] == [(user("one"), first), (assistant("zwei"), second)]


def test_case_61_the_last_message_is_removed(clock: Clock, backend: Any) -> None:
    assert backend.remove_last("never") is False
    fill(backend, "a", "one", "two")
    before = activity(backend, "a")
    clock.advance(seconds=1)
    assert backend.remove_last("a") is True
    assert backend.load("a") == [user("one")]
    assert backend.remove_last("a") is True
    assert backend.remove_last("a") is False
    assert backend.session_exists("a")
    assert [(found.key, found.message_count) for found in backend.list_sessions_with_metadata()] == [("a", 0)]
    assert activity(backend, "a") == before
    assert not backend.session_exists("never")


def test_case_62_the_last_message_is_replaced(clock: Clock, backend: Any) -> None:
    fill(backend, "a", "one", "two")
    now = clock.advance(seconds=1)
    assert backend.update_last("a", assistant("zwei")) is True
    assert backend.load("a") == [user("one"), assistant("zwei")]
    found = backend.get_session_metadata("a")
    assert (found.message_count, found.last_activity) == (2, now)
    backend.clear_messages("a")
    before = activity(backend, "a")
    clock.advance(seconds=1)
    assert backend.update_last("a", user("x")) is False
    assert backend.load("a") == []
    assert activity(backend, "a") == before
    assert backend.update_last("never", user("x")) is False
    assert backend.list_sessions() == ["a"]


def test_case_63_an_answer_that_is_streamed_is_one_message(place: Place, backend: Any) -> None:
    backend.append("a", user("question"))
    backend.append("a", assistant(""))
    for number in range(120):
        assert backend.update_last("a", assistant("word " * number))
    assert open_contract(place).load("a") == [user("question"), assistant("word " * 119)]


def test_case_64_the_session_with_the_latest_activity_is_listed_first(backend: Any) -> None:
    for key in ("a", "b", "c"):
        backend.append(key, user("x"))
    backend.set_session_agent_alias("empty", "agent")
    assert backend.list_sessions() == ["empty", "c", "b", "a"]
    backend.append("b", user("x"))
    assert backend.list_sessions() == ["b", "empty", "c", "a"]
    backend.update_last("a", user("y"))
    backend.remove_last("c")
    assert backend.list_sessions() == ["a", "b", "empty", "c"]


def test_case_65_one_sessions_metadata_is_its_element_of_the_list(place: Place, backend: Any) -> None:
    backend.append("a", user("x"))
    backend.set_session_name("a", "Name")
    backend.set_session_agent_alias("a", "agent")
    backend.set_session_context("a", SessionContext("channel", "room", "sender"))
    backend.set_session_context("b", SessionContext())
    for reader in (backend, open_contract(place)):
        for found in reader.list_sessions_with_metadata():
            assert reader.get_session_metadata(found.key) == found
    found = backend.get_session_metadata("a")
    assert found == SessionMetadata(
        "a", found.created_at, found.last_activity, 1, "Name", "agent", "channel", "room", "sender"
    )
    assert backend.get_session_metadata("never") is None


def test_case_66_messages_are_cleared_and_the_rest_stays(clock: Clock, backend: Any) -> None:
    fill(backend, "a", "one", "two")
    fill(backend, "b", "other")
    backend.set_session_name("a", "Name")
    backend.set_session_agent_alias("a", "agent")
    backend.set_session_context("a", SessionContext("channel"))
    backend.set_session_state("a", "running", "t-1")
    before, state = backend.get_session_metadata("a"), backend.get_session_state("a")
    now = clock.advance(seconds=1)
    assert backend.clear_messages("a") == 2
    after = backend.get_session_metadata("a")
    assert after == SessionMetadata("a", before.created_at, now, 0, "Name", "agent", "channel")
    assert backend.get_session_state("a") == state
    assert backend.load("a") == []
    clock.advance(seconds=1)
    assert backend.clear_messages("a") == 0
    assert activity(backend, "a") == now
    assert backend.clear_messages("never") == 0
    assert not backend.session_exists("never")
    assert backend.load("b") == [user("other")]
    backend.append("a", user("again"))
    assert backend.load("a") == [user("again")]
    assert backend.get_session_metadata("a").message_count == 1


def test_case_67_a_deleted_session_leaves_nothing(clock: Clock, backend: Any) -> None:
    fill(backend, "a", "one")
    fill(backend, "b", "one")
    backend.set_session_name("a", "Name")
    backend.set_session_agent_alias("a", "agent")
    backend.set_session_context("a", SessionContext("channel", "room", "sender"))
    backend.set_session_state("a", "running", "t-1")
    assert backend.delete_session("a") is True
    assert backend.delete_session("a") is False
    assert backend.delete_session("never") is False
    assert backend.load("a") == []
    assert backend.list_sessions() == ["b"]
    assert backend.list_running_sessions() == []
    assert backend.get_session_state("a") is None
    now = clock.advance(seconds=1)
    backend.append("a", user("fresh"))
    found = backend.get_session_metadata("a")
    assert found.last_activity == found.created_at >= now
    assert found == SessionMetadata("a", found.created_at, found.created_at, 1)
    assert backend.get_session_state("a") == SessionState("idle", None, None)


def test_case_68_a_session_exists_from_its_first_write_to_its_delete(backend: Any) -> None:
    assert backend.session_exists("a") is False
    backend.append("a", user("one"))
    assert backend.session_exists("a") is True
    backend.remove_last("a")
    assert backend.session_exists("a") is True
    backend.delete_session("a")
    assert backend.session_exists("a") is False
    backend.set_session_agent_alias("alias", "agent")
    backend.set_session_context("context", SessionContext(room_id="room"))
    assert backend.session_exists("alias") is backend.session_exists("context") is True


def test_case_69_a_name_is_set_replaced_and_taken_away(clock: Clock, backend: Any) -> None:
    backend.set_session_name("never", "Name")
    assert backend.session_exists("never") is False
    assert backend.get_session_name("never") is None
    backend.append("a", user("x"))
    assert backend.get_session_name("a") is None
    before = activity(backend, "a")
    clock.advance(seconds=1)
    for name in ("One", "Zwei ☃"):
        backend.set_session_name("a", name)
        assert backend.get_session_name("a") == name
    backend.set_session_name("a", "")
    assert backend.get_session_name("a") is None
    assert activity(backend, "a") == before


def test_case_70_an_alias_creates_the_session(clock: Clock, backend: Any) -> None:
    assert backend.get_session_agent_alias("a") is None
    backend.set_session_agent_alias("a", "one")
    assert backend.get_session_metadata("a") == SessionMetadata("a", clock.now, clock.now, 0, agent_alias="one")
    before = activity(backend, "a")
    clock.advance(seconds=1)
    backend.set_session_agent_alias("a", "two")
    assert backend.get_session_agent_alias("a") == "two"
    backend.set_session_agent_alias("a", "")
    assert backend.get_session_agent_alias("a") is None
    assert activity(backend, "a") == before
    backend.set_session_agent_alias("b", "")
    assert backend.session_exists("b")


def test_case_71_a_context_creates_the_session_and_adds_up(clock: Clock, backend: Any) -> None:
    backend.set_session_context("a", SessionContext(channel_id="  channel\n"))
    created = clock.now
    clock.advance(seconds=1)
    backend.set_session_context("a", SessionContext(room_id="room"))
    backend.set_session_context("a", SessionContext("", " \t", "sender"))
    backend.set_session_context("a", SessionContext())
    assert backend.get_session_metadata("a") == SessionMetadata(
        "a", created, created, 0, channel_id="channel", room_id="room", sender_id="sender"
    )
    backend.set_session_context("a", SessionContext(room_id="other"))
    assert backend.get_session_metadata("a").room_id == "other"


def test_case_72_a_state_has_a_turn_and_a_running_one_a_clock(clock: Clock, backend: Any) -> None:
    backend.set_session_state("never", "running", "t")
    assert backend.session_exists("never") is False
    assert backend.get_session_state("never") is None
    backend.append("a", user("x"))
    before = activity(backend, "a")
    now = clock.advance(seconds=1)
    backend.set_session_state("a", "running", "t-1")
    assert backend.get_session_state("a") == SessionState("running", "t-1", now)
    now = clock.advance(seconds=1)
    backend.set_session_state("a", "running", "t-1")
    assert backend.get_session_state("a") == SessionState("running", "t-1", now)
    backend.set_session_state("a", "running", None)
    assert backend.get_session_state("a") == SessionState("running", None, now)
    backend.set_session_state("a", "idle", None)
    assert backend.get_session_state("a") == SessionState("idle", None, None)
    backend.set_session_state("a", "running", "t-2")
    backend.set_session_state("a", "error", "t-2")
    assert backend.get_session_state("a") == SessionState("error", "t-2", None)
    for state in ("", "Running", "waiting for tea"):
        backend.set_session_state("a", state, "")
        assert backend.get_session_state("a") == SessionState(state, "", None)
    assert activity(backend, "a") == before


def test_case_73_running_and_stuck_sessions(clock: Clock, place: Place, backend: Any) -> None:
    for key in ("idle", "error", "old", "new"):
        backend.append(key, user("x"))
    backend.set_session_state("error", "running", "t")
    backend.set_session_state("error", "error", "t")
    backend.set_session_state("old", "running", "t")
    clock.advance(seconds=300)
    backend.set_session_state("new", "running", "t")
    clock.advance(seconds=300)
    backend.set_session_state("idle", "Running", "t")

    def keys(found: list[SessionMetadata]) -> list[str]:
        assert all(session == backend.get_session_metadata(session.key) for session in found)
        return [session.key for session in found]

    assert keys(backend.list_running_sessions()) == ["new", "old"]
    assert keys(backend.list_stuck_sessions(0)) == ["old", "new"]
    assert keys(backend.list_stuck_sessions(299)) == ["old", "new"]
    assert keys(backend.list_stuck_sessions(300)) == ["old"]  # exactly at the threshold is not beyond it
    assert keys(backend.list_stuck_sessions(599)) == ["old"]
    assert keys(backend.list_stuck_sessions(600)) == []
    assert keys(backend.list_stuck_sessions(900)) == []
    assert keys(backend.list_stuck_sessions(2**64 - 1)) == []
    # Another contract's sessions are no business of this one.
    place.open().create("other", state="running", turn=Turn("t", clock.now - timedelta(hours=1)))
    assert keys(backend.list_running_sessions()) == ["new", "old"]


def test_case_74_sessions_without_activity_are_cleaned_up(clock: Clock, place: Place, backend: Any) -> None:
    place.open().append("other", "x")
    for key in ("stale", "running"):
        backend.append(key, user("x"))
        backend.set_session_name(key, "Name")
    backend.set_session_state("running", "running", "t")
    clock.advance(hours=52)
    backend.append("border", user("x"))
    clock.advance(hours=48)
    backend.append("fresh", user("x"))
    for key in ("stale", "running"):
        backend.set_session_name(key, "A name is no activity")
    assert backend.cleanup_stale(2**32 - 1) == 0
    assert backend.cleanup_stale(48) == 2
    assert backend.list_sessions() == ["fresh", "border"]
    assert backend.load("stale") == []
    assert backend.get_session_name("stale") is None
    assert backend.cleanup_stale(48) == 0
    clock.advance(microseconds=1)
    assert backend.cleanup_stale(48) == 1
    clock.advance(microseconds=1)
    assert backend.cleanup_stale(0) == 1
    assert backend.list_sessions() == []
    assert place.open().exists("other")


def found(backend: Any, keyword: str | None, limit: int | None = None) -> list[str]:
    return [session.key for session in backend.search(SessionQuery(keyword, limit))]


def test_case_75_search_finds_sessions_by_words_in_key_or_messages(backend: Any, place: Place) -> None:
    fill(backend, "code_chat", "I like Rust", "foo-bar baz")
    fill(backend, "hello_world", "le Café", "日本語テキスト 日本語")
    fill(backend, "other", "Straße", "AND then json", "Ệ")
    backend.set_session_agent_alias("rust_without_messages", "a")
    backend.set_session_name("other", "Rust in the name")
    place.open().append("rust", "of no contract")
    for keyword, keys in {
        "Rust": ["code_chat"],
        "RUST": ["code_chat"],
        "rus": [],
        "rust*": ["code_chat"],
        "chat": ["code_chat"],
        "hello": ["hello_world"],
        "cafe": ["hello_world"],
        "E": [],
        "strasse": [],
        "日本語": ["hello_world"],
        "日本": [],
        "foo-bar": ["code_chat"],
        "foo-baz": [],
        "json café rust": ["code_chat", "hello_world", "other"],
        "AND": ["other"],
        "^json": ["other"],
        "content:rust": [],
        "!!! rust": ["code_chat"],
        "!!!": [],
        "": [],
        " ": [],
        '"': [],
    }.items():
        assert found(backend, keyword) == keys, keyword
    assert found(backend, "rust json", 1) == ["code_chat"]
    assert found(backend, "rust json", 0) == []
    assert backend.search(SessionQuery("rust")) == [backend.get_session_metadata("code_chat")]


def test_case_75_search_without_a_keyword_is_the_whole_list(backend: Any) -> None:
    for number in range(3):
        fill(backend, str(number), "x")
    assert backend.search(SessionQuery(None, 1)) == backend.list_sessions_with_metadata()
    assert len(backend.search(SessionQuery())) == 3


def test_case_75_search_shows_50_sessions_unless_told_otherwise(backend: Any) -> None:
    for number in range(52):
        fill(backend, str(number), "word")
    assert found(backend, "word") == [str(number) for number in range(50)]
    assert len(found(backend, "word", 60)) == 52


def test_case_75_search_goes_with_every_change(backend: Any) -> None:
    fill(backend, "a", "old")
    assert found(backend, "old") == ["a"]
    backend.update_last("a", user("new"))
    assert (found(backend, "old"), found(backend, "new")) == ([], ["a"])
    backend.clear_messages("a")
    assert found(backend, "new") == []
    fill(backend, "a", "again")
    backend.delete_session("a")
    assert found(backend, "again") == []


def test_case_76_a_turn_does_not_revive_a_session_deleted_under_it(backend: Any, place: Place) -> None:
    backend.append("a", user("question"))
    other = open_contract(place)
    backend.set_session_state("a", "running", "t")
    other.delete_session("a")
    assert backend.session_exists("a") is False
    assert backend.append_if_exists("a", assistant("answer")) is False
    assert other.load("a") == []
    assert other.session_exists("a") is False
    backend.append("a", user("new"))
    assert backend.append_if_exists("a", assistant("answer")) is True
    assert other.load("a") == [user("new"), assistant("answer")]


def test_case_76_an_append_that_races_a_delete_leaves_no_session(place: Place) -> None:
    faulty = Faulty(place.objects)
    backend = ZeroclawBackend(SessionStore(faulty, policy=QUICK))
    other = open_contract(place)
    backend.append("a", user("question"))
    assert backend.session_exists("a")

    def deleted_now(verb: str, key: str) -> None:
        if is_head(verb, key):
            faulty.before = lambda verb, key: None
            other.delete_session("a")

    faulty.before = deleted_now
    assert backend.append_if_exists("a", assistant("answer")) is False
    assert other.list_sessions() == []
    assert open_contract(place).load("a") == []


def test_case_77_of_appends_by_many_writers_none_is_lost(place: Place) -> None:
    writers = [open_contract(place) for _ in range(16)]
    side_by_side(writers, lambda writer, number: writer.append("a", user(f"{number} first")))
    side_by_side(writers, lambda writer, number: writer.append("a", user(f"{number} second")))
    found = open_contract(place).load_with_timestamps("a")
    texts = [each.message.content for each in found]
    assert sorted(texts) == sorted(f"{number} {part}" for number in range(16) for part in ("first", "second"))
    assert all(texts.index(f"{number} first") < texts.index(f"{number} second") for number in range(16))
    times = [each.created_at for each in found]
    assert times == sorted(times)
    assert open_contract(place).get_session_metadata("a").message_count == 32


def test_case_78_compact_keeps_the_messages(backend: Any) -> None:
    fill(backend, "a", "one", "two")
    before = backend.get_session_metadata("a")
    backend.compact("a")
    backend.compact("never")
    assert backend.load("a") == [user("one"), user("two")]
    assert backend.get_session_metadata("a") == before
    assert backend.list_sessions() == ["a"]


def test_case_79_everything_is_there_when_it_is_opened_again(place: Place, backend: Any) -> None:
    fill(backend, "a", "one", "two")
    backend.set_session_name("a", "Name")
    backend.set_session_state("a", "running", "t")
    other = open_contract(place)
    assert other.load_with_timestamps("a") == backend.load_with_timestamps("a")
    assert other.list_sessions_with_metadata() == backend.list_sessions_with_metadata()
    assert other.get_session_state("a") == backend.get_session_state("a")


KEYS = ["gw_x", "x", "rpc_x", "slack.main_C1_日本 é", "a/b", "a_b", "../tenant\\user/channel", "", "k" * 600]


def test_case_80_keys_of_every_kind_are_distinct(place: Place, backend: Any) -> None:
    for key in KEYS:
        backend.append(key, user(key))
    assert backend.list_sessions() == KEYS[::-1]
    for key in KEYS:
        assert open_contract(place).load(key) == [user(key)]
    assert backend.delete_session("a/b")
    assert backend.load("a_b") == [user("a_b")]


# --- Beyond the numbered cases ----------------------------------------------------------------------------------------


def test_attributions_are_counted_renamed_and_cleared(backend: Any) -> None:
    for key, alias in (("a", "one"), ("b", "one"), ("c", "two")):
        backend.set_session_agent_alias(key, alias)
    before = backend.get_session_metadata("c")
    assert backend.count_agent_attribution("one") == 2
    assert backend.rename_agent_attribution("one", "three") == 2
    assert backend.rename_agent_attribution("one", "three") == 0
    assert backend.rename_agent_attribution("", "three") == 0
    assert backend.get_session_metadata("c") == before
    assert [backend.count_agent_attribution(alias) for alias in ("one", "two", "three", "On", "")] == [0, 1, 2, 0, 0]
    assert backend.clear_agent_attribution("three") == 2
    assert backend.get_session_agent_alias("a") is None


def test_wrong_messages_and_times_are_refused(place: Place, backend: Any) -> None:
    for method in (backend.append, backend.append_if_exists, backend.update_last):
        with pytest.raises(InvalidRecord, match="a ChatMessage is wanted, not dict"):
            method("a", {"role": "user", "content": "x"})
    for message in (("user", None), (1, "x")):
        with pytest.raises(InvalidRecord):
            ChatMessage(*message)
    for method in (backend.cleanup_stale, backend.list_stuck_sessions):
        with pytest.raises(InvalidOption):
            method(-1)
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(InvalidOption):
            open_contract(place, coalesce=seconds)
    assert place.listed("sessions/") == []


def test_what_is_no_message_is_corrupt(place: Place, backend: Any) -> None:
    place.open().append("zeroclaw/a", {"role": "user", "content": ["secret"]})
    with pytest.raises(CorruptObject, match="'zeroclaw/a'") as caught:
        backend.load("a")
    assert "secret" not in str(caught.value)


def test_an_outage_is_never_an_empty_answer(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    backend = ZeroclawBackend(SessionStore(faulty, policy=QUICK))
    backend.append("a", user("x"))
    faulty.before = outage
    calls: list[Callable[[], object]] = [
        lambda: backend.load("a"),
        lambda: backend.load("never"),
        lambda: backend.load_with_timestamps("a"),
        lambda: backend.append("a", user("y")),
        lambda: backend.append_if_exists("a", user("y")),
        lambda: backend.remove_last("a"),
        lambda: backend.update_last("a", user("y")),
        backend.list_sessions,
        backend.list_sessions_with_metadata,
        lambda: backend.cleanup_stale(0),
        lambda: backend.clear_messages("a"),
        lambda: backend.delete_session("a"),
        lambda: backend.session_exists("a"),
        lambda: backend.set_session_name("a", "n"),
        lambda: backend.get_session_name("a"),
        lambda: backend.set_session_agent_alias("a", "n"),
        lambda: backend.get_session_agent_alias("a"),
        lambda: backend.set_session_context("a", SessionContext("c")),
        lambda: backend.get_session_metadata("a"),
        lambda: backend.set_session_state("a", "running", "t"),
        lambda: backend.get_session_state("a"),
        backend.list_running_sessions,
        lambda: backend.list_stuck_sessions(0),
        lambda: backend.count_agent_attribution("x"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


@pytest.mark.parametrize("attempts", [40, 1])
def test_what_is_written_while_answers_are_lost_is_there_once(memory: Place, attempts: int) -> None:
    faulty = Faulty(memory.objects)
    policy = CommitPolicy(seconds=20, attempts=attempts, pause=0.0001, longest_pause=0.0001)
    backend = ZeroclawBackend(SessionStore(faulty, policy=policy))
    for number in range(3):
        faulty.after = answers_lost(1)
        backend.append("a", user(f"{number}"))
        faulty.after = answers_lost(1)
        backend.set_session_state("a", "running", f"{number}")
    assert backend.load("a") == [user("0"), user("1"), user("2")]
    assert backend.get_session_state("a").turn_id == "2"  # type: ignore[union-attr]


def test_appends_that_race_a_clear_come_before_or_behind_it(place: Place) -> None:
    writers = [open_contract(place) for _ in range(9)]
    fill(writers[0], "a", "old", "older")

    def call(writer: Any, number: int) -> Any:
        return writer.clear_messages("a") if number == 8 else writer.append("a", user(f"{number}"))

    *_, cleared = side_by_side(writers, call)
    left = writers[0].load("a")
    assert cleared + len(left) == 10
    assert user("old") not in left
    assert len(set(left)) == len(left) == writers[0].get_session_metadata("a").message_count


def test_appends_that_race_a_delete_go_with_it_or_begin_anew(place: Place) -> None:
    writers = [open_contract(place) for _ in range(9)]
    fill(writers[0], "a", "old", "older")
    writers[0].set_session_name("a", "Old")

    def call(writer: Any, number: int) -> Any:
        return writer.delete_session("a") if number == 8 else writer.append("a", user(f"{number}"))

    *_, deleted = side_by_side(writers, call)
    assert deleted is True
    left = writers[0].load("a")
    assert not {user("old"), user("older")} & set(left)
    assert len(set(left)) == len(left)
    found = open_contract(place).get_session_metadata("a")
    assert (found is None) == (not left)
    if found is not None:
        assert (found.message_count, found.name) == (len(left), None)
    assert open_contract(place).list_sessions() == ["a"] * bool(left)


def test_a_session_resumed_during_the_cleanup_stays(memory: Place, clock: Clock) -> None:
    faulty = Faulty(memory.objects)
    backend = ZeroclawBackend(SessionStore(faulty, policy=QUICK))
    other = open_contract(memory)
    for key in ("resumed", "renamed", "stale"):
        backend.append(key, user("x"))
    clock.advance(hours=100)

    meanwhile = {
        "resumed": lambda: other.append("resumed", user("back")),
        "renamed": lambda: other.set_session_name("renamed", "which is no activity"),
    }

    def just_before_its_delete(verb: str, key: str) -> None:
        session = next((session for session in meanwhile if session in key), None)
        if session is not None and is_head(verb, key):
            meanwhile.pop(session)()

    faulty.before = just_before_its_delete
    assert backend.cleanup_stale(48) == 2
    assert other.list_sessions() == ["resumed"]
    assert other.load("resumed") == [user("x"), user("back")]
