"""How far a file has been brought in, and whether the file is still the one that was.

It stands among the session's attributes, under `sync`, and each commit moves it::

    {"format": "codex", "path": "sessions/2026/03/14/rollout-….jsonl", "bytes": 8125, "records": 41,
     "start": "…", "edge": "…", "tail": true}

`bytes` are those of the lines that had their line end. `start` and `edge` are the SHA-256 of the first of them and of
the last, 4 KiB at most: a file that only grew has both still, and nothing else of what was brought in need be read.
`tail` says that the last record was a line without its end, which may have been half a line.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..jsontext import JsonValue
    from ..model import SessionInfo

ATTRIBUTE = "sync"
"""The attribute of a session that the mark stands in."""
EDGE = 4096
"""How many bytes at each end of what was brought in tell whether it is still there."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a file a session holds."""

    format: str
    path: str
    """The file's path within the tool's home, with slashes."""
    bytes: int = 0
    records: int = 0
    start: str = ""
    edge: str = ""
    tail: bool = False

    @property
    def complete(self) -> int:
        """How many records were lines with their end."""
        return self.records - self.tail

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as it stands in the attributes."""
        return {name: getattr(self, name) for name in _KINDS if name != "tail" or self.tail}

    @classmethod
    def of(cls, info: SessionInfo) -> Mark | None:
        """Return the mark of a session; None if it bears none that can be read."""
        found = info.metadata.attributes.get(ATTRIBUTE)
        if not isinstance(found, dict):
            return None
        values: dict[str, Any] = {name: value for name, value in found.items() if type(value) is _KINDS.get(name)}
        return None if _KINDS.keys() - values.keys() - {"tail"} else cls(**values)

    def moved_to(self, path: Path, size: int, records: int, *, tail: bool) -> Mark:
        """Return the mark for a file of which `size` bytes have been brought in."""
        start, edge = _ends(path, size)
        return Mark(self.format, self.path, size, records, start, edge, tail)

    def holds(self, path: Path, size: int) -> bool:
        """Tell whether a file, `size` bytes long, begins with what was brought in. Reads 8 KiB at most."""
        return self.bytes <= size and (self.start, self.edge) == _ends(path, self.bytes)


_KINDS = {"format": str, "path": str, "bytes": int, "records": int, "start": str, "edge": str, "tail": bool}


def _ends(path: Path, size: int) -> tuple[str, str]:
    with path.open("rb") as file:
        start = file.read(min(size, EDGE))
        file.seek(max(0, size - EDGE))
        edge = file.read(min(size, EDGE))
    return hashlib.sha256(start).hexdigest(), hashlib.sha256(edge).hexdigest()
