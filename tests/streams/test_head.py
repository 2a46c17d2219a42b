"""Heads as a reader meets them: another session's, another version's, damaged and hostile ones."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import struct
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import zstandard

from s3store import CorruptObject, S3StoreError, SessionStore, UnsupportedFormat
from s3store.keys import StreamKeys
from s3store.streams.frames import compress, pack, unpack
from s3store.streams.head import pack_head, unpack_head, unpack_transcript_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

KEYS = StreamKeys.of("a", "transcript")
READS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("a"),
    "info": lambda store: store.info("a"),
    "exists": lambda store: store.exists("a"),
    "last": lambda store: store.last("a", 1),
    "records": lambda store: list(store.records("a")),
    "scan": lambda store: list(store.scan()),
}
WRITES: dict[str, Callable[[SessionStore], object]] = {
    "append": lambda store: store.append("a", "more"),
    "save": lambda store: store.save("a", ["all"]),
    "remove_last": lambda store: store.remove_last("a"),
    "update": lambda store: store.update("a", name="n"),
    "delete": lambda store: store.delete("a"),
    "resolve": lambda store: store.resolve("a", "01kah0000000000000000000aa"),
}


def rewrite(place: Place, change: Callable[[dict[str, Any]], object], lines: bytes | None = None) -> None:
    """Change the header of session a's head, and hash it anew."""
    found = unpack(KEYS.head, place.read(KEYS.head))
    change(found.header)
    place.write(KEYS.head, pack(found.header, found.frame if lines is None else compress(lines)))


def outcome(call: Callable[[SessionStore], object], store: SessionStore) -> str:
    """What a call does to a bad archive: an error of ours, or a result. Anything else fails the test."""
    try:
        call(store)
    except S3StoreError as error:
        return type(error).__name__
    return "done"


@pytest.fixture
def sealed(memory: Place, small_parts: None) -> Place:
    """Session a with several segments and an open tail."""
    with memory.open() as store:
        store.create("a", ["first"], name="n", labels={"l"}, attributes={"k": [1]}, turn="t")
        for number in range(4):
            store.append("a", {"number": number}, key=f"k{number}")
    return memory


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_another_sessions_head_is_refused(memory: Place, call: str) -> None:
    store = memory.open()
    store.append("a", "of a")
    store.append("b", "of b")
    body = memory.read(StreamKeys.of("b", "transcript").head)
    memory.write(KEYS.head, body)
    with pytest.raises(CorruptObject):
        {**READS, **WRITES}[call](memory.open())
    assert memory.read(KEYS.head) == body


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_a_head_of_a_later_format_is_refused_and_left_alone(sealed: Place, call: str) -> None:
    rewrite(sealed, lambda header: header.update(format="s3store.stream/2"))
    before = {key: sealed.read(key) for key in sealed.listed()}
    with pytest.raises(UnsupportedFormat, match=r"s3store\.stream/2"):
        {**READS, **WRITES}[call](sealed.open())
    assert {key: sealed.read(key) for key in sealed.listed()} == before


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_a_damaged_head_is_refused_and_left_alone(sealed: Place, call: str) -> None:
    body = bytearray(sealed.read(KEYS.head))
    body[-7] ^= 1
    sealed.write(KEYS.head, bytes(body))
    with pytest.raises(CorruptObject, match=KEYS.head):
        {**READS, **WRITES}[call](sealed.open())
    assert sealed.read(KEYS.head) == body


def test_a_head_of_another_stream_is_refused(memory: Place) -> None:
    memory.open().append("a", "of the transcript")
    head = unpack_head(KEYS, memory.read(KEYS.head))
    memory.write(KEYS.head, pack_head(dataclasses.replace(KEYS, stream="traces"), head))
    with pytest.raises(CorruptObject):
        memory.open().load("a")


def test_header_fields_of_a_later_version_are_kept(sealed: Place) -> None:
    more: dict[str, JsonValue] = {"later": {"deep": [1, 2.5, None]}, "archived": "x"}
    rewrite(sealed, lambda header: header.update(more))
    store = sealed.open()
    store.append("a", "more")
    store.update("a", state="idle")
    store.save("a", ["all"])
    store.clear("a")
    header = unpack(KEYS.head, sealed.read(KEYS.head)).header
    assert {name: header[name] for name in more} == more


def test_a_head_comes_back_as_it_was_packed(sealed: Place) -> None:
    body = sealed.read(KEYS.head)
    head = unpack_head(KEYS, body)
    assert pack_head(KEYS, head) == body
    assert unpack_transcript_head(KEYS.head, body) == ("a", head)


def test_zstd_prints_the_transcript_from_segments_and_head(sealed: Place) -> None:
    segments = sealed.listed(KEYS.segments)
    assert len(segments) >= 3
    stored = b"".join(sealed.read(key) for key in [*segments, KEYS.head])
    with zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True) as reader:
        lines = reader.read().decode().splitlines()
    transcript = sealed.open().load("a")
    assert [orjson.loads(line)["message"] for line in lines] == transcript.messages
    assert [orjson.loads(line)["seq"] for line in lines] == list(range(5))
    assert [orjson.loads(line).get("key") for line in lines] == [None, "k0", "k1", "k2", "k3"]


ODD: list[JsonValue] = [
    None,
    True,
    -1,
    0,
    1.5,
    2**63,
    "",
    "text",
    "9" * 30,
    [],
    [None],
    [[]],
    {},
    {"a": 1},
    [{}],
    "../x",
]
FIELDS = [
    "incarnation", "version", "commits", "count", "fence", "segments", "tail_keys", "created_at", "updated_at",
    "writer", "metadata", "deleted", "session", "stream", "format", "siblings",
]  # fmt: skip
SEGMENT_FIELDS = ["name", "first", "count", "bytes", "sha256", "content", "keyed", "keys"]
METADATA_FIELDS = ["name", "labels", "attributes", "turn", "state"]


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_stands_in_a_header_field_nothing_but_our_errors_come_of_it(sealed: Place, field: str) -> None:
    good = sealed.read(KEYS.head)
    for odd, call in itertools.product(ODD, [*READS, "append", "save", "delete"]):
        sealed.write(KEYS.head, good)
        rewrite(sealed, lambda header, odd=odd: header.update({field: odd}))  # type: ignore[misc]
        outcome({**READS, **WRITES}[call], sealed.open())


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in {"tail_keys", "deleted", "siblings"}])
def test_a_head_that_lacks_a_field_is_refused(sealed: Place, field: str) -> None:
    rewrite(sealed, lambda header: header.pop(field))
    assert outcome(READS["load"], sealed.open()) in {"CorruptObject", "UnsupportedFormat"}


@pytest.mark.parametrize("field", SEGMENT_FIELDS)
def test_whatever_a_head_says_of_a_segment_nothing_but_our_errors_come_of_it(sealed: Place, field: str) -> None:
    good = sealed.read(KEYS.head)
    for odd, call in itertools.product(ODD, ["load", "last", "records", "append", "remove_last"]):
        sealed.write(KEYS.head, good)
        rewrite(sealed, lambda header, odd=odd: header["segments"][1].update({field: odd}))  # type: ignore[misc]
        outcome({**READS, **WRITES}[call], sealed.open())


@pytest.mark.parametrize("field", METADATA_FIELDS)
def test_whatever_stands_in_the_metadata_nothing_but_our_errors_come_of_it(sealed: Place, field: str) -> None:
    good = sealed.read(KEYS.head)
    for odd, call in itertools.product(ODD, ["info", "scan", "append"]):
        sealed.write(KEYS.head, good)
        rewrite(sealed, lambda header, odd=odd: header["metadata"].update({field: odd}))  # type: ignore[misc]
        outcome({**READS, **WRITES}[call], sealed.open())


@pytest.mark.parametrize(
    "name",
    [
        "../../../archive",
        "../b/transcript/0000000000-01kah0000000000000000000aa",
        "0000000000-01kah0000000000000000000aa/../../x",
        "0000000000-../../../../../../../archiv",
        "/etc/passwd",
        "0000000000-01kah0000000000000000000aa\n",
        "٠٠٠٠٠٠٠٠٠٠-01kah0000000000000000000aa",
        "",
    ],
)
def test_a_segments_name_that_could_point_elsewhere_is_refused(sealed: Place, name: str) -> None:
    rewrite(sealed, lambda header: header["segments"][0].update(name=name))
    for call in ("load", "append"):
        with pytest.raises(CorruptObject, match=KEYS.head):
            {**READS, **WRITES}[call](sealed.open())


@pytest.mark.parametrize(
    ("count", "lines"),
    [(6, None), (4, None), (0, None), (-1, None), (2**62, None), (5, b""), (5, b"\n"), (5, b"no line\n")],
)
def test_a_head_that_names_another_count_than_it_holds_never_gives_a_shorter_transcript(
    sealed: Place, count: int, lines: bytes | None
) -> None:
    rewrite(sealed, lambda header: header.update(count=count), lines)
    for call in ("load", "records", "last"):
        with pytest.raises(CorruptObject):
            READS[call](sealed.open())


@pytest.mark.parametrize("segments", [[0, 0, 1, 2], [1, 0, 2, 3], [0, 2, 3], [1, 2, 3]])
def test_segments_that_leave_a_gap_or_overlap_are_refused(sealed: Place, segments: list[int]) -> None:
    def change(header: dict[str, Any]) -> None:
        header["segments"] = [header["segments"][place] for place in segments]

    rewrite(sealed, change)
    with pytest.raises(CorruptObject):
        sealed.open().load("a")


@pytest.mark.parametrize("call", ["load", "append"])
def test_a_head_nested_too_deep_to_be_written_again_is_refused(sealed: Place, call: str) -> None:
    found = unpack(KEYS.head, sealed.read(KEYS.head))
    text = orjson.dumps({**found.header, "later": "DEEP"}).replace(b'"DEEP"', b"[" * 600 + b"]" * 600)
    sealed.write(KEYS.head, packed_text(text, found.frame))
    with pytest.raises(CorruptObject):
        {**READS, **WRITES}[call](sealed.open())


def packed_text(header: bytes, frame: bytes) -> bytes:
    payload = b"%s\n%s\n" % (header, hashlib.sha256(header + frame).hexdigest().encode())
    return struct.pack("<II", 0x184D2A50, len(payload)) + payload + frame
