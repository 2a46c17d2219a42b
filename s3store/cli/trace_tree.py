"""Traces as people read them: spans below their parents, with how long each took."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from ..siblings.otlp import is_otlp
from .conversation import Line
from .output import json_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..jsontext import JsonValue

_INDENT = 2
_LONGEST = 100
_ERROR = (2, "STATUS_CODE_ERROR")
_UNITS = ((60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


class _Span(NamedTuple):
    ids: tuple[object, object]
    parent: tuple[object, object]
    name: str
    start: int | None
    end: int | None
    failed: bool
    service: str


def tree(events: Iterable[JsonValue]) -> Iterator[Line]:
    """Yield the lines for traces: spans as a tree, by trace and start, then the events of other kinds in order."""
    spans: list[_Span] = []
    others: list[JsonValue] = []
    for event in events:
        if is_otlp(event) and "span" in event:
            spans.append(_read(event))
        elif not is_otlp(event):
            others.append(event)
    yield from _below(spans)
    yield from map(_other, others)


def duration(nanoseconds: int) -> str:
    """Return a time span as people read it, such as `1.25 s`."""
    for unit, name in _UNITS:
        if abs(nanoseconds) >= unit:
            return f"{nanoseconds / unit:.2f} {name}"
    return f"{nanoseconds} ns"


def _below(spans: list[_Span]) -> Iterator[Line]:
    known = {span.ids for span in spans}
    children: dict[tuple[object, object], list[_Span]] = defaultdict(list)
    ordered = sorted(spans, key=lambda span: (span.start is None, span.start or 0))
    for span in ordered:
        children[span.parent].append(span)
    shown: set[int] = set()
    # First those whose parent is not here; whatever is left is in a ring of parents.
    for root in [*(span for span in ordered if span.parent not in known), *ordered]:
        waiting = [(root, 0)]
        while waiting:
            span, depth = waiting.pop()
            if id(span) in shown:
                continue
            shown.add(id(span))
            yield _line(span, depth)
            waiting += [(child, depth + 1) for child in reversed(children[span.ids])]


def _read(event: dict[str, JsonValue]) -> _Span:
    span = event["span"]
    trace, status = _hashable(span.get("traceId")), span.get("status")
    return _Span(
        (trace, _hashable(span.get("spanId"))),
        (trace, _hashable(span.get("parentSpanId")) or None),
        one_line(str(span.get("name", "?"))),
        _nanoseconds(span.get("startTimeUnixNano")),
        _nanoseconds(span.get("endTimeUnixNano")),
        isinstance(status, dict) and status.get("code") in _ERROR,
        _service(event["resourceSpans"]),
    )


def _line(span: _Span, depth: int) -> Line:
    took = "" if span.start is None or span.end is None else f"  {duration(span.end - span.start)}"
    service = f"  [{span.service}]" if span.service and not depth else ""
    mark = "✗ " if span.failed else ""
    return Line(f"{mark}{span.name}{took}{service}", "red" if span.failed else "", depth * _INDENT)


def _other(event: JsonValue) -> Line:
    if isinstance(event, dict) and isinstance(event.get("name"), str):
        failed = event.get("success") is False
        took = event.get("duration_ms")
        shown = f"  {duration(round(took * 1_000_000))}" if isinstance(took, int | float) else ""
        kind = event.get("kind")
        named = f"{kind} " if isinstance(kind, str) else ""
        return Line(f"{'✗ ' if failed else '· '}{one_line(named + event['name'])}{shown}", "red" if failed else "dim")
    return Line(shortened(event), "dim")


def shortened(event: JsonValue) -> str:
    """Return an event as JSON on one line, cut where it is long."""
    text = one_line(json_text(event))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _service(resource_spans: dict[str, JsonValue]) -> str:
    resource = resource_spans.get("resource")
    attributes = resource.get("attributes") if isinstance(resource, dict) else None
    for each in attributes if isinstance(attributes, list) else ():
        value = each.get("value") if isinstance(each, dict) and each.get("key") == "service.name" else None
        if isinstance(value, dict) and isinstance(value.get("stringValue"), str):
            return one_line(value["stringValue"])
    return ""


def _nanoseconds(found: JsonValue) -> int | None:
    """Return a time of OTLP, which is text or a number."""
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found[:32])
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _hashable(found: JsonValue) -> object:
    return found if isinstance(found, str | int | None) else repr(found)
