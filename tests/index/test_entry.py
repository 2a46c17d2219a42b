"""Entries as they ride in keys."""

from __future__ import annotations

import re
import zlib
from base64 import b32hexencode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store.errors import CorruptObject
from s3store.index.entry import MAX_TEXT, Entry, Stub, confirmed, microseconds, moment, read_text, write_text
from s3store.keys import entry_of_log_key, log_key, transcript_head
from tests.index.entries import entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ENTRIES = st.builds(
    lambda session_id, at, version, fields: entry(session_id, at, version, **fields),
    TEXT,
    st.integers(0, 2**53),
    st.integers(1, 2**40),
    st.fixed_dictionaries(
        {},
        optional={
            "name": TEXT,
            "agent": TEXT,
            "state": TEXT,
            "labels": st.lists(TEXT, min_size=1, max_size=3),
            "turn": st.fixed_dictionaries({}, optional={"id": TEXT, "started_at": st.integers(-(2**40), 2**53)}),
            "active_at": st.integers(-(2**40), 2**53),
            "deleted": st.just(True),
            "renewed": st.just(True),
            "provisional": st.just(True),
            "place": st.just("cold"),
        },
    ),
)
ULID = "01kah0000000000000000000bb"


@given(ENTRIES)
def test_an_entry_comes_back_from_a_key_as_it_was(found: Entry) -> None:
    key = log_key(ULID, write_text(found))
    assert len(key) <= 1024 - 260
    assert all(1 <= len(part) <= 200 for part in key.split("/"))
    assert re.fullmatch(r"index/log/[0-9a-z/-]+", key)
    read = read_text(key, entry_of_log_key(key))
    if isinstance(read, Entry):
        assert read == found
    else:
        assert read == Stub(transcript_head(found.id), found.version, found.final)


def test_an_entry_that_is_too_large_names_the_head_to_ask() -> None:
    large = entry("é" * 1000, 5, 7, name="".join(chr(0x4E00 + n * 7919 % 20000) for n in range(3000)))
    text = write_text(large)
    assert len(text) <= MAX_TEXT
    assert read_text("key", text) == Stub(transcript_head("é" * 1000), 7, final=True)
    announced = entry("x", 5, name=large.fields["name"], provisional=True)
    assert read_text("key", write_text(announced)) == Stub(transcript_head("x"), 1, final=False)


@pytest.mark.parametrize("text", ["", "0", "zzzz", "w", "é", "A0", "+1_0", "0" * 900, "vvvvvvvvvvvvvvvv"])
def test_what_holds_no_entry_is_named(text: str) -> None:
    with pytest.raises(CorruptObject, match="some/key"):
        read_text("some/key", text)


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": [1]},
        {"labels": "ab", "turn": {"id": 7}},
        {"turn": {"started_at": "now"}},
        {"turn": {"started_at": 2**62}},
        {"active_at": -(2**62)},
    ],
)
def test_an_entry_with_fields_of_another_kind_is_named(fields: dict[str, Any]) -> None:
    right = entry("a", 5)
    with pytest.raises(CorruptObject, match="some/key"):
        read_text("some/key", write_text(right._replace(fields={**right.fields, **fields})))


@given(ENTRIES, st.data())
def test_a_changed_key_is_an_entry_or_an_error_and_nothing_else(found: Entry, data: Any) -> None:
    text = write_text(found)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz/-")) + text[at + 1 :]
    try:
        read_text("key", changed)
    except CorruptObject:
        pass


def test_what_stands_behind_an_entry_is_refused() -> None:
    with pytest.raises(CorruptObject):
        read_text("key", write_text(entry("x", 1)) + "0" * 100)


def test_a_bomb_is_refused() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(b'{"id":"' + b" " * 10_000_000) + deflater.flush()
    with pytest.raises(CorruptObject):
        read_text("key", b32hexencode(bomb).decode().rstrip("=").lower())


def test_an_entry_grows_small_enough_to_be_listed_by_the_thousand() -> None:
    usual = entry(
        "claude-code/-home-mia-weather-cli/5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11",
        1_790_000_000_123_456,
        17,
        name="The CLI asks the API again for every call; add a small cache",
        agent="claude-code",
        state="running",
    )
    assert len(write_text(usual)) < 300


def test_newer_means_a_later_incarnation_then_a_higher_version_then_final() -> None:
    first = entry("x", 1, 5)
    assert first.order < entry("x", 1, 6).order
    assert entry("x", 1, 5, provisional=True).order < first.order
    assert first.order < entry("x", 1, 1, incarnation="01kbh0000000000000000000aa").order
    assert confirmed(entry("x", 1, 5, provisional=True)) == first


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - as asked for
def test_times_are_kept_to_the_microsecond(time: datetime) -> None:
    assert moment(microseconds(time)) == time
