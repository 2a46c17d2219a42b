"""What threads of LangGraph cost in S3: our saver, and `langgraph-checkpoint-s3`, in one run.

The store is moto in a process of its own, which counts requests and bytes. A turn is one run of a graph of two nodes
that adds about 2 KB to a list of messages. Without the other package ours is measured by itself; its version 0.1.3 does
not run with a langgraph-checkpoint that is newer than 3, so it is given the two methods that serializers have lost.

    pip install langgraph langgraph-checkpoint-s3
    python -m benchmarks.integrations_langgraph
"""

from __future__ import annotations

import importlib.util
import operator
import random
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph

from s3store.integrations.langgraph import ArchiveSaver

from .common import Table, arguments, report
from .places import ASKED, BUCKET, Moto, moto_with_bucket, opened, tabulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from .common import MotoProcess

_TURNS = 10
_GROWTH = (50, 200)
"""Steps of which the sums are compared."""
_WORDS = [f"{number:06x}" for number in range(0, 2000 * 7919, 7919)]


class State(TypedDict):
    """What the graph keeps."""

    said: Annotated[list[str], operator.add]
    steps: int


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__).parse_args()
    turns = Table(f"{_TURNS} turns, then a new process each time", ("saver", "what", *ASKED))
    growth = Table("all steps of one run, 0.5 KB each", ("saver", "steps", *ASKED))
    resumed = Table("a new process reads the latest checkpoint", ("saver", "steps", *ASKED))
    with moto_with_bucket() as moto:
        for name, make in makers(moto).items():
            measure(name, make, moto, turns)
            for steps in _GROWTH:
                at = config(f"growth-{steps}")
                with tabulated(growth, moto, name, steps):
                    graph(make(), steps, words=70).invoke({"said": [], "steps": 0}, at)
                saver = make()
                with tabulated(resumed, moto, name, steps):
                    found = saver.get_tuple(at)
                assert found.checkpoint["channel_values"]["steps"] == steps
    report("integrations_langgraph", [turns, growth, resumed], as_json=given.json)


def makers(moto: MotoProcess) -> dict[str, Callable[[], Any]]:
    """Return what opens each saver as a new process would."""
    found: dict[str, Callable[[], Any]] = {"s3store": lambda: ArchiveSaver(opened(Moto(moto, "ours")))}
    if importlib.util.find_spec("langgraph_checkpoint_s3"):
        found["langgraph-checkpoint-s3"] = theirs
    return found


def theirs() -> Any:
    """Open the other saver."""
    import boto3
    from langgraph_checkpoint_s3 import S3CheckpointSaver

    return S3CheckpointSaver(BUCKET, prefix="theirs/", s3_client=boto3.client("s3"), serde=OldSerializer())


class OldSerializer(JsonPlusSerializer):
    """LangGraph's serializer, with what it had before version 4."""

    def dumps(self, value: Any) -> bytes:
        """Return the bytes of a value."""
        data: bytes = self.dumps_typed(value)[1]
        return data

    def loads(self, data: bytes) -> Any:
        """Return the value of bytes."""
        return self.loads_typed(("msgpack", data))


def measure(name: str, make: Callable[[], Any], moto: MotoProcess, table: Table) -> None:
    """Add the rows of one saver."""
    saver = make()
    # An archive's first commit finds out what the store can do.
    graph(saver, 1, words=1).invoke({"said": [], "steps": 0}, config("first"))
    at, running = config("turns"), graph(saver, 2, words=150)
    with tabulated(table, moto, name, f"{_TURNS} turns"):
        for number in range(_TURNS):
            running.invoke({"said": [f"turn {number}"], "steps": 0}, at)
    saver = make()
    with tabulated(table, moto, name, "resume"):
        saver.get_tuple(at)
    saver = make()
    with tabulated(table, moto, name, "list of the checkpoints"):
        found = list(saver.list(at))
    assert len(found) == 4 * _TURNS
    saver = make()
    with tabulated(table, moto, name, "delete"):
        saver.delete_thread("turns")


def graph(saver: Any, steps: int, *, words: int) -> Any:
    """Return a graph that takes so many steps, each of which says so many words."""
    chance = random.Random(steps)

    def work(state: State) -> Any:
        return {"said": [" ".join(chance.choices(_WORDS, k=words))], "steps": state["steps"] + 1}

    builder = StateGraph(State)
    builder.add_node("work", work)
    builder.add_edge(START, "work")
    builder.add_conditional_edges("work", lambda state: END if state["steps"] >= steps else "work")
    return builder.compile(checkpointer=saver)


def config(thread: str) -> Any:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}, "recursion_limit": 1000}


if __name__ == "__main__":
    main()
