"""`ArchiveStorage`: the storage interface of Strands, and its session manager on it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from strands import Agent
from strands.session import SnapshotSessionManager
from strands.storage import Storage
from strands.types.exceptions import StorageError

from s3store import InvalidOption, SessionStore
from s3store.integrations.strands import ArchiveStorage
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from tests.integrations.strands.conftest import Echo

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.archives import Place

SNAPSHOT = {"scope": "agent", "data": {"messages": [{"role": "user", "content": [{"text": "grüße"}]}], "state": {}}}
VALUES = {
    "empty": b"",
    "text": b"some text",
    "not text": bytes(range(256)),
    "large": bytes(range(251)) * 10_000,
    "a snapshot": json.dumps(SNAPSHOT, ensure_ascii=False).encode(),
    "a snapshot written otherwise": json.dumps(SNAPSHOT, indent=1).encode(),
    "no messages yet": b'{"data": {"messages": []}}',
    "messages that are no list": b'{"data": {"messages": 1}}',
    "a key twice": b'{"data": {"messages": [], "messages": [1]}}',
    "no JSON": b'{"data": {"messages"',
}


def do(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def test_it_is_a_storage(place: Place) -> None:
    assert isinstance(ArchiveStorage(place.open()), Storage)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_is_read_as_it_was_written(place: Place, value: bytes) -> None:
    do(ArchiveStorage(place.open()).write("a/b.json", value))
    assert do(ArchiveStorage(place.open()).read("a/b.json")) == value


def test_a_value_takes_the_place_of_the_one_before(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    for value in VALUES.values():
        do(storage.write("key", value))
        assert do(storage.read("key")) == value


def test_what_is_missing_is_none_and_can_be_deleted(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    assert do(storage.read("none")) is None
    do(storage.delete("none"))
    do(storage.write("key", b"x"))
    do(storage.delete("key"))
    assert do(storage.read("key")) is None
    do(storage.write("key", b"again"))
    assert do(storage.read("key")) == b"again"


def test_keys_are_listed_sorted_by_their_start(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    for key in ("b/2", "a/1", "b/1", "bc", "ä/ö"):
        do(storage.write(key, b"x"))
    assert do(storage.list()) == ["a/1", "b/1", "b/2", "bc", "ä/ö"]
    assert do(storage.list("b")) == ["b/1", "b/2", "bc"]
    assert do(storage.list("b/")) == ["b/1", "b/2"]
    assert do(storage.list("nothing")) == []


def test_keys_are_normalized(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    do(storage.write("//a///b/", b"x"))
    assert do(storage.read("a/b")) == b"x"
    for wrong in ("", "/", "a/../b", "a\\b"):
        with pytest.raises(StorageError):
            do(storage.write(wrong, b"x"))


def test_a_namespace_is_a_view_of_some_keys(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    view = storage.namespace("mine").namespace("inner/")
    do(view.write("k", b"x"))
    do(storage.write("mine/other", b"y"))
    assert do(storage.list()) == ["mine/inner/k", "mine/other"]
    assert do(view.list()) == ["k"]
    assert do(view.read("k")) == b"x"
    assert do(view.read("other")) is None


def test_search_finds_words(place: Place) -> None:
    storage = ArchiveStorage(place.open())
    do(storage.write("a", b"the weather in Rome"))
    do(storage.write("b", b"nothing of interest"))
    assert [found.key for found in do(storage.search("weather"))] == ["a"]


def test_what_somebody_else_has_changed_is_not_overwritten(place: Place) -> None:
    mine, theirs = ArchiveStorage(place.open()), ArchiveStorage(place.open())
    assert do(mine.read("key")) is None
    do(theirs.write("key", b"theirs"))
    with pytest.raises(StorageError, match="somebody else"):
        do(mine.namespace("").write("key", b"mine"))
    assert do(mine.read("key")) == b"theirs"
    do(mine.write("key", b"mine, knowing theirs"))
    with pytest.raises(StorageError, match="somebody else"):
        do(theirs.write("key", b"lost"))
    do(ArchiveStorage(place.open(), guarded=False).write("key", b"by force"))
    assert do(theirs.read("key")) == b"by force"


def test_what_is_stored_is_checked_when_it_is_read(place: Place) -> None:
    store = place.open()
    do(ArchiveStorage(store).write("key", b"x"))
    store.replace_last("strands-storage/key", {"strands": "bytes", "sha256": "0"})
    with pytest.raises(StorageError, match="holds no value"):
        do(ArchiveStorage(store).read("key"))


def test_it_wants_a_blocking_store() -> None:
    with pytest.raises(InvalidOption):
        ArchiveStorage("s3://bucket")  # type: ignore[arg-type]


def agent(storage: ArchiveStorage) -> Agent:
    manager = SnapshotSessionManager("mia", storage=storage)
    return Agent(model=Echo(), session_manager=manager, callback_handler=None, agent_id="main")


def test_an_agent_goes_on_where_it_was(place: Place) -> None:
    first = agent(ArchiveStorage(place.open()))
    first("hello")
    first("again")
    resumed = agent(ArchiveStorage(place.open()))
    assert resumed.messages == first.messages
    assert len(resumed.messages) == 4
    resumed("once more")
    assert len(agent(ArchiveStorage(place.open())).messages) == 6


def test_two_that_resume_one_session_lose_no_turn_unnoticed(place: Place) -> None:
    agent(ArchiveStorage(place.open()))("hello")
    mine, theirs = agent(ArchiveStorage(place.open())), agent(ArchiveStorage(place.open()))
    mine("from me")
    with pytest.raises(StorageError, match="somebody else"):
        theirs("from them")
    texts = [message["content"][0].get("text") for message in agent(ArchiveStorage(place.open())).messages]
    assert "from me" in texts


def test_a_turn_sends_what_is_new_and_not_the_whole_state() -> None:
    objects = CountingStore(MemoryStore())
    with SessionStore(objects) as store:
        talking = agent(ArchiveStorage(store))
        talking("x" * 50)
        sent = []
        for turn in range(30):
            objects.reset()
            talking("".join(chr(97 + (turn * 7 + place * place) % 26) for place in range(4_000)))
            sent.append(objects.counts.bytes_up)
        state = len(json.dumps(talking.messages))
    assert max(sent) < state
