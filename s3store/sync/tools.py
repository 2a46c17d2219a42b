"""The coding agents whose files are kept: where those are, and which session each of them is."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..importers import claude_code, codex
from .expanded import COMPRESSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LONGEST_NAME = 200
_MASK = 0xFFFFFFFF
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Tool:
    """A coding agent, and where its files are."""

    name: str
    """The format of the files, and what the ids of its sessions start with."""
    variable: str
    """The environment variable that names its home."""
    home: str
    folders: tuple[str, ...]
    """The folders within its home that hold sessions, the one that sessions are put back into first."""
    endings: tuple[str, ...] = (".jsonl",)
    """How the names of its session files end."""
    session_id: Callable[[Path], str] | None = None
    """Which session a file is of, if sessions have folders of their names for what else belongs to them."""

    def root(self) -> Path:
        """Return the tool's home on this machine, whether it is there or not."""
        return Path(os.environ.get(self.variable) or os.path.expanduser(self.home)).absolute()

    def files(self, root: Path) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the tool's session files with what the system says of them. A file that goes meanwhile is none."""
        for folder in self.folders:
            for above, folders, names in os.walk(root / folder):
                folders.sort()
                for name in sorted(names):
                    path = Path(above, name)
                    if name.endswith(self.endings) and (found := _stat(path)) is not None:
                        yield path, found

    def beside(self, root: Path) -> Iterator[tuple[Path, list[tuple[Path, os.stat_result]]]]:
        """Yield each session's folder with those of the files in it that are no session files, if there are any."""
        for folder in self._folders_of_sessions(root):
            found: list[tuple[Path, os.stat_result]] = []
            for above, folders, names in os.walk(folder):
                folders.sort()
                paths = [Path(above, name) for name in sorted(names) if not name.endswith(self.endings)]
                found += [(path, status) for path in paths if (status := _stat(path)) is not None]
            if found:
                yield folder, found

    def _folders_of_sessions(self, root: Path) -> Iterator[Path]:
        for name in self.folders if self.session_id is not None else ():
            for project in _subfolders(root / name):
                yield from _subfolders(project)


TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        claude_code.FORMAT: Tool(
            claude_code.FORMAT, "CLAUDE_CONFIG_DIR", "~/.claude", ("projects",), session_id=claude_code.session_id
        ),
        codex.FORMAT: Tool(
            codex.FORMAT,
            "CODEX_HOME",
            "~/.codex",
            ("sessions", "archived_sessions"),
            endings=(".jsonl", f".jsonl{COMPRESSED}"),
        ),
    }
)
"""The tools, by name."""


def project_name(directory: Path) -> str:
    """Return the name of the folder in which Claude Code keeps the sessions of a directory."""
    path = unicodedata.normalize("NFC", os.path.realpath(directory))
    name = re.sub(r"[^a-zA-Z0-9]", "-", path)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{_hash(path)}"


def _hash(text: str) -> str:
    """Return the hash that Claude Code tells long paths apart by: the size of a number of 32 bits, in base 36."""
    number = 0
    for char in text:
        number = (number * 31 + ord(char)) & _MASK
    left = min(number, _MASK + 1 - number)
    digits = ""
    while left:
        left, digit = divmod(left, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return sorted(Path(each.path) for each in found if each.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    # Opening a pipe could wait for ever; a link could lead to the same file twice.
    return found if stat.S_ISREG(found.st_mode) else None
