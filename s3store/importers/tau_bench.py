"""τ-bench: a file of results is one JSON array of runs, with the messages under `traj`. A run is a session.

What else a run says (task, reward, info, trial) follows its messages as a last one; see `documents`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..model import Metadata
from ..reading import Titles
from .base import Description, SourceSession, plain_name
from .documents import Origin, elements, session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..jsontext import JsonValue

FORMAT = "tau-bench"
"""The name of this format."""


def recognises(run: JsonValue) -> bool:
    """Tell whether a JSON value is a run of τ-bench."""
    return isinstance(run, dict) and isinstance(run.get("traj"), list) and "task_id" in run


def read(path: Path) -> Iterator[SourceSession]:
    """Yield a session for each run, named by the file, the task and the trial."""
    stem = plain_name(path.stem)
    named: dict[str, int] = {}
    for run in elements(path):
        name = _name(run)
        named[name] = named.get(name, 0) + 1
        if named[name] > 1:
            name = f"{name}-again-{named[name]}"
        origin = Origin(f"{FORMAT}/{stem}/{name}", path, FORMAT)
        yield session_of(origin, run, "traj", partial(_describe, run))


def _name(run: JsonValue) -> str:
    found = run if isinstance(run, dict) else {}
    named = {"task": found.get("task_id"), "trial": found.get("trial")}
    return "-".join(f"{kind}-{value}" for kind, value in named.items() if _is_name(value)) or "run"


def _is_name(value: JsonValue) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isascii() and len(value) <= 100)


def _describe(run: JsonValue, messages: Iterable[JsonValue]) -> Description:
    titles = Titles()
    for message in messages:
        titles.add(message)
    attributes = {}
    if isinstance(run, dict):
        found = {"task_id": run.get("task_id"), "trial": run.get("trial"), "reward": run.get("reward")}
        attributes = {name: str(value)[:100] for name, value in found.items() if isinstance(value, int | float | str)}
    return Description(Metadata(name=titles.best(), agent=FORMAT, attributes=attributes))
