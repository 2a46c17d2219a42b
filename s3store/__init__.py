"""s3store keeps the sessions of AI agents in object storage.

`SessionStore` is the blocking face, `AsyncSessionStore` the asyncio face; both offer the same. No SDK is loaded before
a store that needs it is opened.
"""

from .blocking import Session, SessionIndex, SessionStore
from .caching import CachePolicy
from .changes import Append, Change, Clear, Derive, Extend, MarkActive, RemoveLast, Replace, ReplaceLast, Update
from .errors import (
    AccessDenied,
    ArtifactNotFound,
    BucketNotFound,
    CallAPerson,
    Conflict,
    CorruptObject,
    Decide,
    FixTheCall,
    InvalidOption,
    InvalidRecord,
    InvalidSessionId,
    LeaseLost,
    NotCached,
    OutcomeUnknown,
    RestoreRequired,
    RetryLater,
    S3StoreError,
    SessionDeleted,
    SessionExists,
    SessionHeld,
    SessionNotFound,
    StoreNotCapable,
    StoreUnavailable,
    TooLarge,
    UnsupportedFormat,
)
from .index.policy import IndexPolicy
from .longterm.asynchronous import AsyncRetention
from .longterm.blocking import Retention
from .model import (
    Committed,
    Filters,
    Hold,
    Metadata,
    Record,
    SessionInfo,
    SessionPage,
    SessionSummary,
    Transcript,
    Turn,
)
from .objects.s3_options import S3Options
from .search.results import Found, Hit
from .siblings.asynchronous import AsyncArtifacts, AsyncEvents, AsyncTraces
from .siblings.blocking import Artifacts, Events, Traces
from .siblings.inbox.asynchronous import AsyncInbox, AsyncInboxMessage
from .siblings.inbox.blocking import Inbox, InboxMessage
from .siblings.inbox.model import InboxStatus
from .siblings.model import Artifact, ArtifactInfo, ArtifactLimits, Bundle, NewArtifact
from .store import AsyncSession, AsyncSessionIndex, AsyncSessionStore
from .streams.commit import CommitPolicy
from .version import __version__

__all__ = [
    "AccessDenied",
    "Append",
    "Artifact",
    "ArtifactInfo",
    "ArtifactLimits",
    "ArtifactNotFound",
    "Artifacts",
    "AsyncArtifacts",
    "AsyncEvents",
    "AsyncInbox",
    "AsyncInboxMessage",
    "AsyncRetention",
    "AsyncSession",
    "AsyncSessionIndex",
    "AsyncSessionStore",
    "AsyncTraces",
    "BucketNotFound",
    "Bundle",
    "CachePolicy",
    "CallAPerson",
    "Change",
    "Clear",
    "CommitPolicy",
    "Committed",
    "Conflict",
    "CorruptObject",
    "Decide",
    "Derive",
    "Events",
    "Extend",
    "Filters",
    "FixTheCall",
    "Found",
    "Hit",
    "Hold",
    "Inbox",
    "InboxMessage",
    "InboxStatus",
    "IndexPolicy",
    "InvalidOption",
    "InvalidRecord",
    "InvalidSessionId",
    "LeaseLost",
    "MarkActive",
    "Metadata",
    "NewArtifact",
    "NotCached",
    "OutcomeUnknown",
    "Record",
    "RemoveLast",
    "Replace",
    "ReplaceLast",
    "RestoreRequired",
    "Retention",
    "RetryLater",
    "S3Options",
    "S3StoreError",
    "Session",
    "SessionDeleted",
    "SessionExists",
    "SessionHeld",
    "SessionIndex",
    "SessionInfo",
    "SessionNotFound",
    "SessionPage",
    "SessionStore",
    "SessionSummary",
    "StoreNotCapable",
    "StoreUnavailable",
    "TooLarge",
    "Traces",
    "Transcript",
    "Turn",
    "UnsupportedFormat",
    "Update",
    "__version__",
]
