"""What a cache gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - the types of public dataclasses can be looked up


@dataclass(frozen=True, slots=True)
class Cached:
    """The state kept last under a name.

    Attributes:
        tag: What the owner calls this state of the bytes; an ETag, for instance.
        body: The bytes.
        at: When it was last known to be current, in seconds since 1970 by the clock of whoever kept it. It may lie in
            the future, where that clock was set back since.
    """

    tag: str
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """How a cache stands.

    Attributes:
        directory: The directory that was asked for.
        entries: Entries kept in this space; 0 where the cache is not usable.
        all_entries: Entries kept in all spaces of the directory.
        bytes: Bytes on disk of all spaces: the database, its log, and the files of larger bodies in whole blocks.
        size_limit: What `bytes` is kept below, in bytes.
        usable: Whether bytes can be kept and found now.
        fault: Why not; or, where it is usable, the last thing that went wrong in this process. It names no entry.
        hits: How many times this object found what it was asked for.
        misses: How many times it did not.
    """

    directory: Path
    entries: int
    all_entries: int
    bytes: int
    size_limit: int
    usable: bool
    fault: str | None
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at every entry found.

    Attributes:
        checked: Entries that were read, of all spaces.
        dropped: Those that were damaged or foreign, and are gone now.
        stray_files: Files that no entry named, as a process leaves them that was killed while it wrote; gone now.
        fault: Why not everything could be looked at (the counts are 0 then); None if it was.
    """

    checked: int
    dropped: int
    stray_files: int
    fault: str | None
