"""One record, one line: an envelope around the untouched message.

::

    {"seq":7,"commit":"01k…","at":"2026-11-20T09:30:00.000000Z","key":"…","message":{…}}

`seq` counts from 0 and is the record's place in the stream. `commit` names the commit that stored it and `at` when.
`key` is there if the caller gave an idempotency key. A line that only an exact reader gives back equal (integers
over 64 bits, lone surrogates) starts with `"wide":true`. The fields stand in this order, so that a line can be
taken apart without being parsed.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ..errors import CorruptObject
from ..jsontext import loads_exactly
from ..model import Record, RecordFields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..jsontext import EncodedMessages

_WIDE = b'{"wide":true,'
_ARRAY_BYTES = 128 * 1024
_ENVELOPE = re.compile(
    rb'\{(?P<wide>"wide":true,)?"seq":\d+,"commit":"[^"]*","at":"[^"]*"'
    rb'(?:,"key":(?P<key>"(?:[^"\\]|\\.)*"))?,"message":'
)


class Stamp(NamedTuple):
    """What a commit writes into each of its records: its id and the time, as text."""

    commit: str
    at: str


def encode_lines(first: int, stamp: Stamp, messages: EncodedMessages) -> bytes:
    """Return the lines of messages, one each, the first with the sequence number `first`."""
    stamped = f'"commit":"{stamp.commit}","at":"{stamp.at}"'.encode("ascii")
    numbers = range(first, first + len(messages))
    if messages.keys is None and not messages.wide:
        before = [b'{"seq":%d,%s,"message":' % (seq, stamped) for seq in numbers]
    else:
        before = [
            b'%s"seq":%d,%s%s,"message":'
            % (
                _WIDE if place in messages.wide else b"{",
                seq,
                stamped,
                b"" if key is None else b',"key":' + orjson.dumps(key),
            )
            for place, (seq, key) in enumerate(zip(numbers, messages.keys or repeat(None), strict=False))
        ]
    # One join of all: a line by itself would be one more copy of every message.
    return b"".join(chain.from_iterable(zip(before, messages.texts, repeat(b"}\n"))))


def decode_lines(key: str, first: int, count: int, lines: bytes) -> list[RecordFields]:
    """Read lines back. Raises `CorruptObject`, naming the object's `key`, unless they are the `count` records due."""
    with suppress(ValueError, TypeError, LookupError, RecursionError):
        fields = _parse(lines)
        places = [each["seq"] for each in fields if "message" in each]
        # Their number first: a count that is a lie must not make a list of its own length.
        if len(places) == count and places == list(range(first, first + count)) and not lines.endswith(b"\n\n"):
            return fields
    raise CorruptObject(f"{key}: does not hold the records that are due there")


def decode_records(key: str, first: int, count: int, lines: bytes) -> list[Record]:
    """Read lines back as records. Raises as `decode_lines`."""
    return [Record.from_fields(fields) for fields in decode_lines(key, first, count, lines)]


def split_lines(lines: bytes) -> list[bytes]:
    """Take lines apart; the line ends are dropped. JSON holds no line end of its own."""
    return lines[:-1].split(b"\n") if lines else []


def split_last(lines: bytes) -> tuple[bytes, bytes]:
    """Return the lines before the last one, and the last one, line end and all."""
    cut = lines.rfind(b"\n", 0, -1) + 1
    return lines[:cut], lines[cut:]


def lines_since(lines: bytes, first: int) -> bytes:
    """Return the lines from the one numbered `first`, from 0, on."""
    start = 0
    for _ in range(first):
        start = lines.index(b"\n", start) + 1
    return lines[start:]


def cut_into(lines: bytes, most: int) -> list[bytes]:
    """Cut lines, where one ends, into parts of at most `most` bytes; a longer line is a part of its own."""
    parts: list[bytes] = []
    start = 0
    while len(lines) - start > most:
        end = lines.rfind(b"\n", start, start + most) + 1 or lines.index(b"\n", start) + 1
        parts.append(lines[start:end])
        start = end
    if start < len(lines) or not parts:
        parts.append(lines[start:] if start else lines)
    return parts


def same_at_start(lines: bytes, messages: Sequence[bytes]) -> tuple[int, int]:
    """Tell how many of the lines hold these very messages, one by one from the start, and where the last of them ends.

    The name in front of a message cannot be part of another message: inside a text its quotes would be escaped, and
    inside an object a closing brace would follow.
    """
    same = end = 0
    for message in messages:
        brace = lines.find(b"\n", end) - 1
        if brace < 0 or not lines.endswith(message, end, brace):
            break
        if not lines.endswith(b'"message":', end, brace - len(message)) or lines[brace : brace + 1] != b"}":
            break
        end = brace + 2
        same += 1
    return same, end


def message_of(line: bytes) -> bytes | None:
    """Return the message of a line as it stands there, or None for a line in another writer's form."""
    match = _ENVELOPE.match(line)
    return None if match is None else line[match.end() : -1]


def keys_of(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the idempotency keys of lines."""
    for line in lines:
        match = _ENVELOPE.match(line)
        if match is None:
            key = json.loads(line).get("key")
            if key is not None:
                yield key
        elif match["key"] is not None:
            yield orjson.loads(match["key"])


def _parse(lines: bytes) -> list[RecordFields]:
    """Parse many lines at once, which is a third faster; one by one where that would not be exact."""
    with suppress(orjson.JSONDecodeError):  # a lone surrogate, or damage: the exact reader tells
        found: list[RecordFields] = list(chain.from_iterable(map(orjson.loads, _arrays(lines))))
        if not any("wide" in fields for fields in found):
            return found
    return [loads_exactly(line) if line.startswith(_WIDE) else orjson.loads(line) for line in split_lines(lines)]


def _arrays(lines: bytes) -> Iterator[bytes]:
    """Yield the lines as JSON arrays, so long that there are few, and so short that the processor's cache holds one."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + _ARRAY_BYTES) + 1 or len(lines)
        yield b"[%b]" % lines[start : end - 1].replace(b"\n", b",")
        start = end
