"""SWE-agent: a `.traj` file is one JSON object with the messages under `history`. A file is one session.

What else it holds (`trajectory`, `info`, …) follows the messages as a last one; see `documents`.
SWE-agent writes the file anew after each step: the history has grown then, and the last message is another.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..model import Metadata
from .base import Description, SourceSession, header_text, header_texts, plain_name
from .documents import Origin, load, session_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..jsontext import JsonValue

FORMAT = "swe-agent"
"""The name of this format."""


def recognises(document: JsonValue) -> bool:
    """Tell whether a JSON value is a trajectory of SWE-agent."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("history"), list)
        and all(isinstance(message, dict) and "role" in message for message in document["history"][:3])
    )


def read(path: Path) -> Iterator[SourceSession]:
    """Yield the one session of a file, named by the run's folder and the instance."""
    folders = path.absolute().parent
    run = folders.parent if folders.name == path.stem else folders
    origin = Origin(f"{FORMAT}/{plain_name(run.name)}/{plain_name(path.stem)}", path, FORMAT)
    document = load(path)
    yield session_of(origin, document, "history", partial(_describe, plain_name(path.stem), document))


def _describe(instance: str, document: JsonValue, _messages: Iterable[JsonValue]) -> Description:
    attributes: dict[str, JsonValue] = {}
    if isinstance(document, dict):
        info = document.get("info")
        status = info.get("exit_status") if isinstance(info, dict) else None
        attributes = header_texts({"environment": document.get("environment"), "exit_status": status})
    return Description(Metadata(name=header_text(instance), agent=FORMAT, attributes=attributes))
