"""Traces, run records and verification reports, on every store and with every face that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    Conflict,
    Events,
    InvalidOption,
    InvalidRecord,
    SessionDeleted,
    SessionNotFound,
    SessionStore,
)
from s3store.keys import StreamKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

KINDS: dict[str, Callable[[SessionStore, str], Events]] = {
    "traces": lambda store, session_id: store.traces(session_id),
    "runs": lambda store, session_id: store.runs(session_id),
    "verification": lambda store, session_id: store.verification(session_id),
}

RUN = {
    "snapshot": {"id": "run-1", "status": "completed", "prompt": "p", "event_count": 5000},
    "events": [{"sequence": 1, "timestamp_ms": 1700000000000, "event": {"type": "text_delta", "text": "\u2028a\x00"}}],
}


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


@pytest.mark.parametrize("kind", KINDS)
def test_never_saved_and_saved_empty_differ(place: Place, store: SessionStore, kind: str) -> None:
    events = KINDS[kind](store, "a/b")
    assert events.load() is None
    assert events.exists() is False
    assert events.last(3) == []
    assert list(events.records()) == []
    assert events.replace([]) == 0
    other = KINDS[kind](place.open(), "a/b")
    assert other.load() == []
    assert other.exists() is True


@pytest.mark.parametrize("kind", KINDS)
def test_events_come_back_equal_and_in_order(place: Place, store: SessionStore, kind: str) -> None:
    events = KINDS[kind](store, "s")
    assert events.append(RUN) == 1
    assert events.extend([{"n": 2**70}, "text", None]) == 4
    found = KINDS[kind](place.open(), "s")
    assert found.load() == [RUN, {"n": 2**70}, "text", None]
    assert [record.message for record in found.last(2)] == ["text", None]
    assert [(record.seq, record.message) for record in found.records(start=2)] == [(2, "text"), (3, None)]


def test_the_kinds_are_apart_and_make_no_session(place: Place, store: SessionStore) -> None:
    for kind, events in KINDS.items():
        events(store, "a").append(kind)
    assert [KINDS[kind](place.open(), "a").load() for kind in KINDS] == [["traces"], ["runs"], ["verification"]]
    assert store.exists("a") is False
    assert list(store.list()) == []
    assert list(store.scan()) == []
    with pytest.raises(SessionNotFound):
        store.load("a")


def test_replace_writes_only_what_has_changed(place: Place, store: SessionStore) -> None:
    traces = store.traces("a")
    traces.replace([1, 2, 3])
    head = place.read(StreamKeys.of("a", "traces").head)
    assert traces.replace([1, 2, 3]) == 3
    assert place.open().traces("a").replace([1, 2, 3]) == 3
    assert place.read(StreamKeys.of("a", "traces").head) == head
    assert traces.replace([1, 2]) == 2
    assert place.open().traces("a").load() == [1, 2]
    assert traces.replace([]) == 0
    assert place.open().traces("a").load() == []


def test_replace_sees_what_others_wrote_since(place: Place) -> None:
    mine, others = place.open().traces("a"), place.open().traces("a")
    mine.replace([1])
    others.replace([2])
    assert mine.replace([1]) == 1
    assert place.open().traces("a").load() == [1]


def test_a_repeated_key_is_stored_once(place: Place, store: SessionStore) -> None:
    traces = store.traces("a")
    assert traces.append("x", key="k") == 1
    assert place.open().traces("a").append("x", key="k") == 1
    assert traces.extend(["x", "y"], keys=["k", None]) == 2
    assert traces.load() == ["x", "y"]


def test_long_streams_are_sealed_beside_the_head(small_parts: None, place: Place) -> None:
    traces = place.open().traces("a")
    for number in range(12):
        traces.append({"number": number})
    assert place.listed(StreamKeys.of("a", "traces").segments)
    assert traces.load() == [{"number": number} for number in range(12)]
    assert [record.seq for record in place.open().traces("a").last(3)] == [9, 10, 11]


def test_delete_of_the_session_takes_them_away(place: Place, store: SessionStore) -> None:
    store.append("a", "message")
    store.traces("a").append(1)
    assert store.delete("a") is True
    assert place.open().traces("a").load() is None
    store.traces("a").append(2)
    assert place.open().traces("a").load() == [2]


def test_what_a_handle_on_a_deleted_session_writes_is_refused(place: Place, store: SessionStore) -> None:
    store.append("a", "message")
    met, unmet = store.session("a"), store.session("a")
    for session in (met, unmet):
        session.info()
    traces, fresh = met.traces(), unmet.traces()
    traces.append(1)
    store.delete("a")
    for events in (traces, fresh, met.runs()):
        with pytest.raises(SessionDeleted):
            events.append(2)
        with pytest.raises(SessionDeleted):
            events.load()
    assert place.open().traces("a").load() is None


def test_a_handle_that_no_session_was_met_by_takes_what_it_finds(store: SessionStore) -> None:
    traces = store.session("a").traces()
    assert traces.load() is None
    assert traces.append(1) == 1
    assert traces.load() == [1]


@pytest.mark.parametrize("wrong", [float("nan"), b"bytes", {1: 2}, object()])
def test_what_json_cannot_hold_is_refused_before_anything_is_sent(
    place: Place, store: SessionStore, wrong: Any
) -> None:
    before = place.listed()
    for call in (store.traces("a").append, lambda event: store.traces("a").replace([event])):
        with pytest.raises(InvalidRecord):
            call(wrong)
    assert place.listed() == before


def test_wrong_numbers_are_refused(memory: Place) -> None:
    traces = memory.open().traces("a")
    with pytest.raises(InvalidOption, match="0 or more"):
        traces.last(-1)
    with pytest.raises(InvalidOption, match="0 or more"):
        traces.records(start=-1)


def test_iterating_over_what_is_replaced_says_so(small_parts: None, memory: Place) -> None:
    traces = memory.open().traces("a")
    for number in range(30):
        traces.append({"number": number, "text": "x" * 300})
    records = traces.records()
    next(records)
    memory.open().traces("a").replace(["other"])
    with pytest.raises(Conflict):
        list(records)


def test_resolve_tells_of_this_stream(memory: Place) -> None:
    traces = memory.open().traces("a")
    traces.append(1)
    [record] = traces.last(1)
    assert traces.resolve(record.commit) is True
    assert traces.resolve("01kah0000000000000000000aa") is False
    assert memory.open().runs("a").resolve(record.commit) is False
    assert traces.load() == [1]
