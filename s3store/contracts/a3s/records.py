"""What A3S keeps beside a session - traces, runs, verification reports - and its wire form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ...jsontext import JsonValue
from ..wire import OMITTED, OMITTED_IF_EMPTY, Wire

RunStatus: TypeAlias = Literal["created", "planning", "executing", "verifying", "completed", "failed", "cancelled"]
"""How a run stands."""
VerificationStatus: TypeAlias = Literal["passed", "failed", "needs_review", "skipped"]
"""What a verification found."""


@dataclass(frozen=True, kw_only=True)
class TraceEvent(Wire):
    """One call of a tool or a program."""

    schema: Literal["a3s.trace_event.v1"] = "a3s.trace_event.v1"
    kind: Literal["tool_execution", "program_execution"]
    name: str
    success: bool
    exit_code: int
    duration_ms: int
    output_bytes: int
    metadata_keys: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY)
    artifact_uris: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY)
    details: JsonValue = field(default=None, metadata=OMITTED)


@dataclass(frozen=True, kw_only=True)
class RunSnapshot(Wire):
    """How a run stands. `event_count` counts all its events, also those that are no longer kept."""

    id: str
    session_id: str
    status: RunStatus
    prompt: str
    created_at_ms: int
    updated_at_ms: int
    result_text: str | None = field(default=None, metadata=OMITTED)
    error: str | None = field(default=None, metadata=OMITTED)
    event_count: int


@dataclass(frozen=True, kw_only=True)
class RunEventRecord(Wire):
    """One event of a run. The event itself is JSON that is kept as it is."""

    sequence: int
    timestamp_ms: int
    event: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class RunRecord(Wire):
    """A run and its events."""

    snapshot: RunSnapshot
    events: tuple[RunEventRecord, ...]


@dataclass(frozen=True, kw_only=True)
class VerificationCheck(Wire):
    """One check of a verification."""

    id: str
    kind: str
    description: str
    status: VerificationStatus
    required: bool = False
    suggested_tools: tuple[str, ...] = ()
    evidence_uris: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY)
    residual_risk: str | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True, kw_only=True)
class VerificationReport(Wire):
    """What a verification found."""

    schema: Literal["a3s.verification_report.v1"] = "a3s.verification_report.v1"
    subject: str
    status: VerificationStatus
    checks: tuple[VerificationCheck, ...]
    residual_risks: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY)
