"""OpenTelemetry spans: OTLP JSON in, equal OTLP JSON out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store import InvalidRecord
from s3store.siblings.otlp import events_of_request, request_of_events

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def span(number: int, **more: Any) -> dict[str, Any]:
    ids = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{number:016x}"}
    times = {"startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000"}
    return {**ids, "name": f"span {number}", "kind": 2, **times, "attributes": [], **more}


def scope(name: str, *spans: Any) -> dict[str, Any]:
    return {"scope": {"name": name, "version": "1"}, "spans": list(spans), "schemaUrl": "https://x/1"}


def resource(service: str, *scopes: Any, **more: Any) -> dict[str, Any]:
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    return {"resource": {"attributes": attributes}, "scopeSpans": list(scopes), **more}


REQUEST = {
    "resourceSpans": [
        resource("agent", scope("http", span(1), span(2, parentSpanId="1")), scope("db", span(3)), schemaUrl="u"),
        resource("tool", scope("http", span(4, unknownField={"deep": [1, 2**70]}))),
    ]
}


@pytest.mark.parametrize("as_given", [lambda it: it, json.dumps, lambda it: json.dumps(it).encode()])
def test_a_request_comes_back_equal(place: Place, as_given: Any) -> None:
    store = place.open()
    assert store.traces("a").otlp() is None
    assert store.traces("a").add_otlp(as_given(REQUEST)) == 4
    assert place.open().traces("a").otlp() == REQUEST


def test_spans_of_equal_resources_and_scopes_come_back_together(memory: Place) -> None:
    traces = memory.open().traces("a")
    traces.append({"schema": "a3s.trace_event.v1", "name": "not of OTLP"})
    traces.add_otlp({"resourceSpans": [resource("agent", scope("http", span(1)))]})
    traces.add_otlp({"resourceSpans": [resource("tool", scope("http", span(2)))]})
    traces.add_otlp({"resourceSpans": [resource("agent", scope("db", span(3)), scope("http", span(4)))]})
    assert traces.otlp() == {
        "resourceSpans": [
            resource("agent", scope("http", span(1), span(4)), scope("db", span(3))),
            resource("tool", scope("http", span(2))),
        ]
    }
    assert len(traces.load() or []) == 5


def test_an_exporter_may_repeat_a_request(memory: Place) -> None:
    traces = memory.open().traces("a")
    traces.add_otlp(REQUEST, once=True)
    assert memory.open().traces("a").add_otlp(REQUEST, once=True) == 4
    assert traces.add_otlp(REQUEST) == 8


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ("{", "no JSON"),
        ([], "the request has no list resourceSpans"),
        ({}, "the request has no list resourceSpans"),
        ({"resourceSpans": {}}, "the request has no list resourceSpans"),
        ({"resourceSpans": ["secret"]}, r"resourceSpans\[0\] of the request is no object"),
        ({"resourceSpans": [{"scopeSpans": "secret"}]}, r"resourceSpans\[0\] has no list scopeSpans"),
        ({"resourceSpans": [{"scopeSpans": {}}]}, r"resourceSpans\[0\] has no list scopeSpans"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": 0}]}]}, r"scopeSpans\[0\] has no list spans"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": ["secret"]}]}]}, r"spans\[0\] of scopeSpans\[0\] is no object"),
    ],
)
def test_what_is_no_request_is_refused_without_showing_it(memory: Place, wrong: Any, where: str) -> None:
    traces = memory.open().traces("a")
    with pytest.raises(InvalidRecord, match=where) as refused:
        traces.add_otlp(wrong)
    assert "secret" not in str(refused.value)
    assert traces.load() is None


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4)
_FIELDS = st.dictionaries(st.sampled_from(["resource", "scope", "schemaUrl", "later"]), _JSON, max_size=2)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Requests in which no resource stands twice, and no scope twice within a resource."""
    spans = st.lists(st.dictionaries(st.text(max_size=3), _JSON, max_size=2), max_size=3)
    identity = {"unique_by": lambda each: json.dumps(each[0], sort_keys=True), "max_size": 3}
    scopes = st.lists(st.tuples(_FIELDS, spans), **identity)  # type: ignore[arg-type]
    groups = draw(st.lists(st.tuples(_FIELDS, scopes), **identity))  # type: ignore[arg-type]
    return {
        "resourceSpans": [
            {**fields, "scopeSpans": [{**inner, "spans": found} for inner, found in within]}
            for fields, within in groups
        ]
    }


@given(requests())
def test_every_request_in_its_normal_form_comes_back_as_it_was(request: dict[str, Any]) -> None:
    assert request_of_events(events_of_request(request)) == request


@given(requests(), requests())
def test_no_span_is_lost_or_changed_when_requests_are_put_together(one: dict[str, Any], two: dict[str, Any]) -> None:
    events = [*events_of_request(one), *events_of_request(two)]

    def triples(request: dict[str, Any]) -> list[str]:
        return sorted(json.dumps(event, sort_keys=True) for event in events_of_request(request) if "span" in event)

    assert triples(request_of_events(events)) == sorted([*triples(one), *triples(two)])
