"""The session store of A3S: whole session documents, and four siblings of each.

::

    store = AsyncA3sStore(AsyncSessionStore("s3://my-bucket/agents"))
    await store.save(SessionData.from_json(document))
    await store.save_trace_events("session-1", events)
    await store.load("session-1")  # None for an unknown id
"""

from .artifacts import MAX_ARTIFACTS, MAX_CONTENT_BYTES, ArtifactStore, ToolArtifact
from .blocking import A3sStore
from .document import MAX_DOCUMENT_BYTES
from .messages import ContentBlock, ImageBlock, ImageSource, Message, TextBlock, ToolResultBlock, ToolUseBlock
from .protocol import SessionStore
from .records import (
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    TraceEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)
from .session import (
    ContextUsage,
    LlmConfigData,
    LlmCostRecord,
    PlanningMode,
    SessionConfig,
    SessionData,
    SessionState,
    StorageType,
    Task,
    TaskStatus,
    TokenUsage,
)
from .snapshot import SessionSnapshot
from .store import AsyncA3sStore

__all__ = [
    "MAX_ARTIFACTS",
    "MAX_CONTENT_BYTES",
    "MAX_DOCUMENT_BYTES",
    "A3sStore",
    "ArtifactStore",
    "AsyncA3sStore",
    "ContentBlock",
    "ContextUsage",
    "ImageBlock",
    "ImageSource",
    "LlmConfigData",
    "LlmCostRecord",
    "Message",
    "PlanningMode",
    "RunEventRecord",
    "RunRecord",
    "RunSnapshot",
    "RunStatus",
    "SessionConfig",
    "SessionData",
    "SessionSnapshot",
    "SessionState",
    "SessionStore",
    "StorageType",
    "Task",
    "TaskStatus",
    "TextBlock",
    "TokenUsage",
    "ToolArtifact",
    "ToolResultBlock",
    "ToolUseBlock",
    "TraceEvent",
    "VerificationCheck",
    "VerificationReport",
    "VerificationStatus",
]
