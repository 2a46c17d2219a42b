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

_LARGEST_NUMBER = 2**53


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
    found = run if isinstance(run, dict) else {}
    attributes = {name: found[name] for name in ("task_id", "trial", "reward") if _is_short(found.get(name))}
    return Description(Metadata(name=titles.best(), agent=FORMAT, attributes=attributes))


def _is_short(value: JsonValue) -> bool:
    """Tell whether a value is a number or a text that metadata takes as it is."""
    if isinstance(value, str):
        return _is_name(value)
    return isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER
