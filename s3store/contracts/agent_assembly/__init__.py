"""The session store of agent-assembly: which agent a session belongs to, and when it began.

::

    store = AsyncAgentAssemblyStore(AsyncSessionStore("s3://my-bucket/agents"))
    await store.save(SessionRecord(SessionId(uuid4().bytes), AgentId(agent.bytes), time.time_ns()))
    await store.load(session_id)  # raises NotFound for an unknown id
"""

from .blocking import AgentAssemblyStore
from .errors import Backend, Conflict, NotFound, Serialization, StorageError
from .model import AgentId, SessionId, SessionRecord
from .protocol import SessionStore
from .store import AsyncAgentAssemblyStore

__all__ = [
    "AgentAssemblyStore",
    "AgentId",
    "AsyncAgentAssemblyStore",
    "Backend",
    "Conflict",
    "NotFound",
    "Serialization",
    "SessionId",
    "SessionRecord",
    "SessionStore",
    "StorageError",
]
