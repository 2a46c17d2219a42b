"""Which files hold sessions, and in which format: told by what is in them, not by their names."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidOption, InvalidRecord, TooLarge
from . import claude_code, codex, messages, swe_agent, tau_bench
from .base import Problem
from .documents import elements, is_array, load
from .lines import FileLines, lenient, parse_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..jsontext import JsonValue

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".traj"})
_LINES_TRIED = 20
_CHAT = (messages.FORMAT, messages.recognises)
_LINE_FORMATS = (
    (codex.FORMAT, codex.recognises),
    (claude_code.FORMAT, claude_code.recognises),
    _CHAT,
)
_ELEMENT_FORMATS = ((tau_bench.FORMAT, tau_bench.recognises), _CHAT)
_OBJECT_FORMATS = ((swe_agent.FORMAT, swe_agent.recognises), _CHAT)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that holds sessions."""

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found under a path, in the order of the names, and what could not be looked into."""

    files: tuple[SourceFile, ...]
    problems: tuple[Problem, ...]


def discover(path: Path) -> Discovery:
    """Find the session files at or under a path.

    A folder is walked: files with the suffixes .jsonl, .ndjson, .json and .traj are looked into, symbolic
    links are not followed (the path itself may be one), and files of no known format are passed over. Raises
    `InvalidOption` if there is nothing at the path, or if it is a file of no known format.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InvalidOption(f"cannot read {path}: {error.strerror}") from None
    if not stat.S_ISDIR(mode):
        return Discovery((SourceFile(path, _detect_or_raise(path)),), ())
    problems: list[Problem] = []
    files = []
    for found in _walk(path, problems):
        try:
            name = detect(found)
        except OSError as error:
            problems.append(Problem(found, None, f"cannot be read: {error.strerror}"))
            continue
        if name is not None:
            files.append(SourceFile(found, name))
    return Discovery(tuple(files), tuple(problems))


def detect(path: Path) -> str | None:
    """Return the name of a file's format, or None if it is none that is known. Raises `OSError`."""
    try:
        if messages.has_lines(path):
            return _of_lines(path)
        if is_array(path):
            return _recognised(_ELEMENT_FORMATS, next(elements(path), None))
        return _recognised(_OBJECT_FORMATS, load(path))
    except (InvalidRecord, TooLarge):
        return None


def _detect_or_raise(path: Path) -> str:
    try:
        name = detect(path)
    except OSError as error:
        raise InvalidOption(f"cannot read {path}: {error.strerror}") from None
    if name is None:
        raise InvalidOption(f"{path} is no session file of a known format; name the format if it is one")
    return name


def _of_lines(path: Path) -> str | None:
    # The first lines may be odd (cut short, or of a kind that is new): the first one that is known decides.
    for _, line in zip(range(_LINES_TRIED), FileLines.of(path), strict=False):
        name = _recognised(_LINE_FORMATS, lenient(parse_line(line.rstrip(b"\r\n"))[0]))
        if name is not None:
            return name
    return None


def _recognised(formats: Iterable[tuple[str, Callable[[JsonValue], bool]]], value: JsonValue) -> str | None:
    return next((name for name, recognises in formats if recognises(value)), None)


def _walk(root: Path, problems: list[Problem]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), None, f"cannot be read: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            # Opening a pipe or a device could wait for ever; a link could lead to the same file twice.
            if path.suffix in _SUFFIXES and stat.S_ISREG(path.lstat().st_mode):
                yield path
