"""Both faces of a contract offer the same, and the one that its users know is the contract to the letter."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from s3store import AsyncSessionStore, InvalidOption, SessionStore
from s3store.contracts import a3s, agent_assembly, brainwires, zeroclaw
from tests.archives import open_place
from tests.test_faces import methods, signature

from .faces import on
from .test_a3s import document

if TYPE_CHECKING:
    from contextlib import ExitStack

    from s3store.contracts.agent_assembly import SessionStore as AgentAssembly
    from s3store.contracts.brainwires import SessionStore as Brainwires

pytest_plugins = ["tests.archive_fixtures"]

CONTRACTS = [
    (brainwires.BrainwiresStore, brainwires.AsyncBrainwiresStore, brainwires.SessionStore),
    (a3s.A3sStore, a3s.AsyncA3sStore, a3s.SessionStore),
    (agent_assembly.AgentAssemblyStore, agent_assembly.AsyncAgentAssemblyStore, agent_assembly.SessionStore),
    (zeroclaw.ZeroclawBackend, zeroclaw.AsyncZeroclawBackend, zeroclaw.SessionBackend),
]
OURS: dict[type, set[str]] = {
    a3s.SessionStore: {"version", "save_if", "save_snapshot", "load_snapshot"},
    zeroclaw.SessionBackend: {"flush"},
}
"""What an implementation offers beyond its contract."""


def public(face: type) -> dict[str, Any]:
    """The public methods of a face, its core's among them."""
    found: dict[str, Any] = {}
    for base in reversed(face.__mro__):
        found |= {name: method for name, method in methods(base).items() if not name.startswith("__")}
    return found


def parameters(method: Any) -> list[str]:
    return [str(parameter) for parameter in signature(method).parameters.values()]


@pytest.mark.parametrize(("blocking", "asynchronous", "contract"), CONTRACTS)
def test_both_faces_have_the_same_methods(blocking: type, asynchronous: type, contract: type) -> None:
    one, two = public(blocking), public(asynchronous)
    assert list(one) == list(two)
    for name in one:
        assert parameters(one[name]) == parameters(two[name]), name
        assert signature(one[name]).return_annotation == signature(two[name]).return_annotation, name
        assert inspect.iscoroutinefunction(two[name]) != (name == "backend_name"), name
        assert not inspect.iscoroutinefunction(one[name]), name
        assert inspect.getdoc(one[name]) == inspect.getdoc(two[name]), name


@pytest.mark.parametrize(("blocking", "asynchronous", "contract"), CONTRACTS)
def test_both_faces_have_the_methods_of_the_contract(blocking: type, asynchronous: type, contract: type) -> None:
    wanted = public(contract)
    found = public(blocking)
    assert found.keys() - OURS.get(contract, set()) == wanted.keys()
    for name in found.keys() & wanted.keys():
        assert parameters(found[name]) == parameters(wanted[name]), name
        assert signature(found[name]).return_annotation == signature(wanted[name]).return_annotation, name
        assert inspect.getdoc(found[name]) == f"See `{contract.__name__}.{name}`."
        assert inspect.getdoc(wanted[name]), name


def test_the_implementations_are_the_contracts_for_a_type_checker() -> None:
    store = AsyncSessionStore("memory://")
    known: tuple[Brainwires, AgentAssembly] = (
        brainwires.AsyncBrainwiresStore(store),
        agent_assembly.AsyncAgentAssemblyStore(store),
    )
    assert len(known) == 2


@pytest.mark.parametrize(("blocking", "asynchronous", "contract"), CONTRACTS)
def test_a_face_wants_a_store_of_its_own_kind(blocking: type, asynchronous: type, contract: type) -> None:
    for face, wrong in ((blocking, AsyncSessionStore("memory://")), (asynchronous, SessionStore("memory://"))):
        for given in (wrong, "memory://", None):
            with pytest.raises(InvalidOption, match="SessionStore is wanted"):
                face(given)


def test_several_contracts_share_an_archive() -> None:
    with SessionStore("memory://") as store:
        known: Any = [
            brainwires.BrainwiresStore(store),
            zeroclaw.ZeroclawBackend(store),
            agent_assembly.AgentAssemblyStore(store),
        ]
        known[0].save("a", [brainwires.Message("user", "of brainwires")])
        known[1].append("a", zeroclaw.ChatMessage("user", "of zeroclaw"))
        record = agent_assembly.SessionRecord(agent_assembly.SessionId(bytes(16)), agent_assembly.AgentId(bytes(16)), 1)
        known[2].save(record)
        store.append("a", "of nobody")
        assert [session.id for session in store.list(order="oldest")] == [
            "brainwires/a",
            "zeroclaw/a",
            f"agent-assembly/{'0' * 32}",
            "a",
        ]
        assert [session.id for session in known[0].list()] == known[1].list_sessions() == ["a"]
        known[0].delete("a")
        assert known[1].load("a") == [zeroclaw.ChatMessage("user", "of zeroclaw")]
        assert known[2].load(record.session_id) == record


@pytest.mark.aioboto3
def test_each_contract_works_on_aioboto3(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> None:
    store = open_place("s3-async", request, tmp_path, closing).open()
    chats = on(store, brainwires.BrainwiresStore, brainwires.AsyncBrainwiresStore)
    chats.save("a", [brainwires.Message("user", "x")])
    assert chats.load("a") == [brainwires.Message("user", "x")]
    documents = on(store, a3s.A3sStore, a3s.AsyncA3sStore)
    documents.save(document("a"))
    documents.save_trace_events("a", [])
    assert (documents.load("a"), documents.load_trace_events("a"), documents.list()) == (document("a"), [], ["a"])
    documents.health_check()
    records = on(store, agent_assembly.AgentAssemblyStore, agent_assembly.AsyncAgentAssemblyStore)
    record = agent_assembly.SessionRecord(agent_assembly.SessionId(bytes(16)), agent_assembly.AgentId(bytes(16)), 1)
    records.save(record)
    assert records.load(record.session_id) == record
    backend = on(store, zeroclaw.ZeroclawBackend, zeroclaw.AsyncZeroclawBackend, coalesce=3600)
    backend.append("a", zeroclaw.ChatMessage("assistant", ""))
    for text in ("one", "two", "three"):
        backend.update_last("a", zeroclaw.ChatMessage("assistant", text))
    assert backend.load("a") == [zeroclaw.ChatMessage("assistant", "three")]


def test_every_numbered_case_has_a_test() -> None:
    found = {
        int(number)
        for file in Path(__file__).parent.parent.rglob("test_*.py")
        for number in re.findall(r"^def test_case_(\d\d)_", file.read_text(), re.MULTILINE)
    }
    assert found == set(range(1, 81))
