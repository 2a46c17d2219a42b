"""What a caller may choose about the index."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption

MERGED_IN_PASSING = 128 * 1024
"""The most entries that a client rewrites in passing; larger merges are left to `s3store index compact`."""


@dataclass(frozen=True)
class IndexPolicy:
    """How this process keeps the index.

    With `publish_every` 0 every commit is in the listings of all processes once it is acknowledged, at one PUT more.
    With more, in seconds, a session's changes are published at most so often, and when the store is closed or the
    process gets a SIGTERM; new sessions are listed at once all the same, and this process always sees its own writes.

    Once the log has `compact_after` entries (at least 16), whoever notices merges them into pages, in the background;
    None leaves that to others, such as a scheduled `s3store index compact`.
    """

    publish_every: float = 0.0
    compact_after: int | None = 512

    def __post_init__(self) -> None:
        if not 0 <= self.publish_every < float("inf"):
            raise InvalidOption(f"publish_every is 0 seconds or more, not {self.publish_every!r}")
        if self.compact_after is not None and self.compact_after < _LEAST:
            raise InvalidOption(f"compact_after is {_LEAST} entries or more, or None, not {self.compact_after!r}")


_LEAST = 16
