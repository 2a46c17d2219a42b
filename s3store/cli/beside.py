"""What stands beside a transcript, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conversation import Line
from .output import one_line, plural, size_text
from .trace_tree import shortened, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..siblings.model import ArtifactInfo

_INDENT = 2


def beside(store: SessionStore, session_id: str) -> Iterator[Line]:
    """Yield the lines for artifacts, traces, run records and verification reports; nothing for what was never saved."""
    artifacts = store.artifacts(session_id).list()
    if artifacts:
        yield from _heading(plural(len(artifacts), "artifact"))
        yield from map(_artifact, artifacts)
    traces = store.traces(session_id).load()
    if traces is not None:
        yield from _heading(f"traces: {plural(len(traces), 'event')}")
        yield from tree(traces)
    runs = store.runs(session_id).load()
    if runs is not None:
        yield from _heading(plural(len(runs), "run"))
        yield from map(_run, runs)
    reports = store.verification(session_id).load()
    if reports is not None:
        yield from _heading(plural(len(reports), "verification report"))
        yield from map(_report, reports)


def _heading(text: str) -> Iterator[Line]:
    yield Line("")
    yield Line(text, "bold")


def _artifact(info: ArtifactInfo) -> Line:
    tool = f" · {one_line(info.tool)}" if info.tool else ""
    return Line(f"{one_line(info.name)} · {one_line(info.media_type)} · {size_text(info.size)}{tool}", "", _INDENT)


def _run(run: JsonValue) -> Line:
    snapshot = run.get("snapshot") if isinstance(run, dict) else None
    return _said(snapshot, "id", "status", "prompt") or Line(shortened(run), "dim", _INDENT)


def _report(report: JsonValue) -> Line:
    return _said(report, "status", "subject") or Line(shortened(report), "dim", _INDENT)


def _said(found: JsonValue, *names: str) -> Line | None:
    if not isinstance(found, dict):
        return None
    texts = [one_line(found[name]) for name in names if isinstance(found.get(name), str)]
    return Line(" · ".join(texts), "", _INDENT) if texts else None
