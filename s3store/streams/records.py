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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject
from ..jsontext import EncodedMessage, JsonValue, loads_exactly
from ..model import Record
from ..times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDE = b'{"wide":true,'
_ENVELOPE = re.compile(
    rb'\{(?P<wide>"wide":true,)?"seq":\d+,"commit":"[^"]*","at":"[^"]*"'
    rb'(?:,"key":(?P<key>"(?:[^"\\]|\\.)*"))?,"message":'
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a commit writes into each of its records: its id and the time, as text."""

    commit: str
    at: str


def encode_lines(first: int, stamp: Stamp, messages: Iterable[EncodedMessage]) -> list[bytes]:
    """Return a line for each message, the first with the sequence number `first`."""
    stamped = f'"commit":"{stamp.commit}","at":"{stamp.at}"'.encode("ascii")
    return [
        b'%s"seq":%d,%s%s,"message":%s}\n'
        % (
            _WIDE if message.wide else b"{",
            seq,
            stamped,
            b"" if message.key is None else b',"key":' + orjson.dumps(message.key),
            message.json,
        )
        for seq, message in enumerate(messages, first)
    ]


def decode_records(key: str, first: int, lines: bytes) -> list[Record]:
    """Read lines back. Raises `CorruptObject`, naming the object's `key`, unless each is the record due there."""
    try:
        return [_record(seq, line) for seq, line in enumerate(split_lines(lines), first)]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise CorruptObject(f"{key}: holds a line that is not the record due there") from None


def decode_messages(key: str, lines: bytes) -> list[JsonValue]:
    """Read only the messages of lines, which is quicker than reading whole records."""
    try:
        return [_parse(line)["message"] for line in split_lines(lines)]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise CorruptObject(f"{key}: holds a line that is no record") from None


def split_lines(lines: bytes) -> list[bytes]:
    """Take lines apart; the line ends are dropped. JSON holds no line end of its own."""
    return lines[:-1].split(b"\n") if lines else []


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


def _record(seq: int, line: bytes) -> Record:
    fields = _parse(line)
    if fields["seq"] != seq:
        raise ValueError
    return Record(seq, fields["message"], parse_time(fields["at"]), fields["commit"], fields.get("key"))


def _parse(line: bytes) -> JsonValue:
    return loads_exactly(line) if line.startswith(_WIDE) else orjson.loads(line)
