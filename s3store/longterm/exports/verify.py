"""Checks an export against its manifest: whether all is there, is what was written, and nothing else is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from .forms import form_named
from .layout import PARTITIONS, Layout
from .manifest import PartManifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .forms import Form

ProblemKind: TypeAlias = Literal["short", "missing", "changed", "extra"]
"""`short`: a partition was not exported, or not all of its sessions. `missing`: a file is not there. `changed`: it is
not what was written, or cannot be read. `extra`: no manifest names it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    kind: ProblemKind
    path: str
    """The file or, where it was never written, its manifest; as it stands in the folder."""
    what: str


@dataclass(slots=True)
class VerifiedExport:
    """What a check of an export has found."""

    sessions: int = 0
    """How many are there as they were written."""
    records: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)


def verify_export(folder: Path) -> VerifiedExport:
    """Read an export through and compare every file, and every session in it, with the manifest.

    Holds the manifest of one partition and about a mebibyte of its file at a time. Raises `InvalidOption` where there
    is no export, or where its form needs what is not installed; `OSError` where the folder cannot be listed.
    """
    layout = Layout(folder)
    form = form_named(layout.header().form)
    report = VerifiedExport()
    expected: set[Path] = set()
    for partition in PARTITIONS:
        manifest, data = layout.manifest(partition), layout.data(partition, form.suffix)
        expected.add(manifest)
        part = _manifest(manifest, folder, report)
        if part is None or part.file is not None:
            # Beside a manifest that cannot be read, the file is not to blame.
            expected.add(data)
        if part is not None and part.missing:
            report.problems.append(Problem("short", str(manifest.relative_to(folder)), _restore_first(part)))
        if part is not None and part.file is not None:
            _check(part, form, data, folder, report)
    for path in sorted(layout.files() - expected):
        report.problems.append(Problem("extra", str(path.relative_to(folder)), "no manifest names it"))
    return report


def _restore_first(part: PartManifest) -> str:
    packs = sorted({each.pack for each in part.missing})
    return f"sessions that are missing: {len(part.missing)}; restore {', '.join(packs)}, and run the export again"


def _manifest(path: Path, folder: Path, report: VerifiedExport) -> PartManifest | None:
    name = str(path.relative_to(folder))
    try:
        return PartManifest.from_bytes(path.read_bytes())
    except FileNotFoundError:
        report.problems.append(Problem("short", name, "this partition was not exported; run the export again"))
    except (ValueError, OSError):
        report.problems.append(Problem("changed", name, "not the manifest that was written"))
    return None


def _check(part: PartManifest, form: Form, path: Path, folder: Path, report: VerifiedExport) -> None:
    name = str(path.relative_to(folder))
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        is_whole = path.stat().st_size == part.size and digest == part.sha256
        what = _difference(part, form.read(path), form.prelude) if is_whole else "its size or SHA-256 is another one"
    except FileNotFoundError:
        report.problems.append(Problem("missing", name, "the manifest names it"))
        return
    except (ValueError, OSError):
        what = "cannot be read"
    if what is not None:
        report.problems.append(Problem("changed", name, what))
        return
    report.files += 1
    report.sessions += len(part.sessions)
    report.records += part.records


def _difference(part: PartManifest, pieces: Iterator[bytes], prelude: bytes) -> str | None:
    """Say what of a file's sessions is not as the manifest says; None if all is."""
    content = _Content(pieces)
    if content.sha256(len(prelude)) != hashlib.sha256(prelude).hexdigest():
        return "begins with something else"
    for session in part.sessions:
        if content.sha256(session.size) != session.sha256:
            return f"session {session.id!r} is not what its manifest says"
    return None if content.at_end() else "holds more than its manifest says"


class _Content:
    """What a file holds, taken off piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def sha256(self, size: int) -> str:
        """Return the SHA-256 of the next `size` bytes, or of those that are left if there are fewer."""
        digest = hashlib.sha256()
        while size and self._fill():
            digest.update(self._left[:size])
            taken = min(size, len(self._left))
            self._left, size = self._left[taken:], size - taken
        return digest.hexdigest()

    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return not self._fill()

    def _fill(self) -> bool:
        if not self._left:
            self._left = next(self._pieces, b"")
        return bool(self._left)
