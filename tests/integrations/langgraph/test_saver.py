"""`ArchiveSaver` by LangGraph's own conformance suite, and by what that does not ask."""

from __future__ import annotations

import asyncio
import operator
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from s3store import AsyncSessionStore, CorruptObject, InvalidOption, SessionStore
from s3store.integrations.langgraph import ArchiveSaver
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.archives import Place

pytestmark = pytest.mark.anyio

BASE, OPTIONAL = 5, 3
"""How many capabilities the suite tests."""


@dataclass
class Allowed:
    """What a serializer makes again only where it is on the list of what it may make."""

    number: int


class State(TypedDict):
    said: Annotated[list[str], operator.add]
    steps: int


def graph(saver: Any, steps: int = 3) -> Any:
    """Return a graph that goes round so many times."""
    builder = StateGraph(State)
    builder.add_node("work", lambda state: {"said": [f"step {state['steps']}"], "steps": state["steps"] + 1})
    builder.add_edge(START, "work")
    builder.add_conditional_edges("work", lambda state: END if state["steps"] % steps == 0 else "work")
    return builder.compile(checkpointer=saver)


def config(thread: str = "t/1 ü", **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", **more}}


def run(saver: Any, thread: str = "t/1 ü", steps: int = 3) -> Any:
    return graph(saver, steps).invoke({"said": ["go"], "steps": 0}, {**config(thread), "recursion_limit": 1000})


def put(saver: ArchiveSaver, place: Any, values: dict[str, Any], **metadata: Any) -> Any:
    """Store a checkpoint in which all channels are new."""
    version = saver.get_next_version(None)
    versions: Any = dict.fromkeys(values, version)
    checkpoint = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
    return saver.put(place, checkpoint, metadata, versions)  # type: ignore[arg-type]


def values_of(found: Any) -> Any:
    assert found is not None
    return found.checkpoint["channel_values"]


async def conforms(open_saver: Any) -> None:
    @checkpointer_test(name="s3store")
    async def factory() -> AsyncIterator[ArchiveSaver]:
        yield open_saver()

    report = await validate(factory)
    failures = {name: result.failures for name, result in report.results.items() if result.failures}
    assert not failures
    assert len(report.results) == BASE + OPTIONAL
    assert all(result.passed for result in report.results.values())


async def test_conformance(place: Place) -> None:
    store = place.open()
    await conforms(lambda: ArchiveSaver(store))


async def test_conformance_on_the_event_loop() -> None:
    async with AsyncSessionStore("memory://") as store:
        await conforms(lambda: ArchiveSaver(store))


def test_a_graph_goes_on_in_another_process(place: Place) -> None:
    beside = InMemorySaver()
    assert run(ArchiveSaver(place.open())) == run(beside)
    other = ArchiveSaver(place.open())
    assert run(other) == run(beside)
    ours = [(each.checkpoint["channel_values"], each.metadata) for each in other.list(config())]
    theirs = [(each.checkpoint["channel_values"], each.metadata) for each in beside.list(config())]
    assert ours == theirs
    assert len(ours) > 8


def test_an_interrupt_is_resumed_in_another_process(place: Place) -> None:
    def ask(state: State) -> Any:
        return {"said": [interrupt("who?")]}

    def build(saver: ArchiveSaver) -> Any:
        builder = StateGraph(State)
        builder.add_node("ask", ask)
        builder.add_edge(START, "ask")
        return builder.compile(checkpointer=saver)

    build(ArchiveSaver(place.open())).invoke({"said": ["go"], "steps": 0}, config())
    found = build(ArchiveSaver(place.open())).invoke(Command(resume="me"), config())
    assert found["said"] == ["go", "me"]


def test_lists_that_shrink_change_or_are_replaced(place: Place) -> None:
    saver = ArchiveSaver(place.open())
    states = [
        [1, 2, 3],
        [1, 2, 3, 4],
        [1, 9],
        [],
        [7],
        "text",
        ["text", None, b"x"],
        ["text", None, b"x", {"n": 1}],
        None,
    ]
    at = config()
    for state in states:
        at = put(saver, at, {"c": state})
    for reader in (saver, ArchiveSaver(place.open())):
        found = [each.checkpoint["channel_values"]["c"] for each in reader.list(config())]
        assert found == states[::-1]


def test_two_processes_on_one_thread_lose_nothing(place: Place) -> None:
    first, second = ArchiveSaver(place.open()), ArchiveSaver(place.open())
    ids = []
    at = config()
    for number in range(6):
        at = put((first, second)[number % 2], at, {"c": list(range(number))})
        ids.append(at["configurable"]["checkpoint_id"])
        (second, first)[number % 2].put_writes(at, [("c", number)], f"task-{number}")
    for saver in (first, second, ArchiveSaver(place.open())):
        found = list(saver.list(config()))
        assert [each.config["configurable"]["checkpoint_id"] for each in found] == ids[::-1]
        assert [each.checkpoint["channel_values"]["c"] for each in found] == [list(range(n)) for n in range(6)][::-1]
        assert [each.pending_writes for each in found] == [[(f"task-{n}", "c", n)] for n in range(6)][::-1]


async def test_writes_side_by_side(place: Place) -> None:
    savers = [ArchiveSaver(place.open()) for _ in range(4)]
    at = put(savers[0], config(), {"c": 1})
    await asyncio.gather(*(saver.aput_writes(at, [("c", n)], f"task-{n}") for n, saver in enumerate(savers)))
    found = await savers[0].aget_tuple(at)
    assert found is not None
    assert sorted(found.pending_writes) == [(f"task-{n}", "c", n) for n in range(4)]


def test_a_thread_that_another_process_deleted_begins_anew(place: Place) -> None:
    first, second = ArchiveSaver(place.open()), ArchiveSaver(place.open())
    at = put(first, config(), {"c": [1]})
    first.put_writes(at, [("c", 1)], "task")
    second.delete_thread("t/1 ü")
    assert first.get_tuple(config()) is None
    at = put(first, config(), {"c": [1, 2]})
    second.delete_thread("t/1 ü")
    at = put(first, at, {"c": [1, 2, 3]})
    found = second.get_tuple(config())
    assert found is not None
    assert found.checkpoint["channel_values"] == {"c": [1, 2, 3]}
    assert len(list(second.list(config()))) == 1


def test_what_another_process_pruned_is_not_built_on(place: Place) -> None:
    first, second = ArchiveSaver(place.open()), ArchiveSaver(place.open())
    at = config()
    for number in range(1, 5):
        at = put(first, at, {"c": list(range(number)), "d": "x" * number})
    second.prune(["t/1 ü"])
    at = put(first, at, {"c": list(range(6))})
    for saver in (first, second, ArchiveSaver(place.open())):
        found = [each.checkpoint["channel_values"] for each in saver.list(config())]
        assert found == [{"c": list(range(6))}, {"c": list(range(4)), "d": "xxxx"}]


def test_pruning_keeps_what_a_delta_channel_needs(place: Place) -> None:
    saver = ArchiveSaver(place.open())
    at = put(saver, config(), {"old": 1})
    seed = at = put(saver, at, {"delta": "seed"})
    for number in range(3):
        saver.put_writes(at, [("delta", number)], "task")
        version = saver.get_next_version(None)
        checkpoint: Any = {**empty_checkpoint(), "channel_values": {}, "channel_versions": {"delta": version}}
        counters: Any = {"counters_since_delta_snapshot": {"delta": (number + 1, number + 1)}}
        at = saver.put(at, checkpoint, counters, {"delta": version})
    before = saver.get_delta_channel_history(config=at, channels=["delta"])
    saver.prune(["t/1 ü"])
    assert saver.get_delta_channel_history(config=at, channels=["delta"]) == before
    assert [write[2] for write in before["delta"]["writes"]] == [0, 1, 2]
    kept = [each.config for each in saver.list(config())]
    assert (len(kept), kept[-1]) == (4, seed)


def test_a_checkpoint_adds_what_changed() -> None:
    """The bytes of a thread grow with its steps, not with their square."""
    sizes = {}
    for steps in (50, 200):
        counting = CountingStore(MemoryStore())
        with SessionStore(counting) as store:
            run(ArchiveSaver(store), steps=steps)
            sizes[steps] = store.info("langgraph/t/1 ü").size
    assert sizes[200] < 6 * sizes[50]


def test_requests(place: Place) -> None:
    if not place.listed("sessions/"):
        run(ArchiveSaver(place.open()))
    counting = CountingStore(place.objects)
    with SessionStore(counting) as store:
        saver = ArchiveSaver(store)
        assert saver.get_tuple(config()) is not None
        assert counting.reset().gets == 1
        at = put(saver, config(), {"c": 1})
        counting.reset()
        put(saver, at, {"c": 2})
        counted = counting.reset()
        assert (counted.gets, counted.lists) == (0, 0)


def test_the_other_face_and_strategies_are_refused(place: Place) -> None:
    saver = ArchiveSaver(place.open())
    with pytest.raises(InvalidOption, match="keep_latest"):
        saver.prune(["t"], strategy="some")


async def test_an_asyncio_archive_has_no_methods_that_block() -> None:
    async with AsyncSessionStore("memory://") as store:
        saver = ArchiveSaver(store)
        with pytest.raises(InvalidOption, match="asynchronous"):
            saver.get_tuple(config())
        result = await graph(saver).ainvoke({"said": ["go"], "steps": 0}, config())
        assert result["steps"] == 3
        assert len([each async for each in saver.alist(config(), limit=2)]) == 2


def test_foreign_records_are_named_without_their_content(place: Place) -> None:
    store = place.open()
    for foreign in ({"secret": 1}, "secret", {"kind": "value", "id": "x", "ns": "", "channel": "c", "base": "secret"}):
        store.save("langgraph/t", [foreign])
        with pytest.raises(CorruptObject) as caught:
            ArchiveSaver(place.open()).get_tuple(config("t"))
        assert "secret" not in str(caught.value)


def test_a_checkpoint_brings_back_values_that_another_process_deleted() -> None:
    objects = MemoryStore()
    with SessionStore(objects) as one, SessionStore(objects) as other:
        saver = ArchiveSaver(one)
        at = put(saver, config(), {"c": [1], "d": "x"})
        before = saver.get_tuple(at)
        assert before is not None
        ArchiveSaver(other).delete_thread("t/1 ü")
        version = saver.get_next_version(None)
        again: Any = {**empty_checkpoint(), "channel_values": {"c": [1, 2], "d": "x"}}
        again["channel_versions"] = {**before.checkpoint["channel_versions"], "c": version}
        found = saver.get_tuple(saver.put(at, again, {}, {"c": version}))
        assert found is not None
        assert found.checkpoint["channel_values"] == {"c": [1, 2], "d": "x"}


def test_a_clone_with_an_allowlist_reads_and_writes_by_its_own_serializer(place: Place) -> None:
    saver = ArchiveSaver(place.open(), serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    at = put(saver, config(), {"c": Allowed(1)})
    assert values_of(saver.get_tuple(at)) == {"c": {"number": 1}}
    clone = saver.with_allowlist([(Allowed.__module__, Allowed.__qualname__)])
    assert values_of(clone.get_tuple(at)) == {"c": Allowed(1)}
    assert values_of(saver.get_tuple(at)) == {"c": {"number": 1}}


async def test_a_thread_whose_checkpoint_is_its_own_ancestor_is_damaged(place: Place) -> None:
    saver = ArchiveSaver(place.open())
    at = put(saver, config(), {"c": 1})
    parent = saver.get_tuple(at)
    assert parent is not None
    middle = put(saver, at, {"c": 2})
    saver.put(middle, parent.checkpoint, {}, {})
    for start in (at, middle):
        with pytest.raises(CorruptObject, match="its own ancestor"):
            saver.get_delta_channel_history(config=start, channels=["other"])
        with pytest.raises(CorruptObject, match="its own ancestor"):
            await saver.aget_delta_channel_history(config=start, channels=["other"])
    assert values_of(saver.get_tuple(middle)) == {"c": 2}


def test_the_history_of_a_delta_channel_is_one_read() -> None:
    counting = CountingStore(MemoryStore())
    with SessionStore(counting) as store:
        saver = ArchiveSaver(store)
        at = put(saver, config(), {"delta": "seed", "other": 0})
        for number in range(5):
            saver.put_writes(at, [("delta", number), ("other", -number)], "task")
            at = put(saver, at, {"other": number})
        counting.reset()
        found = saver.get_delta_channel_history(config=at, channels=["delta", "other", "none"])
        assert counting.reset().gets == 1
    by_walking = BaseCheckpointSaver.get_delta_channel_history(saver, config=at, channels=["delta", "other", "none"])
    assert found == by_walking
    assert [write[2] for write in found["delta"]["writes"]] == [0, 1, 2, 3, 4]


async def test_it_is_set_up_and_left_as_savers_of_databases_are(place: Place) -> None:
    store = place.open()
    with ArchiveSaver(store) as saver:
        saver.setup()
        put(saver, config(), {"c": 1})
    async with ArchiveSaver(store) as saver:
        assert await saver.aget_tuple(config()) is not None


def test_the_bytes_sent_grow_with_the_steps() -> None:
    """A commit writes the open tail again, so that has a bound."""
    sent = {}
    for steps in (25, 100):
        counting = CountingStore(MemoryStore())
        with SessionStore(counting) as store:
            saver, at, noise = ArchiveSaver(store), config(), random.Random(steps)
            counting.reset()
            for _ in range(steps):
                at = put(saver, at, {"c": noise.randbytes(4096)})
            sent[steps] = counting.reset().bytes_up
    assert sent[100] < 5 * sent[25]
