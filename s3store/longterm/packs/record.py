"""The record of a pack: whether heads may come to stand on it.

It is a cell of the commit protocol. `live`: they may. `dropped`: somebody looks whether any does, and takes the mark
back if so. `gone`: none does and none ever will, so the file may go; nothing leads back from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import orjson

from ...errors import CorruptObject, UnsupportedFormat
from ...keys import is_pack_name, pack_class, pack_record
from ...objects.base import NoSuchKey, NotModified, parsed
from ...streams.commit import Known, Landed, Proposal, commit
from ...streams.head import HISTORY
from ...streams.segments import text_of, whole_number
from ...times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ...jsontext import JsonValue
    from ...objects.base import ObjectStore
    from ...runtime import Runtime
    from ...streams.commit import CommitPolicy

RECORD_FORMAT = "s3store.pack/1"
"""What a pack's record says of itself."""
PackState = Literal["live", "dropped", "gone"]
_NOTHING: Known[PackRecord] = Known(None, None)
_STATES = frozenset({"live", "dropped", "gone"})


@dataclass(frozen=True, slots=True)
class PackRecord:
    """How a pack stands."""

    name: str
    state: PackState
    created_at: datetime
    sessions: tuple[str, ...] = ()
    """The ids of the sessions whose records are in it; only their heads can name it. None once it is gone for good."""
    records: int = 0
    size: int = 0
    """The bytes of the file."""
    json_bytes: int = 0
    """The bytes of the records in it, as JSON lines."""
    settled: bool = False
    """Whether every head that named it has been made thin."""
    moved: bool = False
    """Whether the file is in the class that the pack is for, where that is not the usual one."""
    moved_on: str | None = None
    """The class that a rule has the file moved on to, S3's name; None for the one that its name says."""
    version: int = 0
    commits: tuple[str, ...] = ()

    @property
    def storage_class(self) -> str:
        """S3's name of the class that the pack is for now."""
        return self.moved_on or pack_class(self.name)


class PackRecords:
    """Reads and swaps the records of packs."""

    def __init__(self, store: ObjectStore, runtime: Runtime, policy: CommitPolicy) -> None:
        self._store = store
        self._runtime = runtime
        self._policy = policy
        self._last: Known[PackRecord] = _NOTHING

    async def read(self, name: str) -> PackRecord | None:
        """Ask the store itself for a record; None if there is none.

        It names every session of the pack and is asked for once for each of them, so the last one is kept, lest its
        bytes come each time: the store says whether it is the same still.
        """
        self._last = await _Cell(self._store, name).read_again(self._last)
        return self._last.state

    async def at(self, key: str) -> PackRecord | None:
        """Read the record that a listing showed; None if it is gone. Raises `CorruptObject` for one that is damaged."""
        try:
            return (await parsed(await self._store.get(key), lambda body: unpack_record(key, body))).value
        except NoSuchKey:
            return None

    async def swap(self, name: str, step: Callable[[PackRecord | None], PackRecord | None]) -> Landed[PackRecord]:
        """Put what `step` makes of a record in its place, unless it makes None. Raises what the protocol raises."""
        change = _Change(self._runtime.ulid(), step)
        return await commit(self._store, self._runtime, self._policy, _Cell(self._store, name), change)


class _Change:
    def __init__(self, commit_id: str, step: Callable[[PackRecord | None], PackRecord | None]) -> None:
        self.commit_id = commit_id
        self._step = step

    async def propose(self, base: Known[PackRecord]) -> Proposal[PackRecord] | None:
        then = self._step(base.state)
        if then is None:
            return None
        before = () if base.state is None else base.state.commits
        commits = (*before, self.commit_id)[-HISTORY:]
        then = replace(then, version=base.version + 1, commits=commits)
        return Proposal(then, _packed(then))


class _Cell:
    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self.key = pack_record(name)
        self.session_id = ""

    async def read(self) -> Known[PackRecord]:
        return await self.read_again(_NOTHING)

    async def read_again(self, last: Known[PackRecord]) -> Known[PackRecord]:
        """Read the cell; `last` comes back where the store says that it still has that."""
        is_ours = last.state is not None and pack_record(last.state.name) == self.key
        try:
            stored = await self._store.get(self.key, if_none_match=last.etag if is_ours else None)
            return Known[PackRecord](*await parsed(stored, self._parse))
        except NotModified:
            return last
        except NoSuchKey:
            return _NOTHING

    def _parse(self, body: bytes) -> PackRecord:
        return unpack_record(self.key, body)


def settled(now: PackRecord | None) -> PackRecord | None:
    """Return the record of a pack on which all that name it stand; None unless it is live."""
    return replace(now, settled=True) if now is not None and now.state == "live" else None


def unsettled(now: PackRecord | None) -> PackRecord | None:
    """Return the record of a settled pack to which a clean-up is to come back; None if that is so already."""
    return replace(now, settled=False) if now is not None and now.settled and now.state == "live" else None


def _packed(record: PackRecord) -> bytes:
    return orjson.dumps(
        {
            "format": RECORD_FORMAT,
            "pack": record.name,
            "state": record.state,
            "version": record.version,
            "commits": record.commits,
            "created_at": format_time(record.created_at),
            "records": record.records,
            "bytes": record.size,
            "json_bytes": record.json_bytes,
            "settled": record.settled,
            "moved": record.moved,
            **({} if record.moved_on is None else {"class": record.moved_on}),
            "sessions": record.sessions,
        }
    )


def unpack_record(key: str, body: bytes) -> PackRecord:
    """Read a record. Raises `CorruptObject` or `UnsupportedFormat`, naming `key`, for anything else."""
    try:
        found = orjson.loads(body)
        known, record = found["format"], _read(found)
    except (ValueError, TypeError, LookupError):
        known, record = None, None
    if known is not None and known != RECORD_FORMAT:
        raise UnsupportedFormat.of(key, known)
    if record is None or pack_record(record.name) != key:
        raise CorruptObject(f"{key}: not the record of a pack")
    return record


def _read(found: JsonValue) -> PackRecord | None:
    """Return what a record says; None if it names no pack, or a state that there is not."""
    if not is_pack_name(found["pack"]) or found["state"] not in _STATES:
        return None
    return PackRecord(
        found["pack"],
        found["state"],
        parse_time(found["created_at"]),
        tuple(map(text_of, found["sessions"])),
        whole_number(found["records"]),
        whole_number(found["bytes"]),
        whole_number(found["json_bytes"]),
        found["settled"] is True,
        found.get("moved") is True,
        None if (moved_on := found.get("class")) is None else text_of(moved_on),
        whole_number(found["version"]),
        tuple(map(text_of, found["commits"])),
    )
