"""JSON in, equal JSON out, through both faces; and what JSON cannot hold, refused before anything is sent."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import re
import uuid
from collections import OrderedDict, UserDict, namedtuple
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store import AsyncSessionStore, InvalidRecord, SessionStore, TooLarge
from s3store.errors import CorruptObject
from s3store.jsontext import MAX_DEPTH, MAX_MESSAGE_BYTES, JsonValue, encode_messages
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.streams.records import (
    Stamp,
    cut_into,
    decode_records,
    encode_lines,
    keys_of,
    message_of,
    same_at_start,
    split_last,
    split_lines,
)
from s3store.streams.segments import content_of_lines
from tests.archives import in_step

if TYPE_CHECKING:
    from collections.abc import Callable

STAMP = Stamp("01kah0000000000000000000aa", "2026-11-20T09:30:00.000000Z")


def nested(depth: int, innermost: JsonValue = 1) -> JsonValue:
    for level in range(depth):
        innermost = [innermost] if level % 2 else {"in": innermost}
    return innermost


EXACT: dict[str, JsonValue] = {
    "null": None,
    "true": True,
    "one": 1,
    "one-point-nought": 1.0,
    "zero": 0,
    "minus-zero": -0.0,
    "2**53+1": 2**53 + 1,
    "2**63-1": 2**63 - 1,
    "2**63": 2**63,
    "2**64-1": 2**64 - 1,
    "2**64": 2**64,
    "-2**63": -(2**63),
    "-2**63-1": -(2**63) - 1,
    "10**400": 10**400,
    "-10**400": -(10**400),
    "10**4299": 10**4299,
    "largest-float": 1.7976931348623157e308,
    "1e308": 1e308,
    "least-float": 5e-324,
    "least-normal-float": 2.2250738585072014e-308,
    "pi": math.pi,
    "0.1": 0.1,
    "1e16": 1e16,
    "1e22": 1e22,
    "1e23": 1e23,
    "float-beside-a-wide-integer": [2**70, 0.1, 1e23, -0.0, 1.0],
    "empty-text": "",
    "empty-list": [],
    "empty-object": {},
    "empty-inside": {"a": [], "b": {}, "c": "", "": None},
    "unicode": "grüße, Ελλάδα, 日本語, עברית",
    "emoji": "👩‍💻😀🏳️‍🌈",
    "emoji-beside-a-wide-integer": ["👩‍💻", 2**70, "\u2028"],
    "escapes": '"\\/\b\f\n\r\t\x00\x1f\x7f',
    "line-ends": "a\nb\r\nc\u2028d\u2029e\x85f",
    "no-characters": "\ufffe\uffff\U0010ffff",
    "byte-order-mark": "\ufeffa",
    "lone-high-surrogate": "\ud800",
    "lone-low-surrogate": "a\udfffb",
    "surrogates-the-wrong-way-round": "\udc00\ud800",
    "surrogate-as-a-name": {"\ud800": "\udfff"},
    "names-in-order": {"z": 1, "a": 2, "m": {"y": 3, "b": 4}},
    "names-of-the-envelope": {"seq": 9, "commit": "c", "at": "t", "key": "k", "message": "m", "wide": True},
    "text-like-an-envelope": '{"seq":0,"commit":"x","at":"y","message":',
    "text-like-a-key": ',"key":"k","message":{"a":1}}\n{"seq":1',
    "list-of-many": list(range(5000)),
    "nested-as-deep-as-allowed": nested(MAX_DEPTH),
    "deep-and-wide": nested(MAX_DEPTH, 2**70),
}


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    USER = "user"


class Number(enum.IntEnum):
    SEVEN = 7


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class Pair(NamedTuple):
    left: int
    right: str


OldPair = namedtuple("OldPair", ["left", "right"])  # noqa: PYI024


class Names(dict[str, int]):
    pass


class Row(list[int]):
    pass


class Holder:
    """Its attributes are a dict that shares its names with those of others."""

    def __init__(self, value: object) -> None:
        self.first = None
        self.it = value


@dataclasses.dataclass
class Message:
    role: str


AS_VALUES: dict[str, tuple[object, JsonValue]] = {
    "tuple": ((1, (2, ())), [1, [2, []]]),
    "named-tuple": (Pair(1, "a"), [1, "a"]),
    "old-named-tuple": (OldPair(1, 2), [1, 2]),
    "text-enum": (Word.USER, "user"),
    "integer-enum": ([Number.SEVEN], [7]),
    "text-subclass": (Text("a"), "a"),
    "text-subclass-as-a-name": ({Text("a"): 1}, {"a": 1}),
    "text-enum-as-a-name": ({Word.USER: 1}, {"user": 1}),
    "integer-subclass": (Whole(5), 5),
    "wide-integer-subclass": (Whole(2**70), 2**70),
    "float-subclass": (Real(1.5), 1.5),
    "dict-subclass": (Names(a=1), {"a": 1}),
    "ordered-dict": (OrderedDict([("b", 1), ("a", 2)]), {"b": 1, "a": 2}),
    "list-subclass": (Row([1, 2]), [1, 2]),
}

REFUSED: dict[str, object] = {
    "nan": math.nan,
    "infinity": math.inf,
    "minus-infinity": [-math.inf],
    "nan-beside-a-wide-integer": [2**70, math.nan],
    "nan-of-a-subclass": Real("nan"),
    "bytes": b"raw",
    "bytearray": {"a": bytearray(b"raw")},
    "memoryview": memoryview(b"raw"),
    "set": {1, 2},
    "frozenset": frozenset(),
    "datetime": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "date": dt.date(2026, 1, 1),
    "dataclass": Message("user"),
    "dataclass-inside": [{"message": Message("user")}],
    "time": dt.time(12),
    "uuid": uuid.UUID(int=1),
    "text-that-orjson-takes-as-it-is": orjson.Fragment(b"not JSON"),
    "decimal": decimal.Decimal(1),
    "complex": 1j,
    "enum-of-its-own": Colour.RED,
    "mapping-that-is-no-dict": UserDict(a=1),
    "generator": (number for number in [1]),
    "range": range(3),
    "object": object(),
    "class": dict,
    "ellipsis": ...,
    "integer-as-a-name": {1: "a"},
    "none-as-a-name": {None: "a"},
    "true-as-a-name": {"ok": {True: "a"}},
    "tuple-as-a-name": {(1,): "a"},
    "bytes-as-a-name": {b"a": 1},
    "too-deep": nested(MAX_DEPTH + 1),
    "far-too-deep": nested(100_000),
    "integer-too-long-to-write": 10**5000,
    "two-surrogates-that-would-be-read-as-one-character": "\ud83d\ude00",
    "such-surrogates-as-a-name": {"\ud83d\ude00": 1},
}
_HOLDS_ITSELF: list[object] = []
_HOLDS_ITSELF.append(_HOLDS_ITSELF)
REFUSED["holds-itself"] = _HOLDS_ITSELF

REFUSED_KEYS: dict[str, Any] = {"integer": 5, "bytes": b"k", "lone-surrogate": "\ud800", "list": ["k"]}


def typed(value: JsonValue) -> JsonValue:
    """Return the value in a form in which True and 1, 1 and 1.0, 0.0 and -0.0 differ, and the order of names counts."""
    match value:
        case dict():
            return "object", [(name, typed(inner)) for name, inner in value.items()]
        case list():
            return "list", [typed(inner) for inner in value]
        case float():
            return "float", value.hex()
        case _:
            return type(value).__name__, value


@pytest.fixture
def counted() -> CountingStore:
    """An archive that was written to before, so that what is counted is the call alone."""
    memory = MemoryStore()
    with SessionStore(memory) as store:
        store.append("before", 1)
    return CountingStore(memory)


@pytest.mark.parametrize("name", EXACT)
def test_a_message_comes_back_as_it_was_given(name: str) -> None:
    message = EXACT[name]
    with SessionStore("memory://") as store:
        store.append("x", message, key="k")
        store.extend("x", [message, message])
        store.replace_last("x", message)
        found = store.load("x").messages
        assert [typed(each) for each in found] == [typed(message)] * 3
        assert [typed(record.message) for record in store.last("x", 2)] == [typed(message)] * 2
        assert [typed(record.message) for record in store.records("x")] == [typed(message)] * 3
        store.save("x", [message])
        assert typed(store.load("x").messages) == typed([message])


@pytest.mark.parametrize("name", EXACT)
def test_a_stored_line_is_one_line_of_json_that_any_reader_can_read(name: str) -> None:
    line = encode_lines(7, STAMP, encode_messages([EXACT[name]], ['a "key", quoted']))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    found = json.loads(line)
    assert typed(found["message"]) == typed(EXACT[name])
    assert (found["seq"], found["key"], found["commit"], found["at"]) == (7, 'a "key", quoted', STAMP.commit, STAMP.at)


@pytest.mark.parametrize("name", AS_VALUES)
def test_subclasses_and_tuples_are_stored_as_what_they_hold(name: str) -> None:
    given_value, stored = AS_VALUES[name]
    with SessionStore("memory://") as store:
        store.append("x", given_value)
        assert typed(store.load("x").messages) == typed([stored])


@pytest.mark.parametrize("name", REFUSED)
def test_what_json_cannot_hold_is_refused_before_anything_is_sent(name: str, counted: CountingStore) -> None:
    refused = REFUSED[name]
    calls: list[Callable[[SessionStore], object]] = [
        lambda store: store.append("before", refused),
        lambda store: store.append("new", {"content": refused}),
        lambda store: store.extend("before", ["good", refused]),
        lambda store: store.save("before", [refused]),
        lambda store: store.create("new", [refused]),
        lambda store: store.replace_last("before", refused),
        lambda store: store.session("before").append(refused),
    ]
    with SessionStore(counted) as store:
        for call in calls:
            with pytest.raises(InvalidRecord):
                call(store)
    assert counted.counts.requests == 0


AROUND: dict[str, Callable[[object], object]] = {
    "list": lambda value: [None, value, None],
    "tuple": lambda value: (None, value),
    "object": lambda value: {"null": None, "it": value},
    "object-of-text-subclasses": lambda value: {Text("it"): value},
    "object-of-many-names": lambda value: {**dict.fromkeys("abcdefgh"), "it": value},
    "object-subclass": lambda value: OrderedDict(it=value),
    "list-subclass": lambda value: Row([value]),  # type: ignore[list-item]
    "named-tuple": lambda value: OldPair(1, value),
    "attributes-of-an-instance": lambda value: vars(Holder(value)),
    "beside-others": lambda value: [{}, [], value, {"a": [1.5, Number.SEVEN]}],
    "deeper": lambda value: {"a": [{"b": [[{"c": (1, value)}]]}, "x"], "d": "y"},
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", REFUSED)
def test_what_json_cannot_hold_is_found_wherever_it_stands(name: str, around: str) -> None:
    with pytest.raises(InvalidRecord, match="message 1: "):
        encode_messages(["good", AROUND[around](REFUSED[name]), "good"])


@pytest.mark.parametrize("name", REFUSED_KEYS)
def test_an_idempotency_key_that_is_no_text_is_refused_before_anything_is_sent(
    name: str, counted: CountingStore
) -> None:
    with SessionStore(counted) as store:
        with pytest.raises(InvalidRecord):
            store.append("before", 1, key=REFUSED_KEYS[name])
        with pytest.raises(InvalidRecord):
            store.extend("before", [1, 2], keys=[None, REFUSED_KEYS[name]])
    assert counted.counts.requests == 0


def test_the_place_of_a_refused_message_is_told() -> None:
    with SessionStore("memory://") as store, pytest.raises(InvalidRecord, match="message 2"):
        store.extend("x", [1, 2, b"3"])


def test_an_error_never_shows_the_message() -> None:
    with SessionStore("memory://") as store, pytest.raises(InvalidRecord) as caught:
        store.append("x", {"secret word": [b"secret word"]})
    assert "secret" not in str(caught.value)


def test_a_message_as_large_as_is_allowed_is_stored_and_a_larger_one_refused(counted: CountingStore) -> None:
    largest = "m" * (MAX_MESSAGE_BYTES - 2)
    with SessionStore(counted) as store:
        with pytest.raises(TooLarge):
            store.append("large", largest + "m")
        assert counted.counts.requests == 0
        store.append("large", "first")
        store.append("large", largest)
        store.append("large", "last")
    with SessionStore(counted) as store:
        assert store.load("large").messages == ["first", largest, "last"]
        assert store.last("large", 1)[0].message == "last"


def test_an_idempotency_key_too_long_to_be_read_back_is_refused(counted: CountingStore) -> None:
    with SessionStore(counted) as store, pytest.raises(TooLarge):
        store.append("before", 1, key="k" * (MAX_MESSAGE_BYTES * 2))
    assert counted.counts.requests == 0


@pytest.mark.parametrize("key", ["", " ", '"', "\\", '\\"', "\n", "\x00", '","message":', "😀", "k" * 500])
def test_any_text_can_be_an_idempotency_key(key: str) -> None:
    with SessionStore("memory://") as store:
        store.append("x", {"key": "other"}, key=key)
        store.append("x", "again", key=key)
        (record,) = store.load("x").records
        assert (record.key, record.message) == (key, {"key": "other"})


whole = st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**30])
characters = st.characters(exclude_categories=[])
adjacent = re.compile("[\ud800-\udbff][\udc00-\udfff]")
texts = st.text(characters, max_size=12).filter(lambda text: not adjacent.search(text))
scalars = st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(values, max_size=6), values, st.booleans())
def test_any_json_comes_back_equal_on_both_faces(messages: list[JsonValue], more: JsonValue, saved: bool) -> None:  # noqa: FBT001
    wanted = [typed(each) for each in [*messages, more]]
    with asyncio.Runner() as runner:
        stores = [SessionStore("memory://"), in_step(AsyncSessionStore("memory://"), runner)]
        for store in stores:
            if saved:
                store.save("x", messages)
            else:
                store.extend("x", messages)
            store.append("x", more)
            assert [typed(each) for each in store.load("x").messages] == wanted
            assert [typed(record.message) for record in store.records("x")] == wanted
            store.save("x", [*messages, more])
            assert [typed(each) for each in store.load("x").messages] == wanted
            store.close()


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(values, st.none() | st.text(max_size=8)), max_size=6))
def test_a_line_can_be_taken_apart_without_being_parsed(pairs: list[tuple[JsonValue, str | None]]) -> None:
    encoded = encode_messages([message for message, _ in pairs], [key for _, key in pairs])
    data = encode_lines(3, STAMP, encoded)
    lines = split_lines(data)
    assert [message_of(line) for line in lines] == encoded.texts
    assert same_at_start(data, encoded.texts) == (len(pairs), len(data))
    for place, line_of_it in enumerate(lines):
        for other in encoded.texts:
            same = (1, len(line_of_it) + 1) if encoded.texts[place] == other else (0, 0)
            assert same_at_start(line_of_it + b"\n", [other]) == same
    assert list(keys_of(lines)) == [key for _, key in pairs if key is not None]
    records = decode_records("k", 3, len(pairs), data)
    assert [(typed(record.message), record.key) for record in records] == [(typed(m), k) for m, k in pairs]
    assert [record.seq for record in records] == list(range(3, 3 + len(pairs)))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 12), max_size=12), st.integers(1, 40))
def test_lines_are_cut_only_where_one_ends(lengths: list[int], most: int) -> None:
    lines = [b"x" * (length - 1) + b"\n" for length in lengths]
    parts = cut_into(b"".join(lines), most)
    assert b"".join(parts) == b"".join(lines)
    assert all(len(part) <= most or part.count(b"\n") == 1 for part in parts)
    assert all(part.endswith(b"\n") for part in parts) or parts == [b""]
    for part, following in pairwise(parts):
        assert len(part) + following.index(b"\n") + 1 > most  # as much in each as goes in
    if lines:
        assert split_last(b"".join(lines)) == (b"".join(lines[:-1]), lines[-1])


def line(**changes: JsonValue) -> bytes:
    fields = {"seq": 0, "commit": "c", "at": "2026-11-20T09:30:00.000000Z", "message": 1, **changes}
    return orjson.dumps({name: value for name, value in fields.items() if value is not ...}) + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        line(seq=1),
        line(seq="0"),
        line(seq=None),
        line(seq=...),
        line(commit=...),
        line(at=...),
        line(at="yesterday"),
        line(at="2026-11-20T09:30:00"),
        line(at=5),
        line(message=...),
        b"[]\n",
        b"null\n",
        b"5\n",
        b'"text"\n',
        b"\n",
        b"{\n",
        b"\xff\n",
        line()[:-2] + b"\n",
        line() + b"\n",
        line(message="m" * 300_000) + b"\n",
        line() + line(),
        b'{"wide":true,"seq":0,"commit":"c","at":"2026-11-20T09:30:00.000000Z","message":NaN}\n',
        b'{"wide":true,' + b"[" * 100_000 + b"\n",
        b'{"seq":0,"commit":"c","at":"2026-11-20T09:30:00.000000Z","message":' + b"[" * 100_000 + b"}\n",
    ],
)
def test_a_line_that_is_not_the_record_due_there_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptObject):
        decode_records("the-key", 0, 1, data)


def test_the_object_that_does_not_hold_what_is_due_is_named() -> None:
    for first, count in [(0, 0), (0, 2), (1, 1)]:
        with pytest.raises(CorruptObject, match="the-key"):
            decode_records("the-key", first, count, line())


def test_a_line_in_another_writers_form_is_read_as_well() -> None:
    other = b'{ "at": "2026-11-20T10:30:00+01:00", "message": {"a": 1}, "key": "k", "seq": 0, "commit": "c", "new": 1 }'
    (record,) = decode_records("k", 0, 1, other + b"\n")
    assert (record.message, record.key) == ({"a": 1}, "k")
    assert record.at == dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
    assert message_of(other) is None
    assert same_at_start(other + b"\n", [b'{"a":1}']) == (0, 0)
    assert list(keys_of([other, b'{ "seq": 1, "message": 2 }'])) == ["k"]
    same_end = b'{"seq":0,"other":{"a":1}}'
    assert same_at_start(same_end + b"\n", [b'{"a":1}']) == (0, 0)
    assert content_of_lines([line().rstrip(b"\n")]) is not None
    assert content_of_lines([line().rstrip(b"\n"), other]) is None
