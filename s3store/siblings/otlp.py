"""OpenTelemetry spans: OTLP JSON taken apart into one event a span, and put together again.

An event holds a span with what stands around it, in OTLP's own words::

    {"resourceSpans": {"resource": …, "schemaUrl": …},
     "scopeSpans": {"scope": …, "schemaUrl": …},
     "span": {…}}

Every field is kept as it came, also those that no version of OTLP knows. What is given back is equal to what was taken,
but for the grouping: spans of equal resources stand together, and within these those of equal scopes, each group
where its first span stood, and the spans of a group in the order in which they were added. One request in which no
resource stands twice, and no scope twice within a resource, comes back equal as it is. A group without spans is an
event without `span`; one without scopes has no `scopeSpans` either. An empty list and a missing one are the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson

from ..errors import InvalidRecord
from ..jsontext import loads_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..jsontext import JsonValue

_RESOURCES, _SCOPES, _SPANS, _SPAN = "resourceSpans", "scopeSpans", "spans", "span"


def events_of_request(request: JsonValue | str | bytes) -> list[dict[str, JsonValue]]:
    """Take an ExportTraceServiceRequest (OTLP/JSON, parsed or as text) apart.

    Raises `InvalidRecord`, naming the place, for what is none. Only the lists and objects around the spans are looked
    at; a span is any JSON object.
    """
    if isinstance(request, str | bytes):
        try:
            request = loads_exactly(request)
        except (ValueError, RecursionError):
            # What a decoder says could show a part of it.
            raise InvalidRecord("not OTLP: the text is no JSON") from None
    events: list[dict[str, JsonValue]] = []
    for place, resource_spans in _objects(request, _RESOURCES, "the request", must=True):
        around = {_RESOURCES: _without(resource_spans, _SCOPES)}
        if not resource_spans.get(_SCOPES):
            _refuse_not_empty(resource_spans, _SCOPES, place)
            events.append(around)
        for inner, scope_spans in _objects(resource_spans, _SCOPES, place):
            events += _events_of_scope({**around, _SCOPES: _without(scope_spans, _SPANS)}, scope_spans, inner)
    return events


def request_of_events(events: Iterable[JsonValue]) -> dict[str, JsonValue]:
    """Put the spans among `events` together as an ExportTraceServiceRequest; other events are left out."""
    resources: dict[bytes, dict[str, JsonValue]] = {}
    scopes: dict[tuple[bytes, bytes], dict[str, JsonValue]] = {}
    for event in events:
        if not is_otlp(event):
            continue
        resource = _identity(event[_RESOURCES])
        resource_spans = resources.setdefault(resource, _with_list(event[_RESOURCES], _SCOPES))
        if _SCOPES not in event:
            continue
        where = resource, _identity(event[_SCOPES])
        if where not in scopes:
            scopes[where] = _with_list(event[_SCOPES], _SPANS)
            resource_spans[_SCOPES].append(scopes[where])
        if _SPAN in event:
            scopes[where][_SPANS].append(event[_SPAN])
    return {_RESOURCES: list(resources.values())}


def is_otlp(event: JsonValue) -> bool:
    """Tell whether an event is one that `events_of_request` makes."""
    return (
        isinstance(event, dict)
        and isinstance(event.get(_RESOURCES), dict)
        and isinstance(event.get(_SCOPES, {}), dict)
        and isinstance(event.get(_SPAN, {}), dict)
        and (_SCOPES in event or _SPAN not in event)
    )


def span_key(event: dict[str, JsonValue]) -> str | None:
    """Return an idempotency key for the span of an event: its trace and span ids; None where it lacks one."""
    span = event.get(_SPAN, {})
    ids = span.get("traceId"), span.get("spanId")
    return f"span:{ids[0]}:{ids[1]}" if all(isinstance(each, str) and each for each in ids) else None


def _events_of_scope(
    around: dict[str, JsonValue], scope_spans: dict[str, JsonValue], place: str
) -> Iterator[dict[str, JsonValue]]:
    if not scope_spans.get(_SPANS):
        _refuse_not_empty(scope_spans, _SPANS, place)
        yield around
    for _, span in _objects(scope_spans, _SPANS, place):
        yield {**around, _SPAN: span}


def _objects(found: JsonValue, name: str, place: str, *, must: bool = False) -> Iterator[tuple[str, JsonValue]]:
    """Yield the objects of a list, each with the words for where it stands."""
    items = found.get(name, None if must else []) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise InvalidRecord(f"not OTLP: {place} has no list {name}")
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise InvalidRecord(f"not OTLP: {name}[{number}] of {place} is no object")
        yield f"{name}[{number}]", item


def _refuse_not_empty(found: dict[str, JsonValue], name: str, place: str) -> None:
    if name in found and not isinstance(found[name], list):
        raise InvalidRecord(f"not OTLP: {place} has no list {name}")


def _without(found: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    return {each: value for each, value in found.items() if each != name}


def _with_list(found: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    return {**found, name: []}


def _identity(found: JsonValue) -> bytes:
    """Return what two equal values have in common: their JSON with sorted names."""
    try:
        return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(found, sort_keys=True).encode("ascii")  # an integer over 64 bits, or a lone surrogate
