"""Object stores: what the archive asks of one, and those that ship with it.

`base` says what a store is; `memory`, `directory`, `s3_blocking` and `s3_async` are stores; `threaded` and
`counting` wrap one; `capability` finds out whether a store keeps its promises.
"""

from .base import (
    MAX_PARTS,
    MIN_PART,
    InvalidPart,
    ListedObject,
    ListPage,
    NoSuchKey,
    NoSuchUpload,
    NotModified,
    ObjectStore,
    ObjectVersion,
    Part,
    PreconditionFailed,
    StartedUpload,
    StoredObject,
    Upload,
    WriteRaced,
)

__all__ = [
    "MAX_PARTS",
    "MIN_PART",
    "InvalidPart",
    "ListPage",
    "ListedObject",
    "NoSuchKey",
    "NoSuchUpload",
    "NotModified",
    "ObjectStore",
    "ObjectVersion",
    "Part",
    "PreconditionFailed",
    "StartedUpload",
    "StoredObject",
    "Upload",
    "WriteRaced",
]
