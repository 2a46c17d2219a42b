"""What `s3store import` tells of its work: a line for each session that is not as it was, and a sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..importers.base import plain_name, source_name
from ..importers.engine import Imported
from .output import json_line, json_text, one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..importers.base import Problem
    from ..jsontext import JsonValue
    from .progress import Progress

_OUTCOMES = ("new", "grew", "unchanged", "rewritten", "refused", "failed")
_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Failed:
    """A session that could not be imported, or a file that could not be read."""

    id: str | None
    source: Path
    format: str | None
    reason: str


class Report:
    """Takes the results one by one and holds nothing of them but counts."""

    def __init__(self, progress: Progress, *, as_json: bool, dry_run: bool) -> None:
        self._progress = progress
        self._as_json = as_json
        self._dry_run = dry_run
        self._counts = dict.fromkeys(_OUTCOMES, 0)
        self._messages = 0
        self._odd_lines = 0

    @property
    def incomplete(self) -> bool:
        """Whether anything was refused or failed."""
        return bool(self._counts["refused"] or self._counts["failed"])

    def add(self, result: Imported | Failed) -> None:
        """Tell of one session."""
        outcome = result.outcome if isinstance(result, Imported) else "failed"
        self._counts[outcome] += 1
        if isinstance(result, Imported):
            self._messages += result.added
            self._odd_lines += len(result.problems)
        if self._as_json:
            self._progress.echo(json_text(_as_json(result)))
        elif isinstance(result, Failed) or outcome == "refused":
            where = result.id or source_name(result.source)
            self._progress.echo(f"{outcome:<9}  {one_line(where)}: {one_line(result.reason or '')}", err=True)
        elif outcome != "unchanged":
            for line in _lines(result):
                self._progress.echo(line)

    def end(self) -> None:
        """Tell the sum."""
        if self._as_json:
            totals: dict[str, JsonValue] = {"messages": self._messages, "odd_lines": self._odd_lines}
            json_line({"type": "summary", "dry_run": self._dry_run, **self._counts, **totals})
            return
        if not any(self._counts.values()):
            click.echo("no session files were found", err=True)
            return
        counted = ", ".join(f"{self._counts[name]:,} {name}" for name in _OUTCOMES if self._counts[name])
        odd = f", {plural(self._odd_lines, 'odd line')} kept unchanged" if self._odd_lines else ""
        verb = "would be stored" if self._dry_run else "stored"
        click.echo(f"{counted}; {plural(self._messages, 'message')} {verb}{odd}")


def _lines(done: Imported) -> Iterator[str]:
    tail = ", the last one perhaps not finished" if done.tail_is_partial else ""
    count = plural(done.added, "message")
    if done.outcome == "grew":
        count += f" more, {done.records:,} now"
    yield f"{done.outcome:<9}  {one_line(done.id)}  {count}{tail}"
    for problem in done.problems[:_SHOWN_PROBLEMS]:
        yield f"           line {problem.line} of {one_line(plain_name(str(problem.source)))} {one_line(problem.what)}"
    if len(done.problems) > _SHOWN_PROBLEMS:
        yield f"           and {plural(len(done.problems) - _SHOWN_PROBLEMS, 'more odd line')}"


def _as_json(result: Imported | Failed) -> dict[str, JsonValue]:
    about: dict[str, JsonValue] = {
        "type": "session",
        "id": result.id,
        "outcome": result.outcome if isinstance(result, Imported) else "failed",
        "source": source_name(result.source),
        "format": result.format,
    }
    if result.reason is not None:
        about["reason"] = result.reason
    if isinstance(result, Imported):
        about |= {"added": result.added, "records": result.records, "tail_is_partial": result.tail_is_partial}
        about["problems"] = [_problem(it) for it in result.problems]
    return about


def _problem(problem: Problem) -> dict[str, JsonValue]:
    return {"line": problem.line, "what": problem.what}
