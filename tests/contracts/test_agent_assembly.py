"""agent-assembly's contract, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store import InvalidOption, InvalidSessionId, SessionStore
from s3store.contracts.agent_assembly import (
    AgentAssemblyStore,
    AgentId,
    AsyncAgentAssemblyStore,
    Backend,
    Conflict,
    NotFound,
    Serialization,
    SessionId,
    SessionRecord,
    StorageError,
)
from tests.archives import QUICK

from .faces import on
from .faults import Faulty, answers_lost, is_head, outage

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ONE, TWO = SessionId(bytes(range(16))), SessionId(bytes(range(16, 32)))
AGENT, OTHER = AgentId(b"a" * 16), AgentId(b"\xff" * 16)
NOW = 1_700_000_000_000_000_000


def open_contract(place: Place) -> Any:
    return on(place.open(), AgentAssemblyStore, AsyncAgentAssemblyStore)


@pytest.fixture
def store(place: Place) -> Any:
    return open_contract(place)


def test_case_49_what_was_saved_is_loaded(place: Place, store: Any) -> None:
    store.save(SessionRecord(ONE, AGENT, NOW))
    store.save(SessionRecord(TWO, OTHER, 5))
    other = open_contract(place)
    assert other.load(ONE) == SessionRecord(ONE, AGENT, NOW)
    assert other.load(TWO) == SessionRecord(TWO, OTHER, 5)


def test_case_50_a_save_replaces_agent_and_start(store: Any) -> None:
    store.save(SessionRecord(ONE, AGENT, NOW))
    store.save(SessionRecord(ONE, OTHER, 7))
    assert store.load(ONE) == SessionRecord(ONE, OTHER, 7)


def test_case_51_what_is_not_there_is_not_found(store: Any) -> None:
    with pytest.raises(NotFound) as caught:
        store.load(ONE)
    assert str(caught.value) == "storage entity not found: 000102030405060708090a0b0c0d0e0f"
    store.save(SessionRecord(ONE, AGENT, NOW))
    store.delete(ONE)
    with pytest.raises(NotFound):
        store.load(ONE)


def test_case_52_a_delete_succeeds_again(store: Any) -> None:
    store.delete(ONE)
    store.save(SessionRecord(ONE, AGENT, NOW))
    store.delete(ONE)
    store.delete(ONE)


@pytest.mark.parametrize("started", [0, 2**64 - 1, NOW, 2**53 + 1])
def test_case_53_times_are_exact(place: Place, store: Any, started: int) -> None:
    store.save(SessionRecord(ONE, AGENT, started))
    assert open_contract(place).load(ONE).started_at_ns == started


@pytest.mark.parametrize("raw", [bytes(16), b"\xff" * 16, b"/..\x00\n" + bytes(11), bytes(range(240, 256))])
def test_case_54_any_16_bytes_are_an_id(store: Any, raw: bytes) -> None:
    record = SessionRecord(SessionId.from_bytes(raw), AgentId.from_bytes(raw), NOW)
    store.save(record)
    assert store.load(SessionId(raw)) == record
    assert store.load(SessionId(raw)).agent_id.as_bytes() == raw


MALFORMED: list[dict[str, Any]] = [
    {},
    {"agent": "61" * 16},
    {"attributes": {"started_at_ns": "5"}},
    {"agent": "61" * 15, "attributes": {"started_at_ns": "5"}},
    {"agent": "x" * 32, "attributes": {"started_at_ns": "5"}},
    {"agent": "61" * 16, "attributes": {"started_at_ns": 5}},
    {"agent": "61" * 16, "attributes": {"started_at_ns": "5.0"}},
    {"agent": "61" * 16, "attributes": {"started_at_ns": "-1"}},
    {"agent": "61" * 16, "attributes": {"started_at_ns": str(2**64)}},
]


@pytest.mark.parametrize("found", MALFORMED)
def test_case_55_what_is_no_record_is_a_serialization_error(place: Place, store: Any, found: dict[str, Any]) -> None:
    place.open().create(f"agent-assembly/{ONE}", **found)
    with pytest.raises(Serialization, match=r"^storage serialization error: "):
        store.load(ONE)


def test_case_55_a_damaged_object_is_a_serialization_error(place: Place, store: Any) -> None:
    store.save(SessionRecord(ONE, AGENT, NOW))
    [key] = place.listed("sessions/")
    place.write(key, place.read(key)[:-3])
    with pytest.raises(Serialization):
        open_contract(place).load(ONE)
    with pytest.raises(Serialization):
        open_contract(place).save(SessionRecord(ONE, AGENT, 1))


def test_case_56_an_outage_is_never_an_absence(place: Place) -> None:
    faulty = Faulty(place.objects)
    store = AgentAssemblyStore(SessionStore(faulty, policy=QUICK))
    store.save(SessionRecord(ONE, AGENT, NOW))
    faulty.before = outage
    for call in (
        lambda: store.load(ONE),
        lambda: store.load(TWO),
        lambda: store.save(SessionRecord(ONE, AGENT, NOW + 1)),
        lambda: store.delete(ONE),
    ):
        with pytest.raises(Backend, match=r"^storage backend unavailable: ") as caught:
            call()
        assert isinstance(caught.value, StorageError)
        assert not isinstance(caught.value, NotFound)


def test_a_lost_answer_is_settled_inside(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    store = AgentAssemblyStore(SessionStore(faulty, policy=QUICK))
    faulty.after = answers_lost(1)
    store.save(SessionRecord(ONE, AGENT, NOW))
    assert store.load(ONE) == SessionRecord(ONE, AGENT, NOW)


def test_losing_every_race_is_a_conflict(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    store = AgentAssemblyStore(SessionStore(faulty, policy=QUICK))
    store.save(SessionRecord(ONE, AGENT, NOW))
    faster = memory.open()

    def overtake(verb: str, key: str) -> None:
        if is_head(verb, key):
            faster.update(f"agent-assembly/{ONE}", name=f"{faster.info(f'agent-assembly/{ONE}').version}")

    faulty.before = overtake
    with pytest.raises(Conflict, match=r"^storage conflict: "):
        store.save(SessionRecord(ONE, AGENT, 1))
    assert store.load(ONE) == SessionRecord(ONE, AGENT, NOW)


def test_ids_are_sixteen_bytes_and_of_their_own_kind(store: Any) -> None:
    assert SessionId.from_json(list(range(16))) == ONE
    assert ONE.to_json() == list(range(16))
    assert len({ONE, SessionId(bytes(range(16))), AgentId(bytes(range(16)))}) == 2
    for wrong in (b"", bytes(15), bytes(17), "x" * 16):
        with pytest.raises(InvalidSessionId):
            SessionId(wrong)  # type: ignore[arg-type]
    for found in (None, "x", [1], [256] * 16, ["a"] * 16, 16):
        with pytest.raises(InvalidSessionId):
            AgentId.from_json(found)
    for started in (-1, 2**64, 1.5, True, "5"):
        with pytest.raises(InvalidOption):
            SessionRecord(ONE, AGENT, started)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption):
        SessionRecord(AGENT, ONE, 1)  # type: ignore[arg-type]
    for method, argument in ((store.load, "x"), (store.delete, AGENT), (store.save, ONE)):
        with pytest.raises(InvalidOption):
            method(argument)
