"""A3S's contract, case by case: the session document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    BucketNotFound,
    CommitPolicy,
    CorruptObject,
    InvalidRecord,
    SessionStore,
    StoreUnavailable,
    TooLarge,
)
from s3store.contracts.a3s import (
    A3sStore,
    AsyncA3sStore,
    LlmConfigData,
    Message,
    SessionData,
    Task,
    TextBlock,
    ToolResultBlock,
)
from s3store.objects.memory import MemoryStore
from tests.archives import QUICK, s3_options

from .faces import on, side_by_side
from .faults import Faulty, answers_lost, outage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.archives import Place
    from tests.servers import MotoServer

pytest_plugins = ["tests.archive_fixtures"]

DOCUMENT: dict[str, Any] = {
    "id": "test-session-1",
    "config": {
        "name": "Test",
        "workspace": "/work",
        "system_prompt": None,
        "max_context_length": 200000,
        "auto_compact": True,
    },
    "state": "Active",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "x", "deep": [1, {"a": None}]}},
            ],
            "reasoning_content": "hm",
        },
    ],
    "context_usage": {"used_tokens": 100, "max_tokens": 200000, "percent": 0.0005, "turns": 1},
    "total_usage": {
        "prompt_tokens": 50,
        "completion_tokens": 50,
        "total_tokens": 100,
        "cache_read_tokens": None,
        "cache_write_tokens": 3,
    },
    "tool_names": ["bash", "read"],
    "thinking_enabled": False,
    "thinking_budget": None,
    "created_at": 1700000000,
    "updated_at": 1700000100,
}


def document(session_id: str = "test-session-1", **fields: Any) -> SessionData:
    return SessionData.from_json({**DOCUMENT, "id": session_id, **fields})


def open_contract(place: Place) -> Any:
    return on(place.open(), A3sStore, AsyncA3sStore)


@pytest.fixture
def store(place: Place) -> Any:
    return open_contract(place)


def test_case_29_a_document_comes_back_as_it_was(place: Place, store: Any) -> None:
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "tool_result", "tool_use_id": "t", "content": "text", "is_error": None},
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "url", "media_type": "", "data": "u"}},
            ],
            "is_error": True,
        },
    ]
    full = document(
        messages=[*DOCUMENT["messages"], {"role": "user", "content": blocks}],
        total_cost=0.25,
        model_name="model",
        cost_records=[
            {
                "model": "m",
                "provider": "p",
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "cost_usd": 0.01,
                "timestamp": "2026-03-01T12:00:00.123456789Z",
            }
        ],
        llm_config={"provider": "p", "model": "m", "base_url": "https://host/v1"},
        tasks=[{"id": "1", "content": "do", "status": "in_progress", "dependencies": ["0"]}],
        parent_id="parent",
        tenant_id="tenant",
    )
    store.save(full)
    loaded = open_contract(place).load("test-session-1")
    assert loaded == full
    assert loaded.to_json() == full.to_json()
    assert SessionData.from_json(loaded.to_json()) == full
    assert (loaded.id, loaded.config.name, len(loaded.messages), loaded.state) == (
        "test-session-1",
        "Test",
        3,
        "Active",
    )
    found = full.to_json()
    assert found["messages"][2]["content"] == blocks
    assert found["thinking_budget"] is None
    assert "model_name" not in document().to_json()


def test_case_30_what_was_never_saved_loads_as_none(store: Any) -> None:
    assert store.load("never") is None


def test_case_31_a_document_exists_from_save_to_delete(store: Any) -> None:
    assert store.exists("test-session-1") is False
    store.save(document())
    assert store.exists("test-session-1") is True
    store.delete("test-session-1")
    assert store.exists("test-session-1") is False
    assert store.load("test-session-1") is None


def test_case_32_a_delete_succeeds_again(store: Any) -> None:
    store.delete("never")
    store.save(document())
    store.delete("test-session-1")
    store.delete("test-session-1")
    assert store.list() == []


def test_case_33_the_list_is_all_ids_sorted(place: Place, store: Any) -> None:
    assert store.list() == []
    place.open().append("other", "x")
    for name in ("session-3", "session-1", "session-2"):
        store.save(document(name))
    assert store.list() == ["session-1", "session-2", "session-3"]


def test_case_34_times_are_the_callers(store: Any) -> None:
    store.save(document())
    more = [*DOCUMENT["messages"], {"role": "user", "content": []}]
    store.save(document(updated_at=1700000200, messages=more))
    loaded = store.load("test-session-1")
    assert (len(loaded.messages), loaded.created_at, loaded.updated_at) == (3, 1700000000, 1700000200)
    store.save(document(created_at=5, updated_at=-3, messages=[]))
    loaded = store.load("test-session-1")
    assert (loaded.messages, loaded.created_at, loaded.updated_at) == ((), 5, -3)


ODD_IDS = ["../../../etc/passwd", "foo\\bar\\baz", "foo/bar\\baz..qux", "", "日本", "x" * 600]


def test_case_35_any_text_is_an_id(place: Place, store: Any) -> None:
    for name in ODD_IDS:
        store.save(document(name))
    assert store.list() == sorted(ODD_IDS)
    for name in ODD_IDS:
        assert open_contract(place).load(name) == document(name)
    assert all(key.count("/") == 3 for key in place.listed("sessions/"))
    assert all(key.split("/")[0] in {"archive.json", "index", "sessions"} for key in place.listed())


def test_case_36_ids_that_look_alike_are_distinct(store: Any) -> None:
    store.save(document("tenant/session", updated_at=1))
    store.save(document("tenant_session", updated_at=2))
    assert store.load("tenant/session").updated_at == 1
    assert store.load("tenant_session").updated_at == 2
    assert store.list() == ["tenant/session", "tenant_session"]


def test_case_37_policies_are_kept_as_they_are(store: Any) -> None:
    config = {
        **DOCUMENT["config"],
        "queue_config": {"controlMaxConcurrency": 4, "lanes": {"Query": {"max": 12}}},
        "confirmation_policy": {"enabled": True, "timeout_action": "Reject", "yolo_lanes": []},
        "permission_policy": {"deny": [{"rule": "bash(rm:*)"}], "allow": ["read"], "ask": [], "enabled": True},
        "security_config": {"nested": {"deep": [1, None]}},
        "auto_delegation": {"maxDepth": 2},
    }
    store.save(document(config=config))
    loaded = store.load("test-session-1").config
    for name in config:
        assert getattr(loaded, name) == config[name], name
    assert config.items() <= loaded.to_json().items()


SECRETS = ("sk-key-of-the-model", "sk-in-json", "sk-in-url", "sk-token", "sk-hook")


def test_case_38_no_secret_is_written_anywhere(place: Place, store: Any) -> None:
    config = LlmConfigData(provider="p", model="m", api_key=SECRETS[0], base_url=f"https://me:{SECRETS[2]}@host/v1?x=@")
    session = document(
        config={**DOCUMENT["config"], "hook_engine": SECRETS[4]},
        llm_config={"provider": "p", "model": "m", "api_key": SECRETS[1], "auth_token": SECRETS[3], "base_url": None},
    )
    store.save(session)
    assert session.llm_config is not None
    assert session.llm_config.api_key is None
    with_key = replace(session, llm_config=config)
    for text in (repr(with_key), str(with_key.to_json())):
        assert SECRETS[0] not in text
        assert "me:" not in text
    store.save(with_key)
    loaded = store.load("test-session-1").llm_config
    assert loaded == LlmConfigData(provider="p", model="m", base_url="https://host/v1?x=@")
    written = b"".join(key.encode() + stored_text(place, key) for key in place.listed())
    assert b'"provider":"p"' in written
    for secret in SECRETS:
        assert secret.encode() not in written


def stored_text(place: Place, key: str) -> bytes:
    """An object's bytes, also as they are once decompressed."""
    import zstandard

    body = place.read(key)
    if not key.endswith(".zst"):
        return body
    return body + zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read()


def test_case_39_what_is_damaged_is_an_error(place: Place, store: Any) -> None:
    store.save(document())
    [key] = place.listed("sessions/")
    whole = place.read(key)
    for damaged in (whole[:-7], b"", b'{"id":', whole[:60] + bytes([whole[60] ^ 1]) + whole[61:]):
        place.write(key, damaged)
        with pytest.raises(CorruptObject):
            open_contract(place).load("test-session-1")


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"role": "user", "content": []}],
        [{"session": {"id": "a"}}],
        [{"session": {**DOCUMENT, "state": "Asleep", "id": "a"}}],
        [{"session": {**DOCUMENT, "id": "a"}}, {"role": "user", "content": []}],
        [{"role": "user", "content": [{"type": "audio"}]}, {"session": {**DOCUMENT, "id": "a"}}],
        ["text"],
    ],
)
def test_case_39_what_is_no_document_is_an_error(place: Place, store: Any, records: list[Any]) -> None:
    place.open().save("a3s/a", records)
    with pytest.raises(CorruptObject, match="'a3s/a'"):
        store.load("a")


def test_case_40_of_saves_at_once_all_succeed(place: Place) -> None:
    clients = [open_contract(place) for _ in range(5)]
    documents = [document(updated_at=number, messages=[DOCUMENT["messages"][0]] * (number + 1)) for number in range(5)]
    side_by_side(clients, lambda client, number: client.save(documents[number]))
    assert open_contract(place).load("test-session-1") in documents


def test_case_44_health_and_name(place: Place, store: Any) -> None:
    before = place.listed()
    store.health_check()
    assert place.listed() == before
    assert store.backend_name() == "s3store"
    faulty = Faulty(place.objects)
    faulty.before = outage
    with pytest.raises(StoreUnavailable):
        A3sStore(SessionStore(faulty)).health_check()


@pytest.mark.s3
def test_case_44_a_missing_bucket_is_not_healthy(moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    url = f"s3://{bucket_name()}/x"
    with SessionStore(url, s3=s3_options(moto.url), policy=QUICK) as store, pytest.raises(BucketNotFound):
        A3sStore(store).health_check()


def test_case_45_documents_of_other_versions_are_read(place: Place, store: Any) -> None:
    old = {
        **{name: value for name, value in DOCUMENT.items() if name not in {"state", "thinking_budget"}},
        "config": {name: value for name, value in DOCUMENT["config"].items() if name != "system_prompt"},
        "todos": [{"id": "1", "description": "do", "status": "pending"}],
        "later_field": {"kept": [1]},
    }
    session = SessionData.from_json(old)
    assert session.state == "Unknown"
    assert session.tasks == (Task(id="1", content="do", status="pending"),)
    assert (session.config.auto_compact_threshold, session.config.storage_type) == (0.80, "file")
    assert (session.config.planning_mode, session.config.goal_tracking) == ("Auto", False)
    assert (session.total_cost, session.cost_records, session.llm_config) == (0, (), None)
    store.save(session)
    loaded = open_contract(place).load("test-session-1")
    assert loaded == session
    assert loaded.to_json()["later_field"] == {"kept": [1]}
    assert loaded.to_json()["tasks"][0]["content"] == "do"
    for lacking in ("id", "config", "messages", "context_usage", "created_at"):
        with pytest.raises(InvalidRecord, match=lacking):
            SessionData.from_json({name: value for name, value in old.items() if name != lacking})
    for lacking in ("name", "workspace", "max_context_length", "auto_compact"):
        config = {name: value for name, value in DOCUMENT["config"].items() if name != lacking}
        with pytest.raises(InvalidRecord, match=lacking):
            document(config=config)


def test_case_46_another_sessions_document_is_never_returned(place: Place, store: Any) -> None:
    store.save(document("one"))
    sessions = place.open()
    sessions.save("a3s/two", sessions.load("a3s/one").messages)
    with pytest.raises(CorruptObject, match="another session"):
        store.load("two")


def test_case_48_a_save_that_meets_another_version_writes_nothing(store: Any) -> None:
    assert store.version("test-session-1") == 0
    assert store.save_if(document(updated_at=1), 0) is True
    assert store.save_if(document(updated_at=2), 0) is False
    version = store.version("test-session-1")
    store.save(document(updated_at=3))
    assert store.save_if(document(updated_at=4), version) is False
    assert store.load("test-session-1").updated_at == 3
    assert store.save_if(document(updated_at=5), store.version("test-session-1")) is True
    assert store.load("test-session-1").updated_at == 5


# --- Beyond the numbered cases ----------------------------------------------------------------------------------------


def test_a_document_that_grew_is_sent_as_what_it_grew_by(place: Place, small_parts: None) -> None:
    store = open_contract(place)
    message = Message("user", (TextBlock("x" * 700),))
    session = document(messages=[])
    for number in range(1, 9):
        session = replace(session, messages=(message,) * number, updated_at=number)
        store.save(session)
        assert store.load("test-session-1") == session
    segments = set(place.listed("sessions/"))
    store.save(replace(session, messages=(message,) * 9))
    assert len(segments & set(place.listed("sessions/"))) >= len(segments) - 2


def test_a_document_that_is_too_large_is_neither_written_nor_read(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = A3sStore(memory.open())
    store.save(document())
    monkeypatch.setattr("s3store.contracts.a3s.document.MAX_DOCUMENT_BYTES", 500)
    for call in (lambda: store.save(document("b")), lambda: store.save_if(document("b"), 0)):
        with pytest.raises(TooLarge, match="over the limit of 500"):
            call()
    assert store.list() == ["test-session-1"]
    with pytest.raises(TooLarge):
        store.load("test-session-1")


def test_a_save_whose_answer_is_lost_is_settled_inside(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    impatient = CommitPolicy(seconds=20, attempts=1, pause=0.0001, longest_pause=0.0001)
    store = A3sStore(SessionStore(faulty, policy=impatient))
    store.save(document(updated_at=1))
    faulty.after = answers_lost(1)
    store.save(document(updated_at=2))
    assert store.load("test-session-1").updated_at == 2  # type: ignore[union-attr]


def test_an_outage_is_never_an_absence() -> None:
    faulty = Faulty(MemoryStore())
    store = A3sStore(SessionStore(faulty, policy=QUICK))
    faulty.before = outage
    calls: list[Callable[[], object]] = [
        lambda: store.load("a"),
        lambda: store.exists("a"),
        lambda: store.version("a"),
        store.list,
        lambda: store.delete("a"),
        lambda: store.save(document()),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


def test_wrong_documents_are_refused(store: Any) -> None:
    with pytest.raises(InvalidRecord, match="a SessionData is wanted, not dict"):
        store.save(DOCUMENT)
    for wrong in (
        {"messages": [{"role": "user", "content": "text is no array"}]},
        {"created_at": "yesterday"},
        {"created_at": 1.5},
        {"context_usage": {"used_tokens": 1}},
        {"tool_names": "bash"},
        {"thinking_enabled": 1},
        {"tasks": None},
    ):
        with pytest.raises(InvalidRecord):
            document(**wrong)
    with pytest.raises(InvalidRecord, match=r"ToolResultBlock\.content"):
        ToolResultBlock("t", 5)  # type: ignore[arg-type]
