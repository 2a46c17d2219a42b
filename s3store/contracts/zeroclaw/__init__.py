"""The session backend of zeroclaw: messages one by one, with names, states and contexts beside them.

::

    backend = ZeroclawBackend(SessionStore("s3://my-bucket/agents"))
    backend.append("gw_1", ChatMessage("user", "Where is my order?"))
    backend.load("gw_1")  # empty for an unknown key
"""

from .backend import AsyncZeroclawBackend
from .blocking import ZeroclawBackend
from .model import ChatMessage, SessionContext, SessionMetadata, SessionQuery, SessionState, TimestampedMessage
from .protocol import SessionBackend

__all__ = [
    "AsyncZeroclawBackend",
    "ChatMessage",
    "SessionBackend",
    "SessionContext",
    "SessionMetadata",
    "SessionQuery",
    "SessionState",
    "TimestampedMessage",
    "ZeroclawBackend",
]
