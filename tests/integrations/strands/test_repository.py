"""`ArchiveSessionRepository`: the older session interface of Strands, and its session manager on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from strands import Agent
from strands.session.repository_session_manager import RepositorySessionManager
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage, SessionType

from s3store import SessionStore
from s3store.integrations.strands import ArchiveSessionRepository
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from tests.integrations.strands.conftest import Echo

if TYPE_CHECKING:
    from tests.archives import Place


def message(text: str, number: int) -> SessionMessage:
    return SessionMessage.from_message({"role": "user", "content": [{"text": text}]}, number)


@pytest.fixture
def repository(place: Place) -> ArchiveSessionRepository:
    """One with a session that has an agent."""
    repository = ArchiveSessionRepository(place.open())
    repository.create_session(Session("s", SessionType.AGENT))
    repository.create_agent("s", SessionAgent("a", {"k": 1}, {}))
    return repository


def test_a_session_is_created_once(repository: ArchiveSessionRepository) -> None:
    found = repository.read_session("s")
    assert found is not None
    assert (found.session_id, found.session_type) == ("s", "AGENT")
    with pytest.raises(SessionException, match="already exists"):
        repository.create_session(Session("s", SessionType.AGENT))
    assert repository.read_session("other") is None


def test_an_agent_is_updated_and_keeps_when_it_was_created(repository: ArchiveSessionRepository) -> None:
    before = repository.read_agent("s", "a")
    assert before is not None
    repository.update_agent("s", SessionAgent("a", {"k": 2}, {"c": b"bytes"}, created_at="2020"))
    after = repository.read_agent("s", "a")
    assert after is not None
    assert (after.state, after.conversation_manager_state) == ({"k": 2}, {"c": b"bytes"})
    assert after.created_at == before.created_at
    assert repository.read_agent("s", "b") is None
    with pytest.raises(SessionException, match="does not exist"):
        repository.update_agent("s", SessionAgent("b", {}, {}))
    with pytest.raises(SessionException, match="does not exist"):
        repository.create_agent("other", SessionAgent("a", {}, {}))


def test_messages_are_listed_by_their_numbers(repository: ArchiveSessionRepository) -> None:
    assert repository.list_messages("s", "a") == []
    for number in (0, 2, 1, 10):
        repository.create_message("s", "a", message(f"text {number}", number))
    listed = repository.list_messages("s", "a")
    assert [each.message_id for each in listed] == [0, 1, 2, 10]
    assert [each.message_id for each in repository.list_messages("s", "a", limit=2, offset=1)] == [1, 2]
    assert repository.read_message("s", "a", 10) == listed[-1]
    assert repository.read_message("s", "a", 3) is None
    with pytest.raises(ValueError, match="integer"):
        repository.read_message("s", "a", "3")  # type: ignore[arg-type]
    with pytest.raises(SessionException, match="does not exist"):
        repository.list_messages("s", "b")
    with pytest.raises(SessionException, match="does not exist"):
        repository.create_message("other", "a", message("x", 0))


def test_a_message_is_redacted_in_its_place(repository: ArchiveSessionRepository) -> None:
    for number in range(3):
        repository.create_message("s", "a", message(f"text {number}", number))
    changed = message("text 1", 1)
    changed.redact_message = {"role": "user", "content": [{"text": "redacted"}]}
    repository.update_message("s", "a", changed)
    assert [each.to_message()["content"][0]["text"] for each in repository.list_messages("s", "a")] == [
        "text 0",
        "redacted",
        "text 2",
    ]
    with pytest.raises(SessionException, match="does not exist"):
        repository.update_message("s", "a", message("x", 9))


def test_a_number_that_somebody_else_has_used_is_not_used_again(repository: ArchiveSessionRepository) -> None:
    repository.create_message("s", "a", message("theirs", 0))
    with pytest.raises(SessionException, match="somebody else"):
        repository.create_message("s", "a", message("mine", 0))
    assert [each.message["content"][0]["text"] for each in repository.list_messages("s", "a")] == ["theirs"]


def test_several_agents_have_a_state_together(repository: ArchiveSessionRepository) -> None:
    state: dict[str, Any] = {"n": 1}
    several: Any = SimpleNamespace(id="graph", serialize_state=lambda: dict(state))
    assert repository.read_multi_agent("s", "graph") is None
    with pytest.raises(SessionException, match="does not exist"):
        repository.update_multi_agent("s", several)
    repository.create_multi_agent("s", several)
    state["n"] = 2
    repository.update_multi_agent("s", several)
    assert repository.read_multi_agent("s", "graph") == {"n": 2}


def test_a_deleted_session_is_gone(repository: ArchiveSessionRepository) -> None:
    repository.delete_session("s")
    assert repository.read_session("s") is None
    with pytest.raises(SessionException, match="does not exist"):
        repository.delete_session("s")
    repository.create_session(Session("s", SessionType.AGENT))
    assert repository.read_agent("s", "a") is None


def test_another_kind_of_session_is_said_to_be_one(place: Place) -> None:
    place.open().append("strands/s", "something")
    with pytest.raises(SessionException, match="something else"):
        ArchiveSessionRepository(place.open()).read_session("s")


def agent(store: SessionStore) -> Agent:
    manager = RepositorySessionManager("mia", ArchiveSessionRepository(store))
    return Agent(model=Echo(), session_manager=manager, callback_handler=None, agent_id="main")


def test_an_agent_goes_on_where_it_was(place: Place) -> None:
    first = agent(place.open())
    first("hello")
    first("again")
    resumed = agent(place.open())
    assert resumed.messages == first.messages
    assert len(resumed.messages) == 4


def test_of_two_that_resume_one_session_the_second_is_told(place: Place) -> None:
    agent(place.open())("hello")
    mine, theirs = agent(place.open()), agent(place.open())
    mine("from me")
    with pytest.raises(SessionException, match="somebody else"):
        theirs("from them")
    assert len(agent(place.open()).messages) == 4


def test_a_resume_does_not_read_an_object_a_message() -> None:
    objects = CountingStore(MemoryStore())
    with SessionStore(objects) as store:
        talking = agent(store)
        for turn in range(20):
            talking(f"turn {turn}")
    objects.reset()
    with SessionStore(objects) as store:
        assert len(agent(store).messages) == 40
    assert objects.counts.gets < 8
