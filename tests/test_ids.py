"""Any text is a session id, and none of them gets out of its place."""

from __future__ import annotations

import os
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store import InvalidSessionId, S3StoreError, SessionStore
from s3store.keys import (
    StreamKeys,
    decode_id,
    encode_id,
    id_of_part,
    is_transcript_head,
    session_part,
    session_prefix,
    stored_key,
)
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

IDS = [
    "a",
    "A",
    "",
    " ",
    ".",
    "..",
    "...",
    "%2E",
    "%2E%2E",
    "~",
    "~~",
    "~abc",
    "%7E",
    "/",
    "//",
    "/a",
    "a/",
    "a/b",
    "a_b",
    "a%2Fb",
    "a%2fb",
    "a%252Fb",
    "a\\b",
    "../../../../etc/passwd",
    "a/../../../../x",
    "a/transcript",
    "a/transcript.jsonl.zst",
    "sessions/00/a",
    "archive.json",
    "con",
    "nul.txt",
    "C:\\x",
    "a+b",
    "a b",
    "a?b#c&d=e",
    "*",
    "<a>&amp;",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "\x00",
    "a\x00b",
    "\x7f",
    "\x1b[31m",
    "😀",
    "👩‍💻",
    "שלום",
    "\u202eevil",
    "é",
    "e\u0301",
    "\u00c5",
    "\u212b",
    "ß",
    "SS",
    "İ",
    "\ufeff",
    "\uffff",
    "\U0010ffff",
    "x" * 200,
    "x" * 201,
    "x" * 600,
    "X" * 600,
    "é" * 600,
    "/" * 600,
    "x" * 100_000,
    "~" + "0" * 64,
]
WRONG: list[Any] = [None, 5, 1.5, True, b"a", ["a"], ("a",), {"a": 1}, "\ud800", "a\udfffb", "\ud83d\ude00", object()]


def test_the_table_holds_no_id_twice() -> None:
    assert len(set(IDS)) == len(IDS)


def test_every_id_has_a_session_of_its_own_and_comes_back(place: Place) -> None:
    store = place.open()
    for session_id in IDS:
        store.create(session_id, [session_id])
    other = place.open()
    for session_id in IDS:
        transcript = other.load(session_id)
        assert (transcript.info.id, transcript.messages) == (session_id, [session_id])
    assert sorted(info.id for info in other.scan()) == sorted(IDS)
    for session_id in IDS[::2]:
        assert store.delete(session_id) is True
    assert sorted(info.id for info in other.scan()) == sorted(IDS[1::2])


def test_every_key_stands_in_its_place(memory: Place) -> None:
    store = memory.open()
    for session_id in IDS:
        store.create(session_id)
    keys = memory.listed("sessions/")
    assert len(keys) == len(IDS)
    safe = set(string.ascii_letters + string.digits + "-._~%")
    for key in keys:
        start, spread, encoded, name = key.split("/")
        assert (start, name) == ("sessions", "transcript.jsonl.zst")
        assert len(spread) == 2
        assert encoded not in {"", ".", ".."}
        assert set(encoded) <= safe
        assert len(encoded) <= 200
        assert is_transcript_head(key)


def test_nothing_is_written_outside_of_the_directory(tmp_path: Path) -> None:
    root = tmp_path / "in" / "here" / "archive"
    with SessionStore(f"file://{root}") as store:
        for session_id in IDS:
            store.create(session_id, ["x"])
            store.delete(session_id)
            store.create(session_id, ["x"])
    outside = [path for path in tmp_path.rglob("*") if root not in path.parents and path not in (root, *root.parents)]
    assert outside == []
    modes = {oct(os.stat(path).st_mode & 0o777) for path in root.rglob("*")}
    assert modes <= {"0o700", "0o600"}


CALLS: dict[str, Callable[[SessionStore, Any], object]] = {
    "session": lambda store, wrong: store.session(wrong),
    "create": lambda store, wrong: store.create(wrong),
    "save": lambda store, wrong: store.save(wrong, []),
    "append": lambda store, wrong: store.append(wrong, "x"),
    "delete": lambda store, wrong: store.delete(wrong),
    "exists": lambda store, wrong: store.exists(wrong),
    "info": lambda store, wrong: store.info(wrong),
    "load": lambda store, wrong: store.load(wrong),
    "last": lambda store, wrong: store.last(wrong, 1),
    "records": lambda store, wrong: list(store.records(wrong)),
    "resolve": lambda store, wrong: store.resolve(wrong, "c"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{type(wrong).__name__}-{wrong!a:.12}")
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_text_is_refused_before_anything_is_sent(call: str, wrong: Any) -> None:
    counted = CountingStore(MemoryStore())
    with SessionStore(counted) as store, pytest.raises(InvalidSessionId):
        CALLS[call](store, wrong)
    assert counted.counts.requests == 0


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@settings(max_examples=300, derandomize=True)
@given(text)
def test_an_encoded_id_can_be_read_back(session_id: str) -> None:
    encoded = encode_id(session_id)
    assert decode_id(encoded) in {session_id, None}
    assert decode_id(encoded) == session_id or len(session_id.encode()) * 3 > 200
    assert session_prefix(session_id).endswith(f"/{encoded}/")


@settings(max_examples=300, derandomize=True)
@given(text, text)
def test_two_ids_never_share_a_key(one: str, other: str) -> None:
    heads = {StreamKeys.of(session_id, "transcript").head for session_id in (one, other)}
    assert len(heads) == len({one, other})
    assert one == other or not session_prefix(one).startswith(session_prefix(other))


def test_an_error_names_the_id_in_a_form_that_cannot_fool_a_terminal(memory: Place) -> None:
    store = memory.open()
    for session_id in ("\x1b[31m", "a\nb", "\x00"):
        with pytest.raises(S3StoreError) as caught:
            store.load(session_id)
        assert str(caught.value).isprintable()


PART = "ab/my-session"
ULID = "01m7wfy0frb4sa6wnn7wrgjxmk"


@pytest.mark.parametrize(
    ("name", "stream", "kind"),
    [
        ("transcript.jsonl.zst", "transcript", "head"),
        ("traces.jsonl.zst", "traces", "head"),
        (f"traces/0000000007-{ULID}.jsonl.zst", "traces", "segment"),
        (f"artifacts/0000000007-{ULID}.jsonl.zst", "artifacts", "segment"),
        (f"artifacts/{'0' * 64}-{ULID}", "artifacts", "body"),
        (f"artifacts/{ULID}", "artifacts", "body"),
        (f"traces/{ULID}", "", "other"),
        (f"inbox/{ULID}.json", "", "other"),
        ("transcript.jsonl", "", "other"),
        ("", "", "other"),
    ],
)
def test_a_stored_key_tells_what_its_object_is(name: str, stream: str, kind: str) -> None:
    assert stored_key(f"sessions/{PART}/{name}") == (PART, stream, kind)


@pytest.mark.parametrize("session_id", ["", ".", "a/b", "ünï", "x" * 200])
def test_a_part_of_a_key_tells_its_session(session_id: str) -> None:
    assert id_of_part(session_part(session_id)) == session_id


@pytest.mark.parametrize("part", [session_part("x" * 201), "00/my-session", "ab", "ab/%ff"])
def test_a_part_that_no_session_has_tells_none(part: str) -> None:
    assert id_of_part(part) is None
