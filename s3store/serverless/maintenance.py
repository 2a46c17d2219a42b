"""The handler that keeps an archive in order, on a schedule."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from ..errors import InvalidOption
from .stores import KeptStore
from .timeleft import TimeLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from .agent import Handler
    from .timeleft import Context

_log = logging.getLogger("s3store.serverless")
_LEAST = 0.001
"""The seconds of a pass that has no time: it says that it is not complete."""
NAMESPACE = "s3store"
"""The namespace of the metrics in CloudWatch."""


def maintenance_handler(
    *,
    store: SessionStore | str | None = None,
    older_than: float = 86_400.0,
    wait: float = 86_400.0,
    reserve: float = 30.0,
    emit: Callable[[str], object] = print,
) -> Handler:
    """Return a `handler(event, context)` that does a pass of `SessionStore.maintain` in the time that is left.

    `older_than` and `wait` (seconds) are those of `maintain`. It stops with `reserve` seconds left, and the next pass
    goes on from there. The handler returns the report as JSON, with `log`, the length of the index's log after it, and
    gives `emit` one line that CloudWatch reads as metrics: `LogLength`, `Failures` and `Incomplete`, and
    `Restoring`, how many packs are being restored, where the pass has come to them; in the namespace `s3store`, by
    `FunctionName`. What fails is logged. It raises what `maintain` raises, so that the invocation counts
    as failed. The event is not looked at; to run it twice, or twice at a time, does no harm.

    Raises `InvalidOption` for wrong numbers.
    """
    if not reserve >= 0:
        raise InvalidOption(f"reserve is 0 seconds or more, not {reserve!r}")
    kept = KeptStore(store)

    def handler(_event: object, context: Context | None = None) -> dict[str, JsonValue]:
        opened = kept.store
        seconds = max(TimeLeft(context, reserve).seconds() - reserve, _LEAST)
        done = opened.maintain(seconds=seconds, older_than=older_than, wait=wait)
        for failure in done.failures:
            _log.warning("maintenance: %s", failure)
        log = opened.index.status().log
        numbers = {"LogLength": log, "Failures": len(done.failures), "Incomplete": int(not done.complete)}
        if (settled := done.steps.get("settle")) is not None:
            numbers["Restoring"] = settled["restoring"]
        emit(_metrics(numbers, getattr(context, "function_name", "s3store")))
        return {**done.to_json(), "log": log}

    return handler


def _metrics(numbers: Mapping[str, int], function: str) -> str:
    """Return a line of CloudWatch's embedded metric format, which costs no request."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in numbers],
    }
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "FunctionName": function, **numbers})
