"""What the last runs saw of the files of a tool: a file that is as it was is neither read nor asked for.

It is a file of this machine, `~/.local/state/s3store/sync/…json`. Without it, or with one that cannot be read, nothing
is lost: each session is asked for once, and tells how far it came.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMAT = "s3store.sync/1"


class Seen:
    """The files of one tool's home, as they were when they were last brought into one archive."""

    def __init__(self, url: str, root: Path) -> None:
        whose = hashlib.sha256(f"{url}\n{os.fsdecode(root)}".encode("utf-8", "surrogateescape")).hexdigest()
        self._path = _folder() / f"{whose[:32]}.json"
        self._files = _read(self._path)
        self._changed = False

    def has(self, path: str, found: os.stat_result) -> bool:
        """Tell whether a file is as it was."""
        return self._files.get(path) == _identity(found)

    def note(self, path: str, found: os.stat_result) -> None:
        """Remember that a file was brought in as it was when it was looked at."""
        self._files[path] = _identity(found)
        self._changed = True

    def keep_only(self, paths: Iterable[str]) -> None:
        """Forget the files that are gone. What the archive has of them stays."""
        gone = self._files.keys() - set(paths)
        for path in gone:
            del self._files[path]
        self._changed = self._changed or bool(gone)

    def save(self) -> None:
        """Write it, in one step and for its owner's eyes only, if it has changed. Raises `OSError`."""
        if not self._changed:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(prefix=".s3store-", suffix=".part", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump({"format": _FORMAT, "files": self._files}, file, separators=(",", ":"))
            os.replace(part, self._path)
        except BaseException:
            os.unlink(part)
            raise
        self._changed = False


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME", "")
    # The specification has a path that is not absolute ignored.
    return (Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.local/state"))) / "s3store" / "sync"


def _identity(found: os.stat_result) -> list[int]:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


def _read(path: Path) -> dict[str, list[int]]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("format") != _FORMAT or not isinstance(found.get("files"), dict):
        return {}
    return {name: identity for name, identity in found["files"].items() if isinstance(identity, list)}
