"""JSON in, equal JSON out: exact encoding and decoding of messages.

orjson is several times faster than the standard library, and wrong at two edges: it writes NaN as `null`, and it
reads an integer over 64 bits as a float. So every message is checked before it is encoded, and one that orjson
cannot write exactly is written by the standard library and marked *wide*, which is how a reader knows to read it
with the standard library too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

import orjson

from .errors import InvalidRecord, TooLarge

JsonValue: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, a list of them, or a dict of them with str keys."""

MAX_DEPTH = 200
"""How deeply arrays and objects may be nested in a message. Deeper ones cannot be read back everywhere."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message, in bytes of JSON."""

_SCALARS = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """A message as JSON text in UTF-8, on one line. `wide`: only an exact reader gives it back equal."""

    json: bytes
    wide: bool
    key: str | None = None


def encode_message(message: object, *, key: str | None = None) -> EncodedMessage:
    """Encode one message, with the caller's idempotency key for it.

    Tuples are written as arrays, and subclasses of the JSON types as what they hold. Raises `InvalidRecord` for
    anything that JSON cannot hold (NaN, infinities, bytes, keys that are not text, other objects), for nesting
    over `MAX_DEPTH` and for a key that is not text; `TooLarge` over `MAX_MESSAGE_BYTES`.
    """
    _check_key(key)
    check_json(message)
    try:
        text, wide = orjson.dumps(message), False
    except TypeError:
        text, wide = _dumps_exactly(message), True
    if len(text) > MAX_MESSAGE_BYTES:
        raise TooLarge(f"a message of {len(text)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    return EncodedMessage(text, wide, key)


def loads_exactly(text: bytes | str) -> JsonValue:
    """Read JSON without any loss: integers of any size, lone surrogates in strings.

    Raises `ValueError` for what is no JSON, also for the constants NaN and Infinity, which are no JSON either.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def check_json(value: object) -> None:
    """Raise `InvalidRecord` unless JSON can hold the value and give it back equal."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            kind = type(item)
            if kind in _SCALARS:
                continue
            if isinstance(item, dict):
                _check_names(item)
                inner.extend(item.values())
            elif isinstance(item, list | tuple):
                inner.extend(item)
            elif isinstance(item, float):
                if not isfinite(item):
                    raise InvalidRecord("JSON cannot hold NaN or an infinity")
            elif not isinstance(item, str | int):
                raise InvalidRecord(f"JSON cannot hold a value of type {kind.__name__}; convert it first")
        if not inner:
            return
        level = inner
    raise InvalidRecord(f"a message is nested deeper than {MAX_DEPTH} levels, or contains itself")


def _check_names(item: dict[object, object]) -> None:
    for name in item:
        if not isinstance(name, str):
            raise InvalidRecord(f"the names in a JSON object are text, not {type(name).__name__}")


def _check_key(key: str | None) -> None:
    if key is None:
        return
    if not isinstance(key, str):
        raise InvalidRecord(f"an idempotency key is text, not {type(key).__name__}")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidRecord("an idempotency key must not hold a lone surrogate") from None


def _dumps_exactly(message: object) -> bytes:
    try:
        return json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii")
    except ValueError as error:
        # An integer of thousands of digits: Python itself refuses to write it as text.
        raise InvalidRecord("a message holds a number too long to be written") from error


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON")
