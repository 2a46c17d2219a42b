"""Claude Code: `~/.claude/projects/<project>/<session>.jsonl`, one event a line.

Sub-agents have files of their own, in `<session>/subagents/agent-<id>.jsonl`, or (older versions) beside the
session. A file is one session. Its name is what tells it apart: a resumed session's file may hold lines with
the `sessionId` of the session it was resumed from.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..model import Metadata
from ..reading import TimeSpan, Titles
from .base import Description, SourceSession, header_text, header_texts, plain_name
from .lines import FileLines, lenient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..jsontext import JsonValue

FORMAT = "claude-code"
"""The name of this format."""

_TYPES = frozenset(
    {
        "ai-title",
        "assistant",
        "attachment",
        "custom-title",
        "file-history-snapshot",
        "last-prompt",
        "progress",
        "queue-operation",
        "summary",
        "system",
        "user",
    }
)
_NAMES = frozenset({"attachment", "leafUuid", "message", "sessionId", "snapshot", "summary", "toolUseResult", "uuid"})
_ATTRIBUTES = {"cwd": "cwd", "gitBranch": "git_branch", "version": "tool_version", "sessionId": "session_id"}


def recognises(message: JsonValue) -> bool:
    """Tell whether a line is one that Claude Code writes."""
    return (
        isinstance(message, dict)
        and isinstance(message.get("type"), str)
        and message["type"] in _TYPES
        and not _NAMES.isdisjoint(message)
    )


def read(path: Path) -> Iterator[SourceSession]:
    """Yield the one session of a file."""
    describe = partial(_describe, _place(path)[0], path)
    yield SourceSession(session_id(path), path, FORMAT, FileLines.of(path), describe)


def session_id(path: Path) -> str:
    """Return the id of the session whose file is at a path, whether it is there or not."""
    project, rest = _place(path)
    stem = "/".join([*rest[:-1], path.name.removesuffix(".jsonl")])
    return f"{FORMAT}/{project}/{plain_name(stem)}"


def _place(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the project that a file belongs to, and the names from there to the file."""
    parts = path.absolute().parts
    at = len(parts) - 2
    if "subagents" in parts[2:-1]:
        at = parts.index("subagents", 2) - 2
    for number, name in enumerate(parts[:-2]):
        if name == "projects":
            at = number + 1
    return plain_name(parts[at]).strip("/") or "-", parts[at + 1 :]


def _describe(project: str, path: Path, messages: Iterable[JsonValue]) -> Description:
    titles, times = Titles(), TimeSpan()
    attributes: dict[str, JsonValue] = {}
    for message in map(lenient, messages):
        titles.add(message)
        if isinstance(message, dict):
            times.add(message.get("timestamp"))
            found = header_texts({ours: message.get(theirs) for theirs, ours in _ATTRIBUTES.items()})
            attributes = {**found, **attributes}
            inner = message.get("message")
            if isinstance(inner, dict) and (model := header_text(inner.get("model"))) != "<synthetic>":
                attributes.update(header_texts({"model": model}))
    metadata = Metadata(
        name=header_text(titles.best()),
        agent=FORMAT,
        parent=_parent(project, path, attributes.get("session_id")),
        attributes=attributes,
    )
    return Description(metadata, times.first, times.last)


def _parent(project: str, path: Path, inner_id: JsonValue) -> str | None:
    _, rest = _place(path)
    if "subagents" in rest[1:]:
        session: JsonValue = plain_name(rest[rest.index("subagents", 1) - 1])
    else:
        session = inner_id if path.name.startswith("agent-") else None
    return f"{FORMAT}/{project}/{session}" if session else None
