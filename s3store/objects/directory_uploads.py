"""Uploads in parts in a directory store: each has a private folder, and each part its place in one file.

`.s3store/uploads/<id>/` holds `upload.json` (key, size of the parts), the file `data`, and for each part that has
arrived an empty file whose name tells its number, size and ETag. A part is written to its offset in `data`, synced,
and only then marked. So the whole is never copied: to finish is to cut `data` to its length and to rename it. A
process that is killed at any moment leaves an upload that is listed, and can be gone on with or given up.

Who writes a part holds the lock of `upload.json` together with others; who finishes or gives up holds it alone. So
nobody writes to a file that is an object already.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from .base import InvalidPart, NoSuchUpload, Part, StartedUpload, Upload, check_part_size, check_sizes
from .etags import etag_of, etag_of_body, stamp
from .files import FILE_MODE, named, open_no_link, reported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .files import Tree
    from .locks import KeyLocks

_FOLDER = ".s3store/uploads"
_DESCRIPTION = "upload.json"
_DATA = "data"
_ID = re.compile(r"[0-9a-f]{32}")
_MARK = re.compile(r"part-(\d+)-(\d+)-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class _Begun:
    """An upload that is not over, and whose lock is held."""

    folder: str
    part_size: int

    @property
    def data(self) -> str:
        return os.path.join(self.folder, _DATA)

    def marks(self) -> dict[int, tuple[Part, str]]:
        """Return the parts that have arrived, each with the path of its mark."""
        found = {}
        for name in os.listdir(self.folder):
            match = _MARK.fullmatch(name)
            if match is not None:
                part = Part(int(match[1]), f'"{match[3]}"', int(match[2]))
                found[part.number] = (part, os.path.join(self.folder, name))
        return found


class Uploads:
    """The unfinished uploads of a directory store. Their methods answer as those of `ObjectStore` do."""

    def __init__(self, tree: Tree, locks: KeyLocks) -> None:
        self._tree = tree
        self._locks = locks
        self._folder = os.path.join(tree.root, _FOLDER)

    def begin(self, key: str, part_size: int) -> Upload:
        """Make the folder of an upload; it appears complete or not at all."""
        upload = Upload(key, secrets.token_hex(16))
        folder = self._path(upload)
        new = os.path.join(self._folder, f".{upload.id}.new")
        with reported(named(key), "begun"):
            self._tree.make_folders(new)
            self._create(os.path.join(new, _DESCRIPTION), json.dumps({"key": key, "part_size": part_size}).encode())
            self._create(os.path.join(new, _DATA), b"")
            os.rename(new, folder)
            self._tree.sync_folder(self._folder)
        return upload

    def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """Write a part to its place, and mark it when it is there."""
        part = Part(number, etag_of_body(body), len(body))
        with self._open(upload, exclusive=False) as begun:
            check_part_size(upload, part, begun.part_size)
            with self._alone(upload, number), reported(_part(upload, number), "written"):
                former = begun.marks().get(number)
                if former is not None:
                    os.unlink(former[1])
                    self._tree.sync_folder(begun.folder)
                self._write_at(begun.data, (number - 1) * begun.part_size, body)
                self._create(os.path.join(begun.folder, _mark(part)), b"")
        return part

    def parts(self, upload: Upload) -> list[Part]:
        """Return the parts that are marked, by number."""
        with self._open(upload, exclusive=False) as begun, reported(named(upload.key), "looked up"):
            return [part for _, (part, _) in sorted(begun.marks().items())]

    @contextmanager
    def whole(self, upload: Upload, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
        """Give the path of a file that holds just these parts, to be renamed, and its ETag; then the upload is over."""
        with self._open(upload, exclusive=True) as begun:
            check_sizes(upload, parts, begun.part_size)
            with reported(named(upload.key), "put together"):
                marks = begun.marks()
                if any(marks.get(part.number, (None, ""))[0] != part for part in parts):
                    raise InvalidPart(upload.key)
                etag = self._cut(begun.data, sum(part.size for part in parts))
            yield begun.data, etag
            self._remove(begun.folder)

    def abort(self, upload: Upload) -> None:
        """Remove what has arrived, and the upload last."""
        with suppress(NoSuchUpload), self._open(upload, exclusive=True, over=True) as begun:
            self._remove(begun.folder)

    def listed(self, prefix: str) -> list[StartedUpload]:
        """List the uploads for keys that start with a prefix, in the order of the keys."""
        found = []
        with reported(f"uploads under {prefix!r}", "listed"):
            for name in self._names():
                with suppress(FileNotFoundError), open(self._description(name), "rb", opener=open_no_link) as file:
                    key, _ = _read(file)
                    if key.startswith(prefix):
                        started = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                        found.append(StartedUpload(Upload(key, name), started))
        return sorted(found, key=lambda started: started.upload.key.encode())

    @contextmanager
    def _open(self, upload: Upload, *, exclusive: bool, over: bool = False) -> Iterator[_Begun]:
        """Hold the lock of an upload. With `over`, also of one that was finished or given up half-way."""
        # An id comes from outside; what this store did not make never becomes a path.
        if not _ID.fullmatch(upload.id):
            raise NoSuchUpload(upload.key)
        with reported(named(upload.key), "looked up"):
            try:
                file = open(self._description(upload.id), "rb", opener=open_no_link)  # noqa: SIM115 - closed below
            except FileNotFoundError:
                raise NoSuchUpload(upload.key) from None
        with file, self._locks.held(file.fileno(), exclusive=exclusive):
            key, part_size = _read(file)
            begun = _Begun(self._path(upload), part_size)
            # Whoever held the lock before may have ended the upload.
            ended = os.fstat(file.fileno()).st_nlink == 0 or not (over or os.path.exists(begun.data))
            if ended or key != upload.key:
                raise NoSuchUpload(upload.key)
            yield begun

    @contextmanager
    def _alone(self, upload: Upload, number: int) -> Iterator[None]:
        with reported(_part(upload, number), "locked"):
            lock = self._locks.acquire(f"{upload.id}/{number}")
        try:
            yield
        finally:
            self._locks.release(lock)

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._folder) if _ID.fullmatch(name)]
        except FileNotFoundError:
            return []

    def _path(self, upload: Upload) -> str:
        return os.path.join(self._folder, upload.id)

    def _description(self, name: str) -> str:
        return os.path.join(self._folder, name, _DESCRIPTION)

    def _create(self, path: str, body: bytes) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(body)
            file.flush()
            self._tree.sync(file.fileno())

    def _cut(self, path: str, size: int) -> str:
        with open(path, "r+b", opener=open_no_link) as file:
            file.truncate(size)
            stamp(file.fileno())
            self._tree.sync(file.fileno())
            return etag_of(file)

    def _write_at(self, path: str, place: int, body: bytes) -> None:
        with open(path, "r+b", opener=open_no_link, buffering=0) as file:
            file.seek(place)
            rest = memoryview(body)
            while rest:
                rest = rest[file.write(rest) :]
            self._tree.sync(file.fileno())

    def _remove(self, folder: str) -> None:
        with reported("an upload that is over", "removed", may_have_landed=True):
            # The description last: until then the upload is listed, and can be given up once more.
            for name in sorted(os.listdir(folder), key=lambda name: (name == _DESCRIPTION, name != _DATA)):
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)


def _read(file: BinaryIO) -> tuple[str, int]:
    described = json.load(file)
    return described["key"], described["part_size"]


def _mark(part: Part) -> str:
    digest = part.etag.strip('"')
    return f"part-{part.number}-{part.size}-{digest}"


def _part(upload: Upload, number: int) -> str:
    return f"part {number} of {named(upload.key)}"
