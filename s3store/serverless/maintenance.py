"""The handler that keeps an archive in order, on a schedule: the index is merged, and what nobody needs removed."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from ..errors import Conflict, InvalidOption
from .stores import KeptStore
from .timeleft import TimeLeft

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..longterm.reports import CleanUpProgress
    from .agent import Handler
    from .timeleft import Context

_log = logging.getLogger("s3store.serverless")
_MERGES = 8
NAMESPACE = "s3store"
"""The namespace of the metrics in CloudWatch."""


class _OutOfTime(Exception):
    """The clean-up is to stop where it is."""


def maintenance_handler(
    *,
    store: SessionStore | str | None = None,
    cleanup_older_than: float | None = 86_400.0,
    reserve: float = 30.0,
    emit: Callable[[str], object] = print,
) -> Handler:
    """Return a `handler(event, context)` that merges the index's log, and then cleans up as long as there is time.

    The clean-up removes what is older than `cleanup_older_than` seconds and needed by nobody; None leaves it out. It
    ends when less than `reserve` seconds are left: what it has not come to is left for the next.

    The handler returns what was done, and gives `emit` one line that CloudWatch reads as metrics: `LogLength`,
    `Merged`, `Removed`, `Failures`, in the namespace `s3store`, by `FunctionName`. It raises where the index could not
    be merged, so that the invocation counts as failed. The event is not looked at; to run it twice, or twice at a time,
    does no harm.

    Raises `InvalidOption` for wrong numbers.
    """
    if reserve < 0:
        raise InvalidOption(f"reserve is 0 seconds or more, not {reserve!r}")
    if cleanup_older_than is not None and not cleanup_older_than >= 0:
        raise InvalidOption(f"cleanup_older_than is 0 seconds or more, or None, not {cleanup_older_than!r}")
    kept = KeptStore(store)

    def handler(_event: object, context: Context | None = None) -> dict[str, JsonValue]:
        opened, left = kept.store, TimeLeft(context, reserve)
        report: dict[str, JsonValue] = {"merged": _merge(opened, left)}
        report["log"] = opened.index.status().log
        if cleanup_older_than is not None:
            report |= _clean_up(opened, left, cleanup_older_than)
        emit(_metrics(report, getattr(context, "function_name", "s3store")))
        return report

    return handler


def _merge(store: SessionStore, left: TimeLeft) -> int:
    """Merge the log until nothing of it can be merged, and return how many entries were."""
    merged = 0
    for _ in range(_MERGES):
        if left.is_short():
            break
        try:
            done = store.index.compact()
        except Conflict:
            _log.info("another client merged the index at the same time")
            continue
        if done is None or not done.merged:
            break
        merged += done.merged
    return merged


def _clean_up(store: SessionStore, left: TimeLeft, older_than: float) -> dict[str, JsonValue]:
    """Clean up, and return what became of it."""
    seen = 0

    def stop_in_time(progress: CleanUpProgress) -> None:
        nonlocal seen
        seen = progress.removed
        if left.is_short():
            raise _OutOfTime

    if left.is_short():
        return {"removed": 0, "failures": 0, "complete": False}
    try:
        done = store.cleanup(older_than=older_than, progress=stop_in_time)
    except _OutOfTime:
        return {"removed": seen, "failures": 0, "complete": False}
    for failure in done.failures:
        _log.warning("clean-up: %s", failure)
    return {"removed": done.removed.total(), "failures": len(done.failures), "complete": True}


def _metrics(report: dict[str, JsonValue], function: str) -> str:
    """Return the report as a line of CloudWatch's embedded metric format, which costs no request."""
    names = {"LogLength": "log", "Merged": "merged", "Removed": "removed", "Failures": "failures"}
    told = {name: report[key] for name, key in names.items() if key in report}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in told],
    }
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "FunctionName": function, **told})
