"""Every head there is, side by side: the truth that the index is made from and compared with."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import is_transcript_head
from ..objects.base import all_keys
from ..small_archives import only_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .entry import Entry
    from .view import Index

_SIDE_BY_SIDE = 16


class Done(NamedTuple):
    """How far a reading of all heads has come."""

    prefixes: int
    """How many of the 256 prefixes have been read."""
    sessions: int
    """How many heads, those of deleted sessions included."""


class Heads(NamedTuple):
    """The heads under one prefix."""

    entries: list[Entry]
    damaged: list[str]
    """What is wrong with those that cannot be read, each with its key."""


async def all_heads(
    store: ObjectStore,
    runtime: Runtime,
    index: Index,
    prefixes: Sequence[str],
    progress: Callable[[Done], None] | None = None,
) -> AsyncIterator[Heads]:
    """Read every head of an archive, prefix by prefix, a few of them side by side."""
    page = await only_page(store, prefixes)
    listed = None if page is None else [found.key for found in page]
    waiting = deque(prefixes)
    done = Done(0, 0)
    while waiting:
        together = [waiting.popleft() for _ in range(min(_SIDE_BY_SIDE, len(waiting)))]
        for heads in await runtime.gather([_under(store, index, prefix, listed) for prefix in together]):
            done = Done(done.prefixes + 1, done.sessions + len(heads.entries) + len(heads.damaged))
            yield heads
        if progress is not None:
            progress(done)


async def _under(store: ObjectStore, index: Index, prefix: str, listed: Iterable[str] | None) -> Heads:
    """Read the heads under a prefix: of the keys that were listed for all, or else of a listing of its own."""
    heads = Heads([], [])
    keys = await all_keys(store, prefix) if listed is None else [key for key in listed if key.startswith(prefix)]
    for key in filter(is_transcript_head, keys):
        try:
            entry = await index.head(key)
        except (CorruptObject, UnsupportedFormat) as error:
            heads.damaged.append(str(error))
        else:
            if entry is not None:
                heads.entries.append(entry)
    return heads
