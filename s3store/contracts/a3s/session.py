"""The session document of A3S and its wire form.

Policies and configurations of queues, hooks, delegation and security are none of the store's business: they are JSON
that is kept as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ...jsontext import JsonValue
from ..wire import NEVER_WRITTEN, OMITTED, OMITTED_IF_EMPTY, REST, Wire, alias
from .messages import Message

SessionState: TypeAlias = Literal["Unknown", "Active", "Paused", "Completed", "Error"]
"""How a session stands."""
StorageType: TypeAlias = Literal["memory", "file", "custom"]
"""Where a session says that it is kept."""
PlanningMode: TypeAlias = Literal["Auto", "Enabled", "Disabled"]
"""Whether an agent plans before it acts."""
TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "skipped", "cancelled"]
"""How a task stands."""

_USER_IN_URL = re.compile(r"(?<=://)[^/?#@]*@")


@dataclass(frozen=True, kw_only=True)
class SessionConfig(Wire):
    """How a session was set up. `extra` keeps the fields of other versions."""

    name: str
    workspace: str
    system_prompt: str | None = None
    max_context_length: int
    auto_compact: bool
    auto_compact_threshold: float = 0.80
    storage_type: StorageType = "file"
    queue_config: JsonValue = field(default=None, metadata=OMITTED)
    confirmation_policy: JsonValue = field(default=None, metadata=OMITTED)
    permission_policy: JsonValue = field(default=None, metadata=OMITTED)
    max_parallel_tasks: int | None = field(default=None, metadata=OMITTED)
    auto_delegation: JsonValue = field(default=None, metadata=OMITTED)
    parent_id: str | None = field(default=None, metadata=OMITTED)
    security_config: JsonValue = field(default=None, metadata=OMITTED)
    hook_engine: JsonValue = field(default=None, repr=False, metadata=NEVER_WRITTEN)
    planning_mode: PlanningMode = "Auto"
    goal_tracking: bool = False
    extra: Mapping[str, JsonValue] = field(default_factory=dict, metadata=REST)


@dataclass(frozen=True, kw_only=True)
class LlmConfigData(Wire):
    """Which model a session uses.

    `api_key` is never written, nor is a field that this class does not know: it might be another secret. A user and
    password in `base_url` are not written either.
    """

    provider: str
    model: str
    api_key: str | None = field(default=None, repr=False, metadata=NEVER_WRITTEN)
    base_url: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as JSON, without its secrets."""
        found = super().to_json()
        if self.base_url is not None:
            found["base_url"] = _USER_IN_URL.sub("", self.base_url, count=1)
        return found


@dataclass(frozen=True, kw_only=True)
class ContextUsage(Wire):
    """How much of the context is used."""

    used_tokens: int
    max_tokens: int
    percent: float
    turns: int


@dataclass(frozen=True, kw_only=True)
class TokenUsage(Wire):
    """How many tokens were used."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class LlmCostRecord(Wire):
    """What a call of a model cost. `timestamp` is the caller's text, as in RFC 3339, kept as it is."""

    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float | None = field(default=None, metadata=OMITTED)
    timestamp: str
    session_id: str | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True, kw_only=True)
class Task(Wire):
    """A task on a session's list."""

    id: str
    content: str = field(metadata=alias("description"))
    status: TaskStatus
    priority: str = "medium"
    tool: str | None = field(default=None, metadata=OMITTED)
    dependencies: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY)
    success_criteria: str | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True, kw_only=True)
class SessionData(Wire):
    """A session as a whole. `created_at` and `updated_at` are the caller's, in seconds since 1970.

    `extra` keeps the fields of other versions.
    """

    id: str
    config: SessionConfig
    state: SessionState = "Unknown"
    messages: tuple[Message, ...]
    context_usage: ContextUsage
    total_usage: TokenUsage
    total_cost: float = 0.0
    model_name: str | None = field(default=None, metadata=OMITTED)
    cost_records: tuple[LlmCostRecord, ...] = ()
    tool_names: tuple[str, ...]
    thinking_enabled: bool
    thinking_budget: int | None = None
    created_at: int
    updated_at: int
    llm_config: LlmConfigData | None = field(default=None, metadata=OMITTED)
    tasks: tuple[Task, ...] = field(default=(), metadata=alias("todos"))
    parent_id: str | None = field(default=None, metadata=OMITTED)
    tenant_id: str | None = field(default=None, metadata=OMITTED)
    principal: str | None = field(default=None, metadata=OMITTED)
    agent_template_id: str | None = field(default=None, metadata=OMITTED)
    correlation_id: str | None = field(default=None, metadata=OMITTED)
    extra: Mapping[str, JsonValue] = field(default_factory=dict, metadata=REST)
