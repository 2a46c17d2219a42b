"""Object stores: what the archive asks of one, and those that ship with it.

`base` says what a store is; `memory`, `directory`, `s3_blocking` and `s3_async` are stores; `threaded` and
`counting` wrap one; `capability` finds out whether a store keeps its promises.
"""

from .base import (
    ListedObject,
    ListPage,
    NoSuchKey,
    NotModified,
    ObjectStore,
    PreconditionFailed,
    StoredObject,
    WriteRaced,
)

__all__ = [
    "ListPage",
    "ListedObject",
    "NoSuchKey",
    "NotModified",
    "ObjectStore",
    "PreconditionFailed",
    "StoredObject",
    "WriteRaced",
]
