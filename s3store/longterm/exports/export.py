"""Exports sessions to a folder, partition after partition; done again, it goes on where it was stopped.

A partition is listed, read and written by whoever does it, and needs no other: so several processes, on several
machines, may each do some, and the result is the same. Each session is exported as it is at one moment.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, NamedTuple

from ...errors import RestoreRequired, SessionNotFound
from ...index.query import Where
from ...keys import session_part
from ...streams.terms import Terms
from ..windows import windows
from .forms import form_named
from .manifest import Header, MissingLine, PartManifest, SessionLine, filters_json
from .snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ...archive import Archive
    from ...model import Filters
    from .layout import Layout


@dataclass(slots=True)
class Exported:
    """What an export holds of the partitions that were asked for; what earlier runs have done is counted in.

    It is short as long as anything is `missing`: done again once the packs are restored, it goes on with that.
    """

    partitions: int = 0
    sessions: int = 0
    records: int = 0
    size: int = 0
    """Of the files, in bytes."""
    kept: int = 0
    """How many of the partitions an earlier run had done."""
    gone: int = 0
    """How many sessions were deleted after they had been listed, and so are not in the export."""
    missing: int = 0
    """How many sessions are not in the export since their packs must be restored first."""
    packs: list[str] = field(default_factory=list)
    """The names of those packs."""

    def add(self, part: PartManifest) -> None:
        """Count a partition."""
        self.partitions += 1
        self.sessions += len(part.sessions)
        self.records += part.records
        self.size += part.size
        self.missing += len(part.missing)
        self.packs = sorted({*self.packs, *(each.pack for each in part.missing)})


class _Listed(NamedTuple):
    """A session that is to be exported. Nothing else of it is held, for there may be millions."""

    id: str
    size: int


class Export:
    """One export of an archive to a folder."""

    def __init__(self, archive: Archive, layout: Layout, form: str) -> None:
        self._archive = archive
        self._layout = layout
        self._name = form
        self._form = form_named(form)

    async def run(
        self, filters: Filters, partitions: Collection[str], progress: Callable[[Exported], None] | None
    ) -> Exported:
        """Export the sessions of some partitions for which the filters hold. See `SessionStore.export`."""
        Where.of(filters)  # wrong ones are refused before anything is written
        header = Header(self._name, await self._archive.id(), filters_json(filters))
        self._layout.begin(header)
        report = Exported()
        todo = [partition for partition in partitions if not self._is_done(partition, report)]
        for partition, listed in (await self._listed(todo, filters)).items():
            report.add(await self._write(partition, listed, report))
            if progress is not None:
                progress(report)
        self._layout.sync()
        return report

    async def _listed(self, partitions: Collection[str], filters: Filters) -> dict[str, list[_Listed]]:
        """List the sessions of partitions, in an order that depends on the ids alone: whoever exports gets the same."""
        found: dict[str, list[_Listed]] = {partition: [] for partition in partitions}
        if found:
            async for session in self._archive.index.listings.sessions(filters):
                if (sessions := found.get(session_part(session.id)[:2])) is not None:
                    sessions.append(_Listed(session.id, session.size))
        for sessions in found.values():
            sessions.sort()
        return found

    def _is_done(self, partition: str, report: Exported) -> bool:
        """Tell whether an earlier run has done a partition, and count it then."""
        done = self._done(partition)
        # What is missing belongs between the others, so where anything is, all is written anew.
        if done is None or done.missing:
            return False
        report.add(done)
        report.kept += 1
        return True

    def _done(self, partition: str) -> PartManifest | None:
        """Return what an earlier run has done. A manifest is written last, so there is one only of what is whole."""
        try:
            part = PartManifest.from_bytes(self._layout.manifest(partition).read_bytes())
            data = self._layout.data(partition, self._form.suffix)
            return part if part.file is None or data.stat().st_size == part.size else None
        except (FileNotFoundError, ValueError):
            return None

    async def _write(self, partition: str, listed: Sequence[_Listed], report: Exported) -> PartManifest:
        self._layout.drop_unfinished(partition)
        part = PartManifest.EMPTY
        if listed:
            target = self._layout.data(partition, self._form.suffix)
            with self._layout.writing(target, durable=True) as file:
                part = await self._fill(file, target.name, listed, report)
            if not part.sessions:
                target.unlink()
                part = replace(PartManifest.EMPTY, missing=part.missing)
        # One that is lost with the machine's power is written again, as is one beside a file that is not its own.
        with self._layout.writing(self._layout.manifest(partition)) as file:
            file.write(part.to_bytes())
        return part

    async def _fill(self, file: IO[bytes], name: str, listed: Sequence[_Listed], report: Exported) -> PartManifest:
        sessions: list[SessionLine] = []
        missing: list[MissingLine] = []
        hashed = _Hashed(file)
        writer = self._form.writer(hashed)
        for together in windows(listed):
            # Each reads segments side by side in its turn.
            for snapshot in await self._archive.runtime.branches([self._read(each.id) for each in together]):
                if snapshot is None:
                    report.gone += 1
                    continue
                if isinstance(snapshot, MissingLine):
                    missing.append(snapshot)
                    continue
                info = snapshot.info
                content = writer.add(snapshot)
                sessions.append(SessionLine.of(info.id, info.incarnation, info.version, info.count, content))
        writer.finish()
        return PartManifest(name, hashed.size, hashed.sha256.hexdigest(), tuple(sessions), tuple(missing))

    async def _read(self, session_id: str) -> Snapshot | MissingLine | None:
        streams = self._archive.streams
        try:
            if not self._form.takes_records:
                return Snapshot(await streams.info(session_id, Terms()), b"")
            head, lines = await streams.read_lines(session_id, Terms())
        except SessionNotFound:
            return None
        except RestoreRequired as error:
            return MissingLine(session_id, error.pack, error.storage_class)
        return Snapshot(head.info(session_id), lines)


class _Hashed:
    """A file, and the size and SHA-256 of what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        self.sha256.update(data)
        return self._file.write(data)
