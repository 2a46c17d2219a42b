"""JSON in, equal JSON out: exact encoding and decoding of messages.

orjson is several times faster than the standard library, and wrong at two edges: it writes NaN as `null`, and it
reads an integer over 64 bits as a float. So every message is checked before it is encoded, and one that orjson
cannot write exactly is written by the standard library and marked *wide*, which is how a reader knows to read it
with the standard library too.
"""

from __future__ import annotations

import gc
import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from .errors import InvalidRecord, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

JsonValue: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, a list of them, or a dict of them with str keys."""

MAX_DEPTH = 200
"""How deeply arrays and objects may be nested in a message. Deeper ones cannot be read back everywhere."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message, in bytes of JSON."""

MAX_KEY_BYTES = 1024
"""The longest idempotency key, in bytes of UTF-8."""

_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SCALARS = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})
_FLOAT = frozenset({float})
_ARRAYS = (list, tuple)
_PLAIN = frozenset({dict, list, tuple})
_WIDE_LEVEL = 1 << 16


@dataclass(frozen=True, slots=True)
class EncodedMessages:
    """Messages as JSON texts in UTF-8, each on one line, side by side with their idempotency keys.

    Kept as a few long lists: an object for each message would cost more time than the encoding itself.
    """

    texts: list[bytes]
    keys: list[str | None] | None = None
    """One for each message; None if no message has one."""
    wide: frozenset[int] = frozenset()
    """The places of those that only an exact reader gives back equal."""

    def __len__(self) -> int:
        return len(self.texts)

    def since(self, first: int) -> EncodedMessages:
        """Return the messages from a place on."""
        return self.only(range(first, len(self.texts))) if first else self

    def only(self, places: Sequence[int]) -> EncodedMessages:
        """Return the messages at some places, in that order."""
        return EncodedMessages(
            [self.texts[place] for place in places],
            None if self.keys is None else [self.keys[place] for place in places],
            frozenset(new for new, place in enumerate(places) if place in self.wide) if self.wide else self.wide,
        )

    def given_keys(self) -> Iterator[str]:
        """Yield the keys that there are."""
        return (key for key in self.keys or () if key is not None)


def encode_messages(messages: Sequence[object], keys: Sequence[str | None] | None = None) -> EncodedMessages:
    """Encode messages, each with its idempotency key or None, where there are any.

    Tuples are written as arrays, and subclasses of the JSON types as what they hold. Raises `InvalidRecord` for
    anything that JSON cannot hold (NaN, infinities, bytes, names that are not text, other objects), for nesting
    over `MAX_DEPTH` and for a key that is not text; `TooLarge` over `MAX_MESSAGE_BYTES` and `MAX_KEY_BYTES`. Where
    there are several messages, the error names the place of the first wrong one.
    """
    try:
        # All at once is twice as fast as one by one; which one is wrong is looked up only when one is.
        # The names in objects are left to orjson here, which takes nothing but text.
        _check_values(messages, MAX_DEPTH + 1, names=False)
        for key in keys or ():
            _check_key(key)
        return _encoded(messages, keys)
    except (InvalidRecord, TooLarge):
        if len(messages) > 1:
            _name_the_wrong_one(messages, keys or [None] * len(messages))
        raise


def _name_the_wrong_one(messages: Sequence[object], keys: Sequence[str | None]) -> None:
    for place, (message, key) in enumerate(zip(messages, keys, strict=True)):
        try:
            encode_messages([message], [key])
        except (InvalidRecord, TooLarge) as error:
            raise type(error)(f"message {place}: {error}") from None


def loads_exactly(text: bytes | str) -> JsonValue:
    """Read JSON without any loss: integers of any size, lone surrogates in strings.

    Raises `ValueError` for what is no JSON, also for the constants NaN and Infinity, which are no JSON either.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def check_json(value: object, *, max_depth: int = MAX_DEPTH) -> None:
    """Raise `InvalidRecord` unless JSON can hold the value and give it back equal."""
    _check_values(value, max_depth, names=True)


def _check_values(value: object, max_depth: int, *, names: bool) -> None:
    level: list[object] = [value]
    for _ in range(max_depth):
        level = _inside(level, names=names)
        if not level:
            return
    if any(isinstance(item, dict | list | tuple) for item in level):
        raise InvalidRecord(f"a message is nested deeper than {MAX_DEPTH} levels, or contains itself")
    _inside(level, names=names)


def _inside(level: list[object], *, names: bool) -> list[object]:
    """Check the values of one level, and return those one level deeper that are not surely right."""
    others: list[object] = []
    plain = level
    if not _PLAIN.issuperset(map(type, level)):
        plain = [item for item in level if type(item) in _PLAIN]
        others = [item for item in level if type(item) not in _PLAIN]
        if _FLOAT.issuperset(map(type, others)) and all(map(isfinite, others)):  # type: ignore[arg-type]
            others = []  # a vector of numbers, say
    # What the garbage collector is shown of lists, tuples and dicts is every value in them, of whatever kind, and
    # maybe names, which do no harm. To ask for all at once takes a third of the time that asking each takes.
    inner = gc.get_referents(*plain)
    for item in others:
        inner += _inside_other(item)
    if names:
        for item in level:
            if isinstance(item, dict):
                _check_names(item)
    unsure = [item for item in inner if type(item) not in _SCALARS]
    # Each only once: what contains itself twice doubles with every level.
    return unsure if len(unsure) < _WIDE_LEVEL else list({id(item): item for item in unsure}.values())


def _inside_other(item: object) -> Iterable[object]:
    """Return the values in a subclass of an array or an object; check anything else, which holds none."""
    if isinstance(item, dict):
        return item.values()
    if isinstance(item, _ARRAYS):
        return item
    _check_scalar(item)
    return ()


def _encoded(messages: Sequence[object], keys: Sequence[str | None] | None) -> EncodedMessages:
    wide: frozenset[int] = frozenset()
    try:
        # Each is copied to its exact size. orjson shrinks the block that it returns, and a heap full of such blocks
        # makes the allocator give back and take again a page for nearly every message: five times the time.
        texts = [b"%s" % orjson.dumps(message) for message in messages]
    except TypeError:
        texts, wide = _encoded_one_by_one(messages)
    if max(map(len, texts), default=0) > MAX_MESSAGE_BYTES:
        raise TooLarge(f"a message of {max(map(len, texts))} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    has_keys = keys is not None and any(key is not None for key in keys)
    return EncodedMessages(texts, list(keys) if keys is not None and has_keys else None, wide)


def _encoded_one_by_one(messages: Sequence[object]) -> tuple[list[bytes], frozenset[int]]:
    texts: list[bytes] = []
    wide: set[int] = set()
    for place, message in enumerate(messages):
        try:
            texts.append(orjson.dumps(message))
        except TypeError:
            check_json(message)
            texts.append(_dumps_exactly(message))
            wide.add(place)
    return texts, frozenset(wide)


def _check_names(item: dict[object, object]) -> None:
    if _TEXT.issuperset(map(type, item)):
        return
    for name in item:
        if not isinstance(name, str):
            raise InvalidRecord(f"the names in a JSON object are text, not {type(name).__name__}")


def _check_scalar(item: object) -> None:
    if isinstance(item, float):
        if not isfinite(item):
            raise InvalidRecord("JSON cannot hold NaN or an infinity")
    elif not isinstance(item, str | int | None):
        raise InvalidRecord(f"JSON cannot hold a value of type {type(item).__name__}; convert it first")


def _check_key(key: str | None) -> None:
    if key is None:
        return
    if not isinstance(key, str):
        raise InvalidRecord(f"an idempotency key is text, not {type(key).__name__}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidRecord("an idempotency key must not hold a lone surrogate") from None
    if size > MAX_KEY_BYTES:
        raise TooLarge(f"an idempotency key of {size} bytes is over the limit of {MAX_KEY_BYTES}")


def _dumps_exactly(message: object) -> bytes:
    try:
        text = json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        # An integer of thousands of digits: Python itself refuses to write it as text.
        raise InvalidRecord("a message holds a number too long to be written") from error
    if _SURROGATE_PAIR.search(text):
        raise InvalidRecord("a message holds two surrogates that JSON would give back as one character")
    # For a surrogate, the escape that Python puts is the one that JSON knows.
    return text.encode(errors="backslashreplace")


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON")
