"""Brainwires' contract, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from s3store import CommitPolicy, CorruptObject, InvalidOption, InvalidRecord, OutcomeUnknown, SessionStore
from s3store.contracts.brainwires import (
    AsyncBrainwiresStore,
    BrainwiresStore,
    ImageBlock,
    ImageSource,
    ListOptions,
    Message,
    SpawnedSession,
    SpawnRequest,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from s3store.errors import StoreUnavailable
from tests.archives import QUICK

from .faces import on, side_by_side
from .faults import Faulty, Killed, answers_lost, killed_at_a_head, outage

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ODD_IDS = ["a/b", "a_b", "../x", "", "日本 é ☃", "with  spaces", "line\nend", "x" * 600, "%2f", "~"]


def open_contract(place: Place) -> Any:
    return on(place.open(), BrainwiresStore, AsyncBrainwiresStore)


@pytest.fixture
def store(place: Place) -> Any:
    return open_contract(place)


def said(*texts: str) -> list[Message]:
    return [Message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]


def ids(store: Any) -> list[str]:
    return [record.id for record in store.list()]


def test_case_01_what_was_never_saved_loads_as_none(store: Any) -> None:
    assert store.load("never") is None


def test_case_02_what_was_saved_loads_in_order(store: Any) -> None:
    messages = [Message("system", "s"), *said("one", "two", "three"), Message.tool_result("t", "out")]
    store.save("a", messages)
    assert store.load("a") == messages


def test_case_03_text_stays_text_and_blocks_stay_blocks(store: Any, place: Place) -> None:
    messages = [Message("user", "x"), Message("user", [TextBlock("x")]), Message("user", []), Message("user", "")]  # type: ignore[arg-type]
    store.save("a", messages)
    assert store.load("a") == messages
    assert [type(message.content) for message in store.load("a")] == [str, tuple, tuple, str]
    assert [found["content"] for found in place.open().load("brainwires/a").messages] == [
        "x",
        [{"type": "text", "text": "x"}],
        [],
        "",
    ]


def test_case_04_every_block_comes_back(store: Any) -> None:
    blocks = (
        TextBlock("☃\u0000\n"),
        ImageBlock(ImageSource("image/png", "aGk=")),
        ToolUseBlock("t1", "search", {"deep": [{"er": [1, 2.5, None, True, "x"]}], "big": 2**70}),
        ToolUseBlock("t2", "none", None),
        ToolResultBlock("t1", "found"),
        ToolResultBlock("t1", "failed", is_error=True),
        ToolResultBlock("t1", "fine", is_error=False),
    )
    store.save("a", [Message("assistant", blocks)])
    assert store.load("a") == [Message("assistant", blocks)]
    assert [block.to_json() for block in blocks[1:2] + blocks[4:6]] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "tool_result", "tool_use_id": "t1", "content": "found"},
        {"type": "tool_result", "tool_use_id": "t1", "content": "failed", "is_error": True},
    ]


def test_case_05_name_and_metadata_are_omitted_or_kept(store: Any) -> None:
    metadata = {"nested": {"list": [1, {"a": None}]}, "empty": {}}
    messages = [Message("user", "x"), Message("user", "x", "mia", metadata), Message("user", "x", "", {})]
    store.save("a", messages)
    assert store.load("a") == messages
    assert messages[0].to_json() == {"role": "user", "content": "x"}
    assert messages[2].to_json() == {"role": "user", "content": "x", "name": "", "metadata": {}}
    null = {"role": "user", "content": "x", "name": None, "metadata": None, "later": "field"}
    assert Message.from_json(null) == messages[0]


def test_case_06_a_second_save_replaces_the_first(store: Any) -> None:
    store.save("a", said("one", "two", "three"))
    store.save("a", said("other", "words", "and", "more"))
    assert store.load("a") == said("other", "words", "and", "more")
    store.save("a", said("short"))
    assert store.load("a") == said("short")


def test_case_07_an_empty_transcript_is_a_session(store: Any) -> None:
    store.save("a", [])
    assert store.load("a") == []
    assert [(record.id, record.message_count) for record in store.list()] == [("a", 0)]


def test_case_08_what_was_deleted_is_gone(store: Any) -> None:
    store.save("a", said("one"))
    store.save("b", said("one"))
    store.delete("a")
    assert store.load("a") is None
    assert ids(store) == ["b"]


def test_case_09_deleting_what_is_not_there_succeeds(store: Any) -> None:
    store.delete("never")
    store.save("a", said("one"))
    store.delete("a")
    store.delete("a")
    assert ids(store) == []


def test_case_10_the_session_saved_last_is_listed_last(store: Any) -> None:
    assert store.list() == []
    for name in ("c", "a", "b"):
        store.save(name, said("one"))
    assert ids(store) == ["c", "a", "b"]
    store.save("c", said("one"))
    assert ids(store) == ["a", "b", "c"]
    times = [record.updated_at for record in store.list()]
    assert times == sorted(times)


def test_case_11_a_record_counts_the_messages(store: Any) -> None:
    store.save("a", said("one", "two", "three", "four"))
    assert [record.message_count for record in store.list()] == [4]


def test_case_12_a_save_keeps_when_the_session_was_created(store: Any) -> None:
    store.save("a", said("one"))
    [before] = store.list()
    store.save("a", said("two"))
    [after] = store.list()
    assert after.created_at == before.created_at
    assert after.updated_at >= before.updated_at
    assert after.to_json()["created_at"].endswith("Z")


def test_case_13_a_session_saved_after_a_delete_is_a_new_one(store: Any) -> None:
    store.save("a", said("one"))
    [before] = store.list()
    store.delete("a")
    store.save("a", said("one"))
    [after] = store.list()
    assert after.created_at > before.created_at


def test_case_14_pages_are_parts_of_the_list(store: Any) -> None:
    for name in "abcde":
        store.save(name, said("one"))
    everything = store.list()
    assert store.list_paginated(ListOptions(1, 2)) == everything[1:3]
    assert store.list_paginated(ListOptions(100, 5)) == []
    assert store.list_paginated(ListOptions(100)) == []
    assert store.list_paginated(ListOptions(2)) == everything[2:]
    assert store.list_paginated(ListOptions(0, 0)) == []
    assert store.list_paginated(ListOptions(1, 2**64)) == everything[1:]
    assert store.list_paginated(ListOptions(2**64, 2**64)) == []
    assert store.list_paginated(ListOptions()) == everything
    for wrong in ({"offset": -1}, {"limit": -1}, {"limit": True}, {"offset": None}):
        with pytest.raises((InvalidOption, TypeError)):
            store.list_paginated(ListOptions(**wrong))


def test_case_15_pages_put_together_are_the_list_at_equal_times_too(
    place: Place, monkeypatch: pytest.MonkeyPatch, store: Any
) -> None:
    from datetime import UTC, datetime

    monkeypatch.setattr("s3store.runtime._SystemClock.now", lambda _: datetime(2026, 3, 1, tzinfo=UTC))
    frozen = open_contract(place)
    names = ["c", "a", "é", "b", "d", "A", "z"]
    for name in names:
        frozen.save(name, said("one"))
    assert len({record.updated_at for record in frozen.list()}) == 1
    for size in (1, 2, 3):
        pages = [frozen.list_paginated(ListOptions(offset, size)) for offset in range(0, 9, size)]
        assert [record.id for page in pages for record in page] == ids(frozen) == sorted(names)


def test_case_16_another_handle_sees_everything(place: Place, store: Any) -> None:
    store.save("a", said("one", "two"))
    other = open_contract(place)
    assert other.load("a") == said("one", "two")
    assert other.list() == store.list()
    other.delete("a")
    assert store.load("a") is None


def test_case_17_what_was_loaded_is_the_callers_own(store: Any) -> None:
    given = [Message("user", [ToolUseBlock("t", "n", {"a": [1]})])]  # type: ignore[arg-type]
    store.save("a", given)
    loaded = store.load("a")
    loaded[0].content[0].input["a"].append(2)
    loaded.append(Message("user", "more"))
    given.append(Message("user", "more"))
    assert [message.content[0].input for message in store.load("a")] == [{"a": [1]}]


def test_case_18_any_text_is_an_id(place: Place, store: Any) -> None:
    for name in ODD_IDS:
        store.save(name, said(name))
    assert ids(store) == ODD_IDS
    for name in ODD_IDS:
        assert open_contract(place).load(name) == said(name)


def test_case_19_what_is_damaged_is_an_error(place: Place, store: Any) -> None:
    store.save("a", said("one"))
    [key] = place.listed("sessions/")
    whole = place.read(key)
    for damaged in (whole[:-7], b"", whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], b"{}"):
        place.write(key, damaged)
        with pytest.raises(CorruptObject):
            open_contract(place).load("a")


@pytest.mark.usefixtures("small_parts")
def test_case_20_a_crash_before_the_commit_leaves_the_old_transcript(place: Place, store: Any) -> None:
    store.save("a", said("one", "two"))
    faulty = Faulty(place.objects)
    dying = BrainwiresStore(SessionStore(faulty, policy=QUICK))
    faulty.before = killed_at_a_head
    with pytest.raises(Killed):
        dying.save("a", said(*("x" * 500 for _ in range(5))))
    assert len(place.listed("sessions/")) > 1
    assert open_contract(place).load("a") == said("one", "two")
    assert [record.message_count for record in open_contract(place).list()] == [2]


def test_case_21_of_many_saves_at_once_one_is_there_whole(place: Place) -> None:
    clients = [open_contract(place) for _ in range(6)]
    transcripts = [said(*(f"{writer} {place}" for place in range(20 + writer))) for writer in range(6)]
    side_by_side(clients, lambda client, number: client.save("a", transcripts[number]))
    assert open_contract(place).load("a") in transcripts
    [record] = clients[0].list()
    assert record.message_count == len(clients[0].load("a"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "developer", "content": "x"},
        {"role": "User", "content": "x"},
        {"role": "user", "content": [{"type": "audio", "data": "x"}]},
        {"role": "user", "content": [{"text": "x"}]},
        {"role": "user", "content": {"type": "text", "text": "x"}},
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "media_type": "a", "data": "b"}}]},
        {"role": "user", "content": [{"type": "text", "text": 5}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": 1}]},
        {"role": "user", "content": "x", "name": 5},
        {"role": "user"},
        "text",
    ],
)
def test_case_22_what_is_no_message_fails_the_whole_transcript(place: Place, store: Any, wrong: Any) -> None:
    place.open().save("brainwires/a", [{"role": "user", "content": "secret words"}, wrong])
    with pytest.raises(CorruptObject, match="'brainwires/a'") as caught:
        store.load("a")
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidRecord):
        Message.from_json(wrong)


# --- Beyond the numbered cases ----------------------------------------------------------------------------------------


def test_wrong_messages_are_refused_before_anything_is_written(place: Place, store: Any) -> None:
    with pytest.raises(InvalidRecord, match="message 1: a Message is wanted, not dict"):
        store.save("a", [*said("x"), {"role": "user", "content": "x"}])
    with pytest.raises(InvalidRecord):
        store.save("a", [Message("user", [ToolUseBlock("t", "n", float("nan"))])])  # type: ignore[arg-type]
    for wrong in (("owner", "x"), ("user", 5), ("user", [{"type": "text"}])):
        with pytest.raises(InvalidRecord, match=r"Message\.(role|content)"):
            Message(*wrong)
    assert place.listed("sessions/") == []
    assert Message("user", [{"type": "text", "text": "x"}]) == Message("user", (TextBlock("x"),))  # type: ignore[arg-type]


def test_an_outage_is_never_an_empty_answer(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    store = BrainwiresStore(SessionStore(faulty, policy=QUICK))
    store.save("a", said("one"))
    faulty.before = outage
    for call in (
        lambda: store.load("a"),
        lambda: store.load("never"),
        store.list,
        lambda: store.list_paginated(ListOptions(0, 1)),
        lambda: store.save("a", []),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_save_whose_answers_are_lost_is_settled_inside(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    impatient = CommitPolicy(seconds=20, attempts=1, pause=0.0001, longest_pause=0.0001)
    store = BrainwiresStore(SessionStore(faulty, policy=impatient))
    store.save("a", said("one"))
    faulty.after = answers_lost(1)
    store.save("a", said("one", "two"))
    assert store.load("a") == said("one", "two")


def test_a_save_that_nothing_tells_of_says_so(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    impatient = CommitPolicy(seconds=20, attempts=1, pause=0.0001, longest_pause=0.0001)
    with SessionStore(faulty, policy=impatient) as sessions:
        store = BrainwiresStore(sessions)
        store.save("a", said("one"))

        def dead(verb: str, key: str) -> None:
            faulty.before = outage
            raise StoreUnavailable("no answer")

        faulty.after = dead
        with pytest.raises(OutcomeUnknown) as caught:
            store.save("a", said("two"))
        faulty.before = faulty.after = lambda verb, key: None
        assert sessions.resolve(caught.value.session_id, caught.value.commit_id)
        assert store.load("a") == said("two")


def test_the_helpers_of_a_message() -> None:
    blocks = (
        TextBlock("look"),
        ImageBlock(ImageSource("image/png", "")),
        ToolUseBlock("t", "search", {}),
        ToolResultBlock("t", "found"),
        ToolResultBlock("t", "lost", is_error=True),
    )
    message = Message("user", blocks)
    assert message.text() is None
    assert message.text_or_summary() == (
        "look\n[Image]\n[Called tool: search]\n[Tool result: found]\n[Tool error: lost]"
    )
    assert Message("user", "x").text() == Message("user", "x").text_or_summary() == "x"
    assert Message.tool_result("t", "out") == Message("tool", (ToolResultBlock("t", "out"),))


def test_what_the_broker_takes_and_gives_has_a_wire_form() -> None:
    assert SpawnRequest.from_json({"prompt": "go"}) == SpawnRequest("go")
    assert SpawnRequest("go").to_json() == {"prompt": "go", "wait_for_first_reply": False, "wait_timeout_secs": 60}
    whole = SpawnRequest("go", "m", "s", ("a",), wait_for_first_reply=True, wait_timeout_secs=5)
    assert SpawnRequest.from_json(whole.to_json()) == whole
    assert replace(whole, tools=()).to_json()["tools"] == []
    spawned = SpawnedSession.from_json(
        {"id": "s", "first_reply": {"role": "user", "content": "x", "timestamp": "2026-03-01T00:00:00.5Z"}}
    )
    assert SpawnedSession.from_json(spawned.to_json()) == spawned
    assert SpawnedSession("s").to_json() == {"id": "s"}
