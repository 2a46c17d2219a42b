"""Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<uuid>.jsonl`, one event a line.

A file is one session.
"""

from __future__ import annotations

import re
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

FORMAT = "codex"
"""The name of this format."""

_TYPES = frozenset({"compacted", "event_msg", "response_item", "session_meta", "turn_context"})
_OLD_HEADER = frozenset({"id", "instructions", "timestamp"})
"""What the first line has in the files of versions whose other lines are bare response items."""
_UUID = re.compile(r"rollout-.*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def recognises(message: JsonValue) -> bool:
    """Tell whether a line is one that Codex writes."""
    if not isinstance(message, dict):
        return False
    kind = message.get("type")
    if isinstance(kind, str):
        return kind in _TYPES and isinstance(message.get("payload"), dict)
    return message.keys() >= _OLD_HEADER


def read(path: Path) -> Iterator[SourceSession]:
    """Yield the one session of a file. It is named by the UUID in the file's name, or by the name itself."""
    stem = plain_name(path.name.removesuffix(".jsonl"))
    match = _UUID.fullmatch(stem)
    name = stem if match is None else match[1]
    yield SourceSession(f"{FORMAT}/{name}", path, FORMAT, FileLines.of(path), partial(_describe))


def _describe(messages: Iterable[JsonValue]) -> Description:
    titles, times = Titles(), TimeSpan()
    attributes: dict[str, JsonValue] = {}
    parent = None
    for message in map(lenient, messages):
        titles.add(message)
        if not isinstance(message, dict):
            continue
        times.add(message.get("timestamp"))
        payload = message.get("payload")
        if not isinstance(payload, dict):
            continue
        if message.get("type") == "session_meta":
            parent = parent or _parent(payload)
            attributes = {**_meta_attributes(payload), **attributes}
        elif message.get("type") == "turn_context":
            attributes.update(header_texts({"model": payload.get("model")}))
    metadata = Metadata(name=header_text(titles.best()), agent=FORMAT, parent=parent, attributes=attributes)
    return Description(metadata, times.first, times.last)


def _meta_attributes(payload: dict[str, JsonValue]) -> dict[str, JsonValue]:
    git = payload.get("git")
    found = {
        "cwd": payload.get("cwd"),
        "tool_version": payload.get("cli_version"),
        "originator": payload.get("originator"),
        "session_id": payload.get("id"),
        "git_branch": git.get("branch") if isinstance(git, dict) else None,
        "git_commit": git.get("commit_hash") if isinstance(git, dict) else None,
    }
    return header_texts(found)


def _parent(payload: dict[str, JsonValue]) -> str | None:
    # A fork names the session it was forked from; a sub-agent names the one that started it.
    spawned: JsonValue = payload.get("source")
    for name in ("subagent", "thread_spawn", "parent_thread_id"):
        spawned = spawned.get(name) if isinstance(spawned, dict) else None
    parent = header_text(spawned) or header_text(payload.get("forked_from_id"))
    return f"{FORMAT}/{parent}" if parent else None
