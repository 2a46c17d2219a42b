"""The errors of agent-assembly's contract. What the archive said stands in `__cause__`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from ... import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


class StorageError(errors.S3StoreError):
    """What may go wrong with a storage of agent-assembly; one of the classes below."""

    what: ClassVar[str] = "storage error"

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.what}: {detail}")


class NotFound(StorageError):
    """There is no session of that id. Never raised because the store could not be asked."""

    what = "storage entity not found"


class Backend(StorageError):
    """The store did not answer, refused, or is not fit; whether a write has landed may be unknown."""

    what = "storage backend unavailable"


class Serialization(StorageError):
    """What is stored cannot be read as a record."""

    what = "storage serialization error"


class Conflict(StorageError):
    """Other writers were faster each time; nothing was written."""

    what = "storage conflict"


@contextmanager
def translated(session_id: object) -> Iterator[None]:
    """Raise the archive's errors as those of the contract; mistakes of the caller stay what they are."""
    try:
        yield
    except errors.SessionNotFound as error:
        raise NotFound(str(session_id)) from error
    except (errors.CorruptObject, errors.UnsupportedFormat) as error:
        raise Serialization(str(error)) from error
    except errors.Conflict as error:
        raise Conflict(str(error)) from error
    except (errors.RetryLater, errors.Decide, errors.CallAPerson) as error:
        raise Backend(str(error)) from error
