"""Stored bytes, broken at random: a decoder gives what was written, or an error of ours, in bounded time."""

from __future__ import annotations

import hashlib
import struct
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store import CorruptObject, S3StoreError, SessionStore
from s3store.archive import Archive
from s3store.keys import StreamKeys
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.draft import Sizes
from s3store.streams.frames import unpack
from s3store.streams.records import decode_records, keys_of, message_of, split_lines
from tests.archives import keys_of as all_keys_of

KEYS = StreamKeys.of("a", "transcript")
MESSAGES = [{"role": "user", "content": f"message {number} " * 3, "wide": 2**70 + number} for number in range(6)]


@cache
def archive() -> dict[str, bytes]:
    """The objects of an archive with one session in several segments."""
    memory = MemoryStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3store.blocking.Archive", partial(Archive, sizes=Sizes(seal=1)))
        with SessionStore(memory) as store:
            store.create("a", labels=["x"], attributes={"k": [1, {"d": None}]}, turn="t")
            for number, message in enumerate(MESSAGES):
                store.append("a", message, key=f"k{number}")
    return {key: run(memory.get(key)).body for key in all_keys_of(memory)}


def reopened(**changed: bytes) -> SessionStore:
    memory = MemoryStore()
    for key, body in {**archive(), **changed}.items():
        run(memory.put(key, body))
    return SessionStore(memory)


@st.composite
def broken(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes with some of them flipped, cut out, doubled, or replaced."""
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 12))
        match draw(st.sampled_from(["flip", "cut", "double", "insert", "end"])):
            case "flip" if data:
                data[at] ^= draw(st.integers(1, 255))
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = data[at : at + length]
            case "insert":
                data[at:at] = draw(st.binary(max_size=12))
            case "end":
                del data[at:]
    return bytes(data)


def hashed(header: bytes, frame: bytes) -> bytes:
    """An object as a writer would make it whose header and data are broken already."""
    payload = b"%s\n%s\n" % (header, hashlib.sha256(header + frame).hexdigest().encode())
    return struct.pack("<II", 0x184D2A50, len(payload)) + payload + frame


def taken_apart(body: bytes) -> tuple[bytes, bytes]:
    """The header's text and the data of an object."""
    length = struct.unpack_from("<I", body, 4)[0]
    return body[8 : 8 + length].partition(b"\n")[0], body[8 + length :]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_a_broken_object_is_seen(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(key for key in archive() if key.startswith("sessions/"))))
    body = data.draw(broken(archive()[key]))
    if body == archive()[key]:
        return
    with reopened(**{key: body}) as store, pytest.raises(CorruptObject, match=key):
        store.load("a")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_a_hostile_head_gives_an_error_of_ours_or_records(data: st.DataObject) -> None:
    header, frame = taken_apart(archive()[KEYS.head])
    if data.draw(st.booleans()):
        header = data.draw(broken(header))
    else:
        frame = data.draw(broken(frame))
    with reopened(**{KEYS.head: hashed(header, frame)}) as store:
        for call in (store.load, store.delete, lambda session: store.append(session, "x", key="k1")):
            try:
                call("a")
            except S3StoreError:
                pass


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_hostile_lines_give_an_error_of_ours_or_records(data: st.DataObject) -> None:
    lines = unpack(KEYS.head, archive()[KEYS.head]).lines * 2
    lines = data.draw(broken(lines))
    try:
        records = decode_records("k", 5, 1, lines)
    except CorruptObject:
        return
    assert [record.seq for record in records] == [5]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_taken_apart_or_refused(body: bytes) -> None:
    with pytest.raises(CorruptObject):
        unpack("k", body)
    for line in split_lines(body):
        message_of(line)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_data_behind_a_right_header_gives_content_or_is_refused(frame: bytes) -> None:
    for data in (frame, b"\x28\xb5\x2f\xfd" + frame):
        try:
            unpack("k", hashed(b"{}", data))
        except CorruptObject:
            pass


def test_the_archive_that_is_broken_here_is_right_before() -> None:
    with reopened() as store:
        assert store.load("a").messages == MESSAGES
    keys = list(keys_of(split_lines(unpack(KEYS.head, archive()[KEYS.head]).lines)))
    assert keys == ["k5"]
