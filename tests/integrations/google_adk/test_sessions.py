"""`ArchiveSessionService` on each kind of archive, and under ADK's own runner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.adk.agents.base_agent import BaseAgent
from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.session import Session
from google.genai import types

from s3store import AsyncSessionStore, CorruptObject, InvalidOption, SessionStore, TooLarge
from s3store.integrations.google_adk import ArchiveSessionService
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.archives import Place

pytestmark = pytest.mark.anyio

USER: dict[str, Any] = {"app_name": "app/1", "user_id": "mia ü%"}
OF: dict[str, Any] = {**USER, "session_id": "s/1"}
STORED = "google-adk/app%2F1/mia ü%25/s%2F1"


def said(text: str, *, author: Any = "user", at: Any = None, **delta: Any) -> Event:
    event = Event(
        author=author,
        invocation_id="i",
        content=types.Content(role=author, parts=[types.Part(text=text)]),
        actions=EventActions(state_delta=delta),
    )
    if at is not None:
        event.timestamp = at
    return event


def texts(session: Session | None) -> list[str]:
    assert session is not None
    return [event.content.parts[0].text for event in session.events]


@pytest.fixture
def service(place: Place) -> ArchiveSessionService:
    return ArchiveSessionService(place.open())


async def test_events_come_back_as_they_were(place: Place) -> None:
    service = ArchiveSessionService(place.open())
    session = await service.create_session(**OF, state={"n": 1})
    blob = types.Part(inline_data=types.Blob(data=b"\xff\x00", mime_type="x/y"))
    events = [
        said("one", key={"deep": [None, 2.5]}, gone=None),
        Event(author="agent", content=types.Content(role="model", parts=[blob, types.Part(text="hm", thought=True)])),
        Event(author="agent", long_running_tool_ids={"b", "a"}, error_code="E", custom_metadata={"m": 1}),
    ]
    for event in events:
        assert await service.append_event(session, event) is event
    found = await ArchiveSessionService(place.open()).get_session(**OF)
    assert found is not None
    assert found.events == events == session.events
    assert found.state == session.state == {"n": 1, "key": {"deep": [None, 2.5]}, "gone": None}
    assert found.last_update_time == pytest.approx(events[-1].timestamp, abs=1e-5)
    assert (found.app_name, found.user_id, found.id) == ("app/1", "mia ü%", "s/1")


async def test_ids_are_given_and_kept(service: ArchiveSessionService) -> None:
    made = await service.create_session(**USER)
    blank = await service.create_session(**USER, session_id="  ")
    assert made.id
    assert blank.id.strip()
    assert made.id != blank.id
    assert made.last_update_time > 0
    await service.create_session(**OF)
    with pytest.raises(AlreadyExistsError):
        await service.create_session(**OF, state={"app:n": 1})
    assert (await service.get_session(**OF)).state == {}  # type: ignore[union-attr]


async def test_what_is_not_there(service: ArchiveSessionService) -> None:
    assert await service.get_session(**OF) is None
    assert (await service.list_sessions(app_name="app/1")).sessions == []
    assert await service.get_user_state(**USER) == {}
    await service.delete_session(**OF)
    with pytest.raises(SessionNotFoundError):
        await service.append_event(Session(id="s", app_name="a", user_id="u"), said("one"))


async def test_state_has_scopes(service: ArchiveSessionService) -> None:
    first = await service.create_session(**OF, state={"app:a": 1, "user:u": 1, "temp:t": 1, "s": 1})
    assert first.state == {"app:a": 1, "user:u": 1, "s": 1}
    event = said("one", **{"app:a": 2, "user:v": 2, "temp:t": 2, "s": 2})
    await service.append_event(first, event)
    assert first.state == {"app:a": 2, "user:u": 1, "user:v": 2, "temp:t": 2, "s": 2}
    found = await service.get_session(**OF)
    assert found is not None
    assert found.state == {"app:a": 2, "user:u": 1, "user:v": 2, "s": 2}
    assert found.events[0].actions.state_delta == {"app:a": 2, "user:v": 2, "s": 2}
    same_user = await service.create_session(**USER, session_id="other")
    assert same_user.state == {"app:a": 2, "user:u": 1, "user:v": 2}
    other_user = await service.create_session(app_name="app/1", user_id="bo")
    assert other_user.state == {"app:a": 2}
    other_app = await service.create_session(app_name="app", user_id="mia ü%")
    assert other_app.state == {}
    assert await service.get_user_state(**USER) == {"u": 1, "v": 2}


async def test_shared_state_loses_no_writer(place: Place) -> None:
    services = [ArchiveSessionService(place.open()) for _ in range(2)]
    await asyncio.gather(
        *(services[n % 2].create_session(**USER, state={f"user:{n}": n, f"app:{n}": n}) for n in range(6))
    )
    last = await services[0].create_session(**USER)
    assert last.state == {f"{scope}:{n}": n for scope in ("user", "app") for n in range(6)}


async def test_partial_events_are_not_stored(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    event = said("hal", s=1)
    event.partial = True
    assert await service.append_event(session, event) is event
    assert session.events == []
    assert (await service.get_session(**OF)).events == []  # type: ignore[union-attr]


async def test_a_stale_session_is_refused_and_nothing_is_lost(place: Place) -> None:
    one, two = ArchiveSessionService(place.open()), ArchiveSessionService(place.open())
    await one.create_session(**OF)
    mine, other = await one.get_session(**OF), await two.get_session(**OF)
    assert mine is not None
    assert other is not None
    await one.append_event(mine, said("one"))
    with pytest.raises(StaleSessionError):
        await two.append_event(other, said("lost?", **{"s": 1, "user:u": 1}))
    assert texts(other) == []
    again = await two.get_session(**OF)
    assert again is not None
    assert again.state == {}
    await two.append_event(again, said("two"))
    with pytest.raises(StaleSessionError):
        await one.append_event(mine, said("three"))
    assert texts(await one.get_session(**OF)) == ["one", "two"]


async def test_one_session_object_takes_events_side_by_side(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    await asyncio.gather(*(service.append_event(session, said(str(n))) for n in range(6)))
    found = await service.get_session(**OF)
    assert texts(found) == texts(session)
    assert sorted(texts(found)) == list("012345")


async def test_an_event_that_comes_again_is_stored_once(place: Place) -> None:
    service = ArchiveSessionService(place.open())
    session = await service.create_session(**OF)
    event = said("one")
    await service.append_event(session, event)
    await service.append_event(session, event)
    await service.append_event(session, said("two"))
    assert texts(session) == ["one", "two"]
    assert texts(await service.get_session(**OF)) == ["one", "two"]
    another = said("another")
    another.id = event.id
    with pytest.raises(InvalidOption, match="another event of that id"):
        await service.append_event(session, another)


async def test_a_session_that_was_made_from_json_goes_on_if_it_is_up_to_date(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    empty = Session.model_validate_json(session.model_dump_json())
    await service.append_event(empty, said("one"))
    copied = Session.model_validate_json(empty.model_dump_json())
    await service.append_event(copied, said("two"))
    with pytest.raises(StaleSessionError):
        await service.append_event(Session.model_validate_json(empty.model_dump_json()), said("three"))
    assert texts(await service.get_session(**OF)) == ["one", "two"]


async def test_a_session_that_was_deleted_stays_so(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    await service.delete_session(**OF)
    with pytest.raises(SessionNotFoundError):
        await service.append_event(session, said("one"))
    await service.create_session(**OF)
    with pytest.raises(SessionNotFoundError):
        await service.append_event(session, said("one"))
    assert texts(await service.get_session(**OF)) == []


async def test_get_with_a_config(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    for number in range(5):
        await service.append_event(session, said(str(number), at=float(number + 1), n=number))

    async def get(**config: Any) -> list[str]:
        found = await service.get_session(**OF, config=GetSessionConfig(**config))
        assert found is not None
        assert found.state == {"n": 4}
        return texts(found)

    assert await get() == list("01234")
    assert await get(num_recent_events=2) == ["3", "4"]
    assert await get(num_recent_events=9) == list("01234")
    assert await get(num_recent_events=0) == []
    assert await get(after_timestamp=4.0) == ["3", "4"]
    assert await get(after_timestamp=9.0) == []
    assert await get(num_recent_events=3, after_timestamp=4.0) == ["3", "4"]
    few = await service.get_session(**OF, config=GetSessionConfig(num_recent_events=1))
    assert few is not None
    await service.append_event(few, said("5"))


async def test_lists_have_states_and_the_last_updated_last(service: ArchiveSessionService) -> None:
    for number, name in enumerate("cab"):
        session = await service.create_session(**USER, session_id=name, state={"n": name, "user:u": 1})
        await service.append_event(session, said("x", at=float(number + 1)))
    await service.create_session(app_name="app/1", user_id="bo", session_id="d", state={"app:a": 1})
    await service.create_session(app_name="app/12", user_id="bo")
    found = (await service.list_sessions(**USER)).sessions
    assert [session.id for session in found] == ["c", "a", "b"]
    assert [session.state for session in found] == [{"n": name, "user:u": 1, "app:a": 1} for name in "cab"]
    assert all(session.events == [] for session in found)
    everybody = (await service.list_sessions(app_name="app/1")).sessions
    assert [(session.user_id, session.id) for session in everybody] == [
        *(("mia ü%", name) for name in "cab"),
        ("bo", "d"),
    ]
    await service.append_event(found[1], said("goes on"))
    await service.delete_session(**USER, session_id="c")
    assert [session.id for session in (await service.list_sessions(**USER)).sessions] == ["b", "a"]


async def test_what_the_archive_shows(place: Place) -> None:
    store = place.open()
    service = ArchiveSessionService(store)
    session = await service.create_session(**OF)
    await service.append_event(session, said("Plan a trip\nto Rome", author="user"))
    await service.append_event(session, said("Sure", author="agent"))
    [summary] = store.list(id_prefix="google-adk/")
    assert (summary.id, summary.name, summary.agent) == (STORED, "Plan a trip", "google-adk")
    assert (summary.channel, summary.sender, summary.count) == ("app/1", "mia ü%", 2)


async def test_what_cannot_be_kept_is_refused_before_anything_is_written(service: ArchiveSessionService) -> None:
    with pytest.raises(InvalidOption, match="no JSON"):
        await service.create_session(**OF, state={"f": object()})
    with pytest.raises(TooLarge):
        await service.create_session(**OF, state={"f": "x" * 300_000})
    assert await service.get_session(**OF) is None
    session = await service.create_session(**OF)
    with pytest.raises(TooLarge):
        await service.append_event(session, said("one", f="x" * 300_000))
    with pytest.raises(InvalidOption, match="timestamp"):
        await service.append_event(session, said("one", at=1e300))
    assert session.events == []
    await service.append_event(session, said("two"))
    assert texts(await service.get_session(**OF)) == ["two"]


async def test_what_is_no_event_is_said_to_be_none(place: Place) -> None:
    store = place.open()
    service = ArchiveSessionService(store)
    await service.create_session(**OF)
    store.append(STORED, {"author": 3, "secret": "s3cret"})
    with pytest.raises(CorruptObject, match="no event") as caught:
        await service.get_session(**OF)
    assert "s3cret" not in str(caught.value)


async def test_a_session_of_another_service_is_refused(service: ArchiveSessionService) -> None:
    session = await service.create_session(**OF)
    session._storage_update_marker = "2026-01-01T00:00:00"
    with pytest.raises(InvalidOption, match="another session service"):
        await service.append_event(session, said("one"))


async def test_it_answers_as_the_frameworks_own(service: ArchiveSessionService) -> None:
    answers = []
    for each in (service, InMemorySessionService()):
        session = await each.create_session(**OF, state={"app:a": 1, "user:u": [1], "s": {"x": 1}})
        await each.append_event(session, said("one", at=1.0, **{"s": 2, "user:u": None, "temp:t": 1}))
        await each.append_event(session, said("two", at=2.0, **{"app:b": "x"}))
        found = await each.get_session(**OF)
        assert found is not None
        answers.append((session.state, found.state, texts(found), found.last_update_time))
    assert answers[0] == answers[1]


class Counter(BaseAgent):
    """Says how often it was asked, which it keeps in the state."""

    async def _run_async_impl(self, ctx: Any) -> AsyncIterator[Event]:
        asked = ctx.session.state.get("asked", 0) + 1
        yield said(f"{asked}", author=self.name, **{"asked": asked, "user:asked": asked, "temp:x": 1})


async def test_adks_runner_goes_on_in_another_process(place: Place) -> None:
    replies = []
    for _ in range(3):
        service = ArchiveSessionService(place.open())
        runner = Runner(
            app_name="app", agent=Counter(name="counter"), session_service=service, auto_create_session=True
        )
        message = types.Content(role="user", parts=[types.Part(text="hi")])
        events = runner.run_async(user_id="mia", session_id="s", new_message=message)
        replies += [event.content.parts[0].text async for event in events]
        await runner.close()
    assert replies == ["1", "2", "3"]
    found = await service.get_session(app_name="app", user_id="mia", session_id="s")
    assert texts(found) == ["hi", "1", "hi", "2", "hi", "3"]
    assert found is not None
    assert found.state == {"asked": 3, "user:asked": 3}


async def test_either_face_serves() -> None:
    async with AsyncSessionStore("memory://") as store:
        service = ArchiveSessionService(store)
        session = await service.create_session(**OF, state={"user:u": 1})
        await asyncio.gather(*(service.append_event(session, said(str(n), **{"app:a": n})) for n in range(3)))
        assert sorted(texts(await service.get_session(**OF))) == list("012")
        assert len((await service.list_sessions(**USER)).sessions) == 1
    with pytest.raises(InvalidOption, match="SessionStore"):
        ArchiveSessionService("s3://x")  # type: ignore[arg-type]


async def test_a_long_session_is_resumed_in_few_requests() -> None:
    counting = CountingStore(MemoryStore())
    store = SessionStore(counting)
    service = ArchiveSessionService(store)
    await service.create_session(**OF)
    store.extend(STORED, [said(f"{n} " + "x" * 400).model_dump(mode="json", exclude_none=True) for n in range(4800)])
    counting.reset()
    found = await service.get_session(**OF)
    assert found is not None
    assert len(found.events) == 4800
    assert counting.reset().requests < 20
    recent = await service.get_session(**OF, config=GetSessionConfig(num_recent_events=20))
    assert texts(recent) == texts(found)[-20:]
    assert counting.reset().requests <= 4
