"""A draft: what a list of changes makes of a head. It decides, and writes nothing.

The base's tail is kept as bytes and new records are collected beside it, so that an append to a long tail does not
take it apart. Lines stay together as they are written: taking each by itself would cost more than compressing them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..changes import (
    Append,
    Change,
    Clear,
    Consume,
    CopyOf,
    Derive,
    Extend,
    MarkActive,
    RemoveLast,
    Replace,
    ReplaceLast,
    SavedWith,
    Touch,
    Transplant,
    Update,
)
from ..errors import CorruptObject, InvalidOption
from ..model import Metadata
from ..objects.base import NoSuchKey
from ..times import format_time, parse_time
from .consumption import UNTOUCHED
from .frames import compress
from .idempotency import MAX_DIGESTS, digest
from .records import (
    Stamp,
    cut_into,
    decode_records,
    encode_lines,
    keys_of,
    lines_since,
    same_at_start,
    split_last,
    split_lines,
)
from .segments import Segment, content_digest, content_of_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ..jsontext import EncodedMessages
    from ..keys import StreamKeys
    from ..model import Record
    from .head import Head

_LOOKS = 2
"""How often a segment must come damaged before it is taken for one that lies damaged."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the objects of a stream get, in bytes. The simulator seals every few records."""

    seal: int = 256 * 1024
    """A tail that takes this many bytes compressed is sealed by the next commit that adds to it."""
    chunk: int = 8 * 1024 * 1024
    """The most JSON that one object holds, unless a single record is larger: what a reader holds at a time."""

    def at_most(self, seal: int) -> Sizes:
        """Return sizes by which a tail is sealed at `seal` bytes at the latest."""
        return replace(self, seal=min(self.seal, seal))


class SegmentReader(Protocol):
    """Reads sealed segments for a draft."""

    async def lines(self, segment: Segment) -> bytes:
        """Return the lines of a segment."""
        ...

    async def keys(self, segment: Segment) -> frozenset[str]:
        """Return the idempotency keys in a segment."""
        ...


class Chunk(NamedTuple):
    """Lines that are to become a segment."""

    first: int
    records: int
    lines: bytes
    frame: bytes


@dataclass(slots=True)
class Outcome:
    """What the changes did, for the caller to be told."""

    appended: int = 0
    removed: list[Record] = field(default_factory=list)
    cleared: int = 0


class Draft:
    """A stream under change. `base` is what it grows from; None starts an empty one."""

    def __init__(self, keys: StreamKeys, base: Head | None, stamp: Stamp, reader: SegmentReader, sizes: Sizes) -> None:
        self._keys = keys
        self._base = base
        self._stamp = stamp
        self._reader = reader
        self._sizes = sizes
        self.segments: list[Segment] = [] if base is None else list(base.segments)
        self.metadata = Metadata() if base is None else base.metadata
        self.siblings = {} if base is None else dict(base.siblings)
        self.consumption = UNTOUCHED if base is None else base.consumption
        self.tail_keys: set[bytes] = set() if base is None else set(base.tail_keys)
        self.copied: CopyOf | None = None
        self.outcome = Outcome()
        self.touched = False
        self._kept = b"" if base is None else base.tail
        self._kept_count = 0 if base is None else base.tail_count
        self._density = 0.0 if base is None or not base.tail else len(base.tail_frame) / len(base.tail)
        self._fresh = b""
        self._fresh_count = 0
        self._new_keys: set[str] = set()
        self._tail_texts: frozenset[str] | None = None

    @property
    def sealed(self) -> int:
        """How many records stand in segments."""
        return self.segments[-1].first + self.segments[-1].count if self.segments else 0

    @property
    def count(self) -> int:
        """How many records the stream has by now."""
        return self.sealed + self._kept_count + self._fresh_count

    async def apply(self, changes: Iterable[Change]) -> None:
        """Make the changes, one after the other."""
        for change in changes:
            if not self._say(change):
                await self._change_records(change)

    def _say(self, change: Change) -> bool:
        """Make a change that changes no record, and tell whether it is one."""
        match change:
            case Update():
                self._update(change)
            case Derive():
                self._derive(change)
            case MarkActive():
                self._mark_active()
            case SavedWith():
                self._saved_with(change)
            case Consume():
                self._consume(change)
            case CopyOf():
                self.copied = change
                self.touched = True
            case Touch():
                self.touched = True
            case _:
                return False
        return True

    async def _change_records(self, change: Change) -> None:
        match change:
            case Append() | Extend():
                await self._extend(change.messages)
            case Replace():
                await self._replace(change)
            case ReplaceLast():
                await self._replace_last(change)
            case RemoveLast():
                self.outcome.removed += await self._take_last()
            case Clear():
                self._clear()
            case Transplant():
                self._transplant(change)
            case _:
                # Reached only by a caller without a type checker.
                raise InvalidOption(f"{type(change).__name__} is no change; see s3store.changes")

    def finish(self) -> tuple[list[Chunk], bytes, int]:
        """Return the chunks to seal, in order, then the open tail and the number of its records."""
        chunks: list[Chunk] = []
        first, end = self.sealed, self.count
        if self._kept and self._fresh and self._kept_is_full():
            chunks.append(Chunk(first, self._kept_count, self._kept, self._frame_of_kept()))
            first += self._kept_count
            self._kept, self._kept_count = b"", 0
            self._forget_digests(self._fresh)
        *full, tail = cut_into(self._kept + self._fresh, self._sizes.chunk)
        for lines in full:
            chunks.append(Chunk(first, lines.count(b"\n"), lines, compress(lines)))
            first += chunks[-1].records
        if full:
            self._forget_digests(tail)
        return chunks, tail, end - first

    def _forget_digests(self, tail: bytes) -> None:
        """Keep the digests of the keys that are still in the tail."""
        if self.tail_keys:
            self.tail_keys = set(_digests(tail))

    async def _extend(self, messages: EncodedMessages) -> None:
        if messages.keys is not None:
            keys = enumerate(messages.keys)
            messages = messages.only([place for place, key in keys if key is None or await self._is_new(key)])
        self._add(messages)

    async def _is_new(self, key: str) -> bool:
        """Tell whether no record has this key, and count it as taken."""
        short = digest(key)
        if short in self.tail_keys and (key in self._new_keys or key in self._keys_in_tail()):
            return False
        for segment in reversed(self.segments):
            possible = segment.keyed and (segment.keys is None or short in segment.keys)
            if possible and key in await self._reader.keys(segment):
                return False
        self._new_keys.add(key)
        self.tail_keys.add(short)
        return True

    def _keys_in_tail(self) -> frozenset[str]:
        if self._tail_texts is None:
            self._tail_texts = frozenset(keys_of(split_lines(self._kept + self._fresh)))
        return self._tail_texts

    def _forget_keys(self) -> None:
        self._new_keys = set()
        self._tail_texts = None

    async def _replace(self, change: Replace) -> None:
        messages = change.messages
        before = self.count
        same = await self._keep_unchanged(messages)
        self.outcome.cleared += before - same
        self._forget_keys()
        self._forget_digests(self._kept)
        fresh = messages.since(same)
        self.tail_keys.update(map(digest, fresh.given_keys()))
        self._add(fresh)
        self.touched = self.touched or not change.only_if_changed or same < before

    async def _keep_unchanged(self, messages: EncodedMessages) -> int:
        """Cut the draft down to the records at its start that equal `messages`; return how many they are."""
        tail = self._kept + self._fresh
        self._fresh, self._fresh_count = b"", 0
        same = 0
        for place, segment in enumerate(self.segments):
            part = messages.texts[same : same + segment.count]
            if len(part) < segment.count or segment.content != content_digest(part):
                # The records at its start may be the same all the same, and then they keep their keys and times.
                del self.segments[place:]
                tail = await self._lines_if_readable(segment) if part else b""
                self._density = segment.size / max(1, len(tail))
                if segment.keyed:
                    self.tail_keys.update(_digests(tail))
                break
            same += segment.count
        # Cut, not put together anew: a save that only adds keeps the very bytes, so a full tail is sealed as it is.
        self._kept_count, end = same_at_start(tail, messages.texts[same:])
        self._kept = tail[:end]
        return same + self._kept_count

    async def _lines_if_readable(self, segment: Segment) -> bytes:
        """Return the lines of a segment that is to be replaced; none if it is missing or damaged.

        Replacing everything is how a damaged transcript is mended, so it must not fail for want of what it replaces.
        What was damaged on its way only comes whole when it is asked for again: its records keep their keys.
        """
        for _ in range(_LOOKS):
            try:
                return await self._reader.lines(segment)
            except NoSuchKey:
                break
            except CorruptObject:
                pass
        return b""

    async def _replace_last(self, change: ReplaceLast) -> None:
        expected = change.instead_of
        if expected is not None and _place(await self._last()) != _place(expected):
            return
        taken = await self._take_last()
        if not taken:
            return
        old = taken[0]
        stamp = Stamp(self._stamp.commit, format_time(old.at))
        self._fresh += encode_lines(old.seq, stamp, replace(change.message, keys=[old.key]))
        self._fresh_count += 1
        if old.key is not None:
            self.tail_keys.add(digest(old.key))
        self._forget_keys()
        self.outcome.removed += taken

    async def _last(self) -> Record | None:
        """Return the last record; None if there is none."""
        if not self.count:
            return None
        if not self._fresh and not self._kept:
            await self._unseal()
        _, line = split_last(self._fresh or self._kept)
        return decode_records(self._keys.head, self.count - 1, 1, line)[0]

    async def _take_last(self) -> list[Record]:
        """Take the last record away and return it; none if there is none."""
        last = await self._last()
        if last is None:
            return []
        if self._fresh:
            self._fresh, _ = split_last(self._fresh)
            self._fresh_count -= 1
        else:
            self._kept, _ = split_last(self._kept)
            self._kept_count -= 1
        self._forget_keys()
        self.touched = True
        return [last]

    async def _unseal(self) -> None:
        """Make the last segment the tail again."""
        segment = self.segments.pop()
        self._kept = await self._reader.lines(segment)
        self._kept_count = segment.count
        self._density = segment.size / len(self._kept)
        if segment.keyed:
            self.tail_keys.update(_digests(self._kept))

    def _clear(self) -> None:
        if not self.count:
            return
        self.outcome.cleared += self.count
        self.segments = []
        self._kept, self._kept_count = b"", 0
        self._fresh, self._fresh_count = b"", 0
        self.tail_keys = set()
        self._forget_keys()
        self.touched = True

    def _transplant(self, change: Transplant) -> None:
        kept = self._cut_at(change.same)
        lines = lines_since(change.lines, kept)
        self._fresh, self._fresh_count = lines, lines.count(b"\n")
        self._forget_digests(self._kept)
        self.tail_keys.update(_digests(lines))
        self._forget_keys()
        self.outcome.appended += self._fresh_count
        self.touched = True

    def _cut_at(self, most: int) -> int:
        """Cut the draft down to at most so many records, whole segments of them; return how many they are."""
        before = self.count
        tail = self._kept + self._fresh
        whole = [segment for segment in self.segments if segment.first + segment.count <= most]
        self._kept_count = most - self.sealed if len(whole) == len(self.segments) else 0
        self.segments = whole
        self._kept = tail[: len(tail) - len(lines_since(tail, self._kept_count))]
        self._fresh, self._fresh_count = b"", 0
        self.outcome.cleared += before - self.count
        return self.count

    def _update(self, change: Update) -> None:
        changed = self.metadata.changed(change.fields)
        self.touched = self.touched or changed != self.metadata
        self.metadata = changed

    def _derive(self, change: Derive) -> None:
        if not self._fresh:
            return
        first = self.count - self._fresh_count
        added = decode_records(self._keys.head, first, self._fresh_count, self._fresh)
        self._update(Update(**change.fields_of(self.metadata, [record.message for record in added])))

    def _mark_active(self) -> None:
        if self.touched or self._base is None:
            self._update(Update(active_at=parse_time(self._stamp.at)))

    def _saved_with(self, change: SavedWith) -> None:
        together = {**self.siblings, **change.siblings}
        self.touched = self.touched or together != self.siblings
        self.siblings = together

    def _consume(self, change: Consume) -> None:
        self.touched = self.touched or change.consumption != self.consumption
        self.consumption = change.consumption

    def _add(self, messages: EncodedMessages) -> None:
        self._fresh += encode_lines(self.count, self._stamp, messages)
        self._fresh_count += len(messages)
        self.outcome.appended += len(messages)
        self.touched = self.touched or bool(messages)

    def _kept_is_full(self) -> bool:
        if not self._is_base_tail():
            # It was cut. What it was cut from tells well enough how much it takes compressed.
            return len(self._kept) * self._density >= self._sizes.seal
        return len(self._base_frame()) >= self._sizes.seal or len(self._kept) + len(self._fresh) > self._sizes.chunk

    def _is_base_tail(self) -> bool:
        return self._base is not None and self._kept == self._base.tail

    def _base_frame(self) -> bytes:
        return b"" if self._base is None else self._base.tail_frame

    def _frame_of_kept(self) -> bytes:
        # The base's tail is sealed as the bytes that it already is: sealing compresses nothing.
        return self._base_frame() if self._is_base_tail() else compress(self._kept)


def segment_of(chunk: Chunk, name: str, data: bytes) -> Segment:
    """Return what a head says of a chunk that was uploaded as `data` under `name`."""
    lines = split_lines(chunk.lines)
    texts = list(keys_of(lines))
    return Segment(
        name,
        chunk.first,
        chunk.records,
        len(data),
        hashlib.sha256(data).hexdigest(),
        content_of_lines(lines),
        len(texts),
        frozenset(digest(text) for text in texts) if texts else None,
    )


def within_key_budget(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the segments with the key digests of the oldest left out, where a head has no room for all."""
    room = MAX_DIGESTS
    kept: list[Segment] = []
    for segment in reversed(segments):
        room -= len(segment.keys or ())
        kept.append(segment if room >= 0 or segment.keys is None else segment.without_keys())
    return tuple(reversed(kept))


def _place(record: Record | None) -> tuple[int, datetime] | None:
    """Return what stays the same of a record that is replaced, and tells it from every other."""
    return None if record is None else (record.seq, record.at)


def _digests(lines: bytes) -> Iterator[bytes]:
    """Yield the digests of the idempotency keys in lines."""
    return map(digest, keys_of(split_lines(lines)))
