"""The two faces offer the same, and everything that is public says what it does."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import s3store
from s3store import (
    Artifacts,
    AsyncArtifacts,
    AsyncEvents,
    AsyncInbox,
    AsyncInboxMessage,
    AsyncRetention,
    AsyncSession,
    AsyncSessionIndex,
    AsyncSessionStore,
    AsyncTraces,
    Events,
    Inbox,
    InboxMessage,
    Retention,
    Session,
    SessionIndex,
    SessionStore,
    Traces,
)
from s3store.contracts.broker import AsyncBroker, AsyncSessionsTool, Broker, SessionsTool

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS: list[tuple[type, type]] = [
    (SessionStore, AsyncSessionStore),
    (Session, AsyncSession),
    (SessionIndex, AsyncSessionIndex),
    (Retention, AsyncRetention),
    (Events, AsyncEvents),
    (Traces, AsyncTraces),
    (Artifacts, AsyncArtifacts),
    (Inbox, AsyncInbox),
    (InboxMessage, AsyncInboxMessage),
    (Broker, AsyncBroker),
    (SessionsTool, AsyncSessionsTool),
]
HANDED_OUT = {"session", "index", "retention", "artifacts", "traces", "runs", "verification", "inbox"}
CONTEXT = {"__enter__": "__aenter__", "__exit__": "__aexit__"}
OF_THE_STORE_ALONE = {
    "close", "session", "scan", "holds", "check", "warm", "cleanup", "index", "list", "page", "count", "running",
    "stuck", "search", "export", "copy_to", "pack", "restore", "unpack_all", "retention", "maintain", "erase", "flush",
}  # fmt: skip


def methods(face: type) -> dict[str, Any]:
    """The methods and properties that a face itself defines, the private ones aside."""
    return {
        CONTEXT.get(name, name): found
        for name, found in vars(face).items()
        if (not name.startswith("_") or name in {*CONTEXT, *CONTEXT.values(), "__init__"})
        and isinstance(found, FunctionType | property)
    }


def signature(method: Any) -> inspect.Signature:
    return inspect.signature(getattr(method, "fget", method))


def spelled(text: object) -> str:
    """A type as it is written, in the words of the blocking face."""
    return re.sub(r"\bAsync(?=Iterator|Session|Artifacts|Events|Traces|Inbox|Broker|Retention)", "", str(text))


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_both_faces_have_the_same_methods(blocking: type, asynchronous: type) -> None:
    assert list(methods(blocking)) == list(methods(asynchronous))


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_both_faces_take_and_return_the_same(blocking: type, asynchronous: type) -> None:
    for name, method in methods(blocking).items():
        other = methods(asynchronous)[name]
        one, two = signature(method), signature(other)
        assert [spelled(parameter) for parameter in one.parameters.values()] == [
            spelled(parameter) for parameter in two.parameters.values()
        ], name
        assert spelled(one.return_annotation) == spelled(two.return_annotation), name


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_what_sends_is_awaited_and_what_gives_records_is_iterated(blocking: type, asynchronous: type) -> None:
    for name, method in methods(asynchronous).items():
        function = getattr(method, "fget", method)
        returns = str(signature(method).return_annotation)
        at_once = name in {"__init__", "id", *HANDED_OUT} or returns.startswith("AsyncIterator")
        assert inspect.iscoroutinefunction(function) != at_once, name
        assert not inspect.iscoroutinefunction(methods(blocking)[name]), name


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_both_faces_say_the_same_of_each_method(blocking: type, asynchronous: type) -> None:
    for name, method in methods(blocking).items():
        if name.startswith("__"):
            continue
        one, two = inspect.getdoc(method), inspect.getdoc(methods(asynchronous)[name])
        assert one
        assert spelled(one) == spelled(two), name


@pytest.mark.parametrize(("store", "handle"), [(SessionStore, Session), (AsyncSessionStore, AsyncSession)])
def test_a_handle_has_the_stores_methods_without_the_id(store: type, handle: type) -> None:
    wanted = {name for name in methods(store) if not name.startswith("__")} - OF_THE_STORE_ALONE
    assert {name for name in methods(handle) if not name.startswith("__")} == wanted | {"id"}
    for name in wanted:
        one, two = inspect.signature(methods(store)[name]), inspect.signature(methods(handle)[name])
        without_id = [str(parameter) for parameter in one.parameters.values() if parameter.name != "session_id"]
        assert [str(parameter) for parameter in two.parameters.values()] == without_id, name
        assert two.return_annotation == one.return_annotation, name


def test_all_names_are_sorted_there_and_all_that_there_are() -> None:
    assert s3store.__all__ == sorted(s3store.__all__)
    for name in s3store.__all__:
        assert hasattr(s3store, name)
    public = {
        name
        for name, found in vars(s3store).items()
        if not name.startswith("_") and not isinstance(found, ModuleType) and name != "annotations"
    }
    assert public <= set(s3store.__all__)


def modules() -> list[str]:
    names = [found.name for found in pkgutil.walk_packages(s3store.__path__, "s3store.")]
    return ["s3store", *(name for name in names if not any(part.startswith("_") for part in name.split(".")))]


def defined_in(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every public class and function of a module, and the public methods of its public classes."""
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(found):
            yield name, found
            for inner, method in vars(found).items():
                function = getattr(method, "__func__", method)
                if not inner.startswith(("_", "test_")) and isinstance(function, FunctionType | property):
                    yield f"{name}.{inner}", method
        elif isinstance(found, FunctionType):
            yield name, found


@pytest.mark.parametrize("name", modules())
def test_everything_public_says_what_it_does(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} needs {error.name}")
    assert inspect.getdoc(module), name
    silent = [
        f"{name}.{inner}"
        for inner, found in defined_in(module)
        if not (getattr(found, "__func__", found).__doc__ or "").strip()
    ]
    assert silent == []
