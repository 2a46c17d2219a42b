"""A LangGraph thread that goes on in another process; no model, no account: `python langgraph_thread.py [URL]`."""

import operator
import sys
from typing import Annotated, TypedDict

from langgraph.graph import START, StateGraph

from s3store import SessionStore
from s3store.integrations.langgraph import ArchiveSaver


class State(TypedDict):
    """What the graph keeps."""

    said: Annotated[list[str], operator.add]


url = sys.argv[1] if len(sys.argv) > 1 else "memory://"
with SessionStore(url) as store:
    builder = StateGraph(State)
    builder.add_node("answer", lambda state: {"said": [f"You said {state['said'][-1]}."]})
    builder.add_edge(START, "answer")
    graph = builder.compile(checkpointer=ArchiveSaver(store))
    for text in ("hello", "goodbye"):
        result = graph.invoke({"said": [text]}, {"configurable": {"thread_id": "example"}})
    sys.stdout.write("\n".join(result["said"]) + "\n")
