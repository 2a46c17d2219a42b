"""The session store of Brainwires: whole transcripts, replaced as a whole, listed from the oldest to the newest.

::

    store = BrainwiresStore(SessionStore("s3://my-bucket/agents"))
    store.save("chat-1", [Message("user", "Where is my order?")])
    store.load("chat-1")  # None for an id that was never saved
"""

from .blocking import BrainwiresStore
from .messages import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    Message,
    Role,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from .protocol import SessionStore
from .sessions import ListOptions, SessionMessage, SessionRecord, SessionSummary, SpawnedSession, SpawnRequest
from .store import AsyncBrainwiresStore

__all__ = [
    "AsyncBrainwiresStore",
    "BrainwiresStore",
    "ContentBlock",
    "ImageBlock",
    "ImageSource",
    "ListOptions",
    "Message",
    "Role",
    "SessionMessage",
    "SessionRecord",
    "SessionStore",
    "SessionSummary",
    "SpawnRequest",
    "SpawnedSession",
    "TextBlock",
    "ToolResultBlock",
    "ToolUseBlock",
]
