"""The files of a session that are no list of its lines: artifacts of the session, as they are, byte for byte.

What is said of each stands among the artifact's attributes, under `sync`::

    {"file": "tool-results/toolu_01.txt"}                     within the session's folder, or
    {"file": "rollout-….jsonl.zst", "holds": {"bytes": 8125, "edge": "…"}}

The latter is the session's own file, compressed: it holds what the session's mark has just these `bytes` and `edge` of.
A file that is written anew is kept beside what there is of it, under the next name that is free: `…~2`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..blocking import SessionStore
from ..contracts.namespace import Namespace, archive_of
from ..errors import InvalidOption
from ..importers.base import plain_name
from ..runtime import run
from ..siblings.model import ArtifactLimits, NewArtifact
from .mark import ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ..jsontext import JsonValue
    from ..siblings.model import ArtifactInfo
    from .mark import Mark

_FILE, _HOLDS = "file", "holds"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to be kept: where it is, and what it is called among those of its session."""

    path: Path
    name: str
    holds: JsonValue = None
    """Which state of the session the file is a copy of, where it is one: `state_of`."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that was kept, as it was last."""

    artifact: str
    """The name of the artifact."""
    name: str
    holds: JsonValue
    sha256: str


def state_of(mark: Mark) -> JsonValue:
    """Return what tells the state of a session from others: as `holds` has it."""
    return {"bytes": mark.bytes, "edge": mark.edge}


def keep_files(store: SessionStore, session_id: str, files: Iterable[LocalFile]) -> int:
    """Keep files of a session, and return how many of them were not kept as they are. Reads each, and one list.

    Raises `InvalidOption` for a name that is no text, `OSError`, and what `Artifacts.put` raises.
    """
    known = {each.name: each for each in kept_files(store, session_id)}
    artifacts = Namespace(archive_of(store, SessionStore), None).session(session_id).artifacts(ArtifactLimits())
    stored = 0
    for file in files:
        before = known.get(_text(file.name))
        if before is not None and (before.holds, before.sha256) == (file.holds, _sha256(file.path)):
            continue
        said: dict[str, JsonValue] = {_FILE: file.name} | ({} if file.holds is None else {_HOLDS: file.holds})
        new = NewArtifact(file.name, file.path, attributes={ATTRIBUTE: said})
        run(artifacts.put_as(new, _free(file.name)))
        stored += 1
    return stored


def kept_files(store: SessionStore, session_id: str) -> list[KeptFile]:
    """Return the files that are kept of a session, each as it was last."""
    # Those that were kept later come later.
    found = {each.name: each for info in store.artifacts(session_id).list() if (each := _kept(info)) is not None}
    return list(found.values())


def _kept(info: ArtifactInfo) -> KeptFile | None:
    said = info.attributes.get(ATTRIBUTE)
    if not isinstance(said, dict) or not isinstance(said.get(_FILE), str):
        return None
    return KeptFile(info.name, said[_FILE], said.get(_HOLDS), info.sha256)


def _free(name: str) -> Callable[[Iterable[str]], str]:
    def choose(taken: Iterable[str]) -> str:
        names, number, free = set(taken), 1, name
        while free in names:
            number += 1
            free = f"{name}~{number}"
        return free

    return choose


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(name: str) -> str:
    if plain_name(name) != name:
        raise InvalidOption(f"{plain_name(name)}: the name of the file is not UTF-8; it cannot be kept")
    return name
