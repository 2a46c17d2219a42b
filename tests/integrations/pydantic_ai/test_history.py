"""`ArchiveHistory` on each kind of archive, with an agent whose model is a function."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.test import TestModel

from s3store import AsyncSessionStore, CorruptObject, InvalidOption
from s3store.integrations.pydantic_ai import ArchiveHistory

if TYPE_CHECKING:
    from tests.archives import Place

pytestmark = pytest.mark.anyio

ID = "user/1 ü"


def messages(text: str) -> list[ModelMessage]:
    return [ModelRequest(parts=[UserPromptPart(text)]), ModelResponse(parts=[TextPart(text.upper())])]


async def test_an_agent_goes_on_in_another_process(place: Place) -> None:
    agent = Agent(TestModel(custom_output_text="Hello"))
    first = ArchiveHistory(place.open())
    result = await agent.run("Hi", message_history=await first.load(ID))
    await first.append(ID, result.new_messages())
    again = ArchiveHistory(place.open())
    result = await agent.run("And?", message_history=await again.load(ID))
    await again.append(ID, result.new_messages())
    assert await again.load(ID) == result.all_messages()
    assert len(result.all_messages()) == 4


def test_bytes_and_large_integers_come_back(place: Place) -> None:
    history = ArchiveHistory(place.open())
    document = BinaryContent(bytes(range(256)), media_type="application/pdf")
    said: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart(["look", document])]),
        ModelResponse(parts=[TextPart("x")], provider_details={"n": 2**70}),
    ]
    history.append_sync(ID, said)
    assert history.load_sync(ID) == said


async def test_a_run_that_is_appended_again_is_stored_once(place: Place) -> None:
    history = ArchiveHistory(place.open())
    said = messages("one")
    await history.append(ID, said, key="run-1")
    await history.append(ID, said, key="run-1")
    await history.append(ID, [])
    assert await history.load(ID) == said


async def test_two_writers_lose_nothing(place: Place) -> None:
    writers = [ArchiveHistory(place.open()) for _ in range(2)]
    said = [messages(f"{number}") for number in range(10)]
    await asyncio.gather(*(writers[number % 2].append(ID, each) for number, each in enumerate(said)))
    found = await writers[0].load(ID)
    # A run's messages stay together, in whichever order the runs came.
    assert sorted((found[at : at + 2] for at in range(0, len(found), 2)), key=repr) == sorted(said, key=repr)


async def test_save_replaces_and_delete_removes(place: Place) -> None:
    history = ArchiveHistory(place.open())
    assert await history.load(ID) == []
    await history.append(ID, messages("one"))
    summary = messages("summary")
    await history.save(ID, summary)
    assert await history.load(ID) == summary
    await history.delete(ID)
    await history.delete(ID)
    assert await history.load(ID) == []


async def test_an_asyncio_archive_has_no_methods_that_block() -> None:
    async with AsyncSessionStore("memory://") as store:
        history = ArchiveHistory(store)
        said = messages("one")
        await history.append(ID, said)
        assert await history.load(ID) == said
        with pytest.raises(InvalidOption, match="asynchronous"):
            history.load_sync(ID)


def test_what_is_no_message_is_refused_and_named_without_its_content(place: Place) -> None:
    store = place.open()
    history = ArchiveHistory(store)
    with pytest.raises(InvalidOption):
        history.append_sync(ID, [{"kind": "secret"}])
    assert not store.exists("pydantic-ai/" + ID)
    store.append("pydantic-ai/" + ID, {"kind": "secret"})
    with pytest.raises(CorruptObject) as caught:
        history.load_sync(ID)
    assert "secret" not in str(caught.value)
    assert ID in str(caught.value)
