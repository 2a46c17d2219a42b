"""`ArchiveHistoryProvider` on each kind of archive, and under the framework's own agent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from agent_framework import Agent, BaseChatClient, ChatResponse, Content, Message

from s3store import AsyncSessionStore, CorruptObject, InvalidOption, InvalidRecord
from s3store.integrations.agent_framework import ArchiveHistoryProvider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.archives import Place

pytestmark = pytest.mark.anyio

ID = "support/42 ü"
STORED = "agent-framework/archive/" + ID


def said(*texts: str, role: str = "user") -> list[Message]:
    return [Message(role=role, contents=[Content.from_text(text)]) for text in texts]


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


def dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.to_dict() for message in messages]


class Echo(BaseChatClient):
    """Answers with what it was given, all of it."""

    async def _inner_get_response(self, *, messages: Sequence[Message], **kwargs: Any) -> ChatResponse:
        return ChatResponse(messages=said(" ".join(texts(messages)), role="assistant"))


async def test_messages_come_back_as_they_were(place: Place) -> None:
    provider = ArchiveHistoryProvider(place.open())
    messages = [
        *said("hi"),
        Message(
            role="assistant",
            contents=[
                Content.from_function_call(call_id="c", name="f", arguments={"n": 1}),
                Content.from_data(b"\xff\x00", media_type="image/png"),
            ],
            author_name="bot",
            message_id="m",
            additional_properties={"x": [1, None]},
        ),
    ]
    await provider.save_messages(ID, messages)
    await provider.save_messages(ID, [])
    found = await ArchiveHistoryProvider(place.open()).get_messages(ID)
    assert dicts(found) == dicts(messages)
    assert await provider.get_messages("another") == []
    await provider.save_messages("empty", [])
    assert not place.open().exists("agent-framework/archive/empty")


async def test_an_agent_goes_on_in_another_process(place: Place) -> None:
    for text in ("one", "two", "three"):
        agent = Agent(client=Echo(), context_providers=[ArchiveHistoryProvider(place.open())])
        answer = await agent.run(text, session=agent.create_session(session_id=ID))
    assert answer.text == "one one two one one two three"
    [summary] = place.open().list(id_prefix="agent-framework/")
    assert (summary.id, summary.agent, summary.count) == (STORED, "agent-framework", 6)


async def test_an_audit_stores_and_is_never_read(place: Place) -> None:
    audit = ArchiveHistoryProvider(place.open(), "audit/1", load_messages=False)
    for text in ("one", "two"):
        agent = Agent(client=Echo(), context_providers=[audit])
        answer = await agent.run(text, session=agent.create_session(session_id=ID))
    assert answer.text == "two"
    assert texts(await audit.get_messages(ID)) == ["one", "one", "two", "two"]
    assert place.open().exists("agent-framework/audit%2F1/" + ID)


async def test_what_is_stored_can_be_chosen(place: Place) -> None:
    outputs = ArchiveHistoryProvider(place.open(), "outputs", load_messages=False, store_inputs=False)
    inputs = ArchiveHistoryProvider(place.open(), "inputs", load_messages=False, store_outputs=False)
    agent = Agent(client=Echo(), context_providers=[outputs, inputs])
    await agent.run("hi", session=agent.create_session(session_id=ID))
    assert [message.role for message in await outputs.get_messages(ID)] == ["assistant"]
    assert [message.role for message in await inputs.get_messages(ID)] == ["user"]


async def test_a_conversation_handed_over_again_is_stored_once(place: Place) -> None:
    provider = ArchiveHistoryProvider(place.open())
    turn = [*said("hi"), *said("hello", role="assistant")]
    await provider.save_messages(ID, turn)
    await provider.save_messages(ID, [*turn, *said("again")])
    assert texts(await provider.get_messages(ID)) == ["hi", "hello", "again"]
    await provider.save_messages(ID, said("again"))
    assert texts(await provider.get_messages(ID)) == ["hi", "hello", "again", "again"]


async def test_two_writers_lose_nothing(place: Place) -> None:
    providers = [ArchiveHistoryProvider(place.open()) for _ in range(2)]
    turns = [[*said(f"q{n}"), *said(f"a{n}", role="assistant")] for n in range(6)]
    await asyncio.gather(*(providers[n % 2].save_messages(ID, turn) for n, turn in enumerate(turns)))
    found = texts(await providers[0].get_messages(ID))
    pairs = sorted(zip(found[::2], found[1::2], strict=True))
    assert pairs == [(f"q{n}", f"a{n}") for n in range(6)]


async def test_wrong_calls_are_refused(place: Place) -> None:
    provider = ArchiveHistoryProvider(place.open())
    for call in (provider.get_messages(None), provider.save_messages(None, said("x"))):
        with pytest.raises(InvalidOption, match="create_session"):
            await call
    with pytest.raises(InvalidRecord):
        await provider.save_messages(
            ID, [Message(role="user", contents=["x"], additional_properties={"f": float("nan")})]
        )
    assert await provider.get_messages(ID) == []
    with pytest.raises(InvalidOption, match="SessionStore"):
        ArchiveHistoryProvider("s3://x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "strange", [3, {"type": "other"}, {"type": "message", "role": "user", "contents": [{"x": "s3cret"}]}]
)
async def test_what_is_no_message_is_said_to_be_none(place: Place, strange: Any) -> None:
    store = place.open()
    provider = ArchiveHistoryProvider(store)
    await provider.save_messages(ID, said("one"))
    store.append(STORED, strange)
    with pytest.raises(CorruptObject, match="no message") as caught:
        await provider.get_messages(ID)
    assert "s3cret" not in str(caught.value)


async def test_the_asyncio_face_serves() -> None:
    async with AsyncSessionStore("memory://") as store:
        provider = ArchiveHistoryProvider(store)
        await provider.save_messages(ID, said("one"))
        assert texts(await provider.get_messages(ID)) == ["one"]
