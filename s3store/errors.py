"""Every error that s3store raises on purpose, grouped by what the caller does about it.

::

    S3StoreError
    ├── RetryLater              nothing is wrong with the call; try it again later
    │   ├── RestoreRequired
    │   └── StoreUnavailable
    │       └── NotCached
    ├── Decide                  the archive is not in the state the caller took it to be in
    │   ├── ArtifactNotFound
    │   ├── Conflict
    │   │   └── LeaseLost
    │   ├── OutcomeUnknown
    │   ├── SessionDeleted
    │   ├── SessionExists
    │   ├── SessionHeld
    │   └── SessionNotFound
    ├── FixTheCall              the call can never succeed as it is
    │   ├── InvalidOption
    │   ├── InvalidRecord
    │   ├── InvalidSessionId
    │   └── TooLarge
    └── CallAPerson             the store, its rights or its content need somebody's attention
        ├── AccessDenied
        ├── BucketNotFound
        ├── CorruptObject
        ├── StoreNotCapable
        └── UnsupportedFormat

Absence (`SessionNotFound`) and outage (`StoreUnavailable`) are never mixed up. Messages name the session and
the key they speak of; they hold no content of a session and no credential.
"""

from __future__ import annotations

_LONGEST_FORMAT = 40


class S3StoreError(Exception):
    """The root of every error raised on purpose by this package."""


class RetryLater(S3StoreError):
    """Nothing is wrong with the call; the same call may succeed later."""


class RestoreRequired(RetryLater):
    """The session stands in a pack that cannot be read before it is restored: ask for that, and wait.

    `SessionStore.restore` asks, and `s3store restore` on the command line. `session_id` is the session, `pack` the
    name of its pack, `storage_class` S3's name of its class, and `tiers` those by which it can be restored. All but its
    records can be had meanwhile: it is listed, appended to and deleted as ever.
    """

    def __init__(self, message: str, *, session_id: str, pack: str, storage_class: str, tiers: tuple[str, ...]) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.pack = pack
        self.storage_class = storage_class
        self.tiers = tiers


class StoreUnavailable(RetryLater):
    """The object store did not answer, or answered that it cannot serve now (5xx, throttling, time-out).

    `may_have_landed` tells a writer whether its request may still take effect: it is false only where the
    request surely never reached the store. Public calls settle that question before they raise this error, so
    that an application that sees it knows that nothing of its call was written.
    """

    def __init__(self, message: str, *, may_have_landed: bool = True) -> None:
        super().__init__(message)
        self.may_have_landed = may_have_landed


class NotCached(StoreUnavailable):
    """The archive was opened offline, and this machine's cache lacks what the message names; nothing was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_landed=False)


class Decide(S3StoreError):
    """The archive is in another state than the call expects; the caller decides what that means."""


class ArtifactNotFound(Decide):
    """The session has no artifact of that name. Never raised because the store could not be asked."""


class Conflict(Decide):
    """Somebody else changed the session, and the call asked not to build on that (or ran out of attempts).

    Nothing of the call was written, and nothing of it can still be written.
    """


class LeaseLost(Conflict):
    """A message from an inbox is not held any more: its lease ran out, and somebody else has taken it since."""


class OutcomeUnknown(Decide):
    """A write was sent, and neither its success nor its failure could be learnt in time.

    It may have been stored, or may still be. `SessionStore.resolve(session_id, commit_id)` settles it later.
    """

    def __init__(self, message: str, *, session_id: str, commit_id: str) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.commit_id = commit_id


class SessionDeleted(Decide):
    """The session that a handle belongs to has been deleted; a handle never revives it."""


class SessionExists(Decide):
    """`create` was called for an id that has a session."""


class SessionHeld(Decide):
    """A hold keeps the session from being deleted; nothing of it was. The message tells how many, not for what."""


class SessionNotFound(Decide):
    """There is no session of that id. Never raised because the store could not be asked."""


class FixTheCall(S3StoreError):
    """The arguments are wrong; nothing was sent to the store."""


class InvalidOption(FixTheCall):
    """An option, a URL or a combination of arguments does not make sense; the message says which and why."""


class InvalidRecord(FixTheCall):
    """A message holds something that JSON cannot, such as NaN, bytes or a key that is not text."""


class InvalidSessionId(FixTheCall):
    """The session id is not text that can be written as UTF-8."""


class TooLarge(FixTheCall):
    """A record or an object is over the size limit that the message names."""


class CallAPerson(S3StoreError):
    """Trying again will not help; somebody has to look at the store, its rights or its content."""


class AccessDenied(CallAPerson):
    """The store refused the request for lack of rights; the message names the operation."""


class BucketNotFound(CallAPerson):
    """The bucket, or the directory of the archive, is not there (any more)."""


class CorruptObject(CallAPerson):
    """An object's bytes are not what was written: cut short, flipped, or another object's."""


class StoreNotCapable(CallAPerson):
    """The store does not keep the promises that shared writing needs, such as an honest compare-and-swap."""


class UnsupportedFormat(CallAPerson):
    """An object was written in a format that this version does not know; a newer s3store may read it."""

    @classmethod
    def of(cls, key: str, found: object) -> UnsupportedFormat:
        """Return the error for the object under `key`, which says of itself that it is of the format `found`."""
        # Anybody may have written it: of what it says no more is shown than a format's name takes.
        said = repr(found[:_LONGEST_FORMAT]) if isinstance(found, str) else f"({type(found).__name__})"
        return cls(f"{key}: of format {said}; a newer s3store may read it")
