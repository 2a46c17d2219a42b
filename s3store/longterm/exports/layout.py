"""What lies where in the folder of an export.

::

    export.json           what the export is: its form, its filters, the archive's id
    data/<hh>.<suffix>    the sessions of one partition; none where it has no session
    manifest/<hh>.jsonl   what stands in that file, written once it is whole: its presence says that this part is done

The partitions are the 256 that an archive spreads its sessions over, so they do not depend on who exports which.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ...errors import InvalidOption
from ...objects.files import FILE_MODE, Tree
from .manifest import Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTITIONS = tuple(f"{number:02x}" for number in range(256))
"""The names of all partitions."""

_HEADER, _DATA, _MANIFEST = "export.json", "data", "manifest"
_UNFINISHED_HEADER = ".export.*.part"


class Layout:
    """The folder of an export. Whatever is written appears when it is whole, for its owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tree = Tree(str(folder), durable=True)

    def begin(self, header: Header) -> None:
        """Make the folder for an export, or go on in one that was begun for the same.

        Raises `InvalidOption` where the folder holds something else.
        """
        # Looked at before the header is: what is there before that has its name is no part of an export.
        strange = self._has_strange_files()
        if not self.has_header:
            if strange:
                raise InvalidOption(f"{self.folder}: is not empty, and no export; take another folder")
            for folder in (_DATA, _MANIFEST):
                self._tree.make_folders(str(self.folder.absolute() / folder))
            with self.writing(self.folder / _HEADER) as file:
                file.write(header.to_bytes())
        elif (found := self.header()) != header:
            raise InvalidOption(
                f"{self.folder}: holds an export with another {found.difference(header)}; it goes on only with the same"
            )

    def _has_strange_files(self) -> bool:
        """Tell whether there are files other than a header, also one that somebody is just about to write."""
        return not all(path.parent == self.folder and path.match(_UNFINISHED_HEADER) for path in self.files())

    @property
    def has_header(self) -> bool:
        """Whether an export was begun here."""
        return (self.folder / _HEADER).is_file()

    def header(self) -> Header:
        """Return what the export is. Raises `InvalidOption` if there is none, or one of a later version."""
        try:
            return Header.from_bytes((self.folder / _HEADER).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InvalidOption(f"{self.folder}: no export: {_HEADER} is missing") from None
        except ValueError:
            raise InvalidOption(f"{self.folder / _HEADER}: not what this version of s3store writes") from None

    def data(self, partition: str, suffix: str) -> Path:
        """Return where the sessions of a partition go."""
        return self.folder / _DATA / (partition + suffix)

    def manifest(self, partition: str) -> Path:
        """Return where it says what stands there."""
        return self.folder / _MANIFEST / f"{partition}.jsonl"

    def files(self) -> set[Path]:
        """Return every file in the folder but the header."""
        found = {path for path in self.folder.rglob("*") if path.is_symlink() or not path.is_dir()}
        return found - {self.folder / _HEADER}

    def drop_unfinished(self, partition: str) -> None:
        """Remove what a run that was killed has left of a partition."""
        for path in (self.folder / _DATA).glob(f".{partition}.*.part"):
            path.unlink(missing_ok=True)

    @contextmanager
    def writing(self, target: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
        """Open a file that takes its name when the block has ended well; with `durable` its bytes are on disk then."""
        stem = target.name.partition(".")[0]
        descriptor, part = tempfile.mkstemp(prefix=f".{stem}.", suffix=".part", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, FILE_MODE)
                yield file
                file.flush()
                if durable:
                    os.fsync(descriptor)
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise

    def sync(self) -> None:
        """Make sure that the names of all files are on disk."""
        for folder in (self.folder / _DATA, self.folder / _MANIFEST, self.folder):
            self._tree.sync_folder(str(folder))


def partitions_of(text: str) -> tuple[str, ...]:
    """Return the partitions from `00-7f`, or of one, such as `3c`. Raises `InvalidOption` for anything else."""
    first, _, last = text.partition("-")
    last = last or first
    if first not in PARTITIONS or last not in PARTITIONS or first > last:
        raise InvalidOption(f"partitions are two hex digits, or a range of them such as 00-7f, not {text!r}")
    return PARTITIONS[PARTITIONS.index(first) : PARTITIONS.index(last) + 1]
