"""One stream on its way from an archive to another: compared, and then written by the target's own commit protocol.

What a copy writes names the commit that it is a copy of (`Copied`). So the next copy knows by two heads alone that
there is nothing to do, or that the target still has just what came from the source, and may follow it wherever it went.
Where that does not tell, the records do: they are copied with their numbers, times, commits and keys, so those of an
earlier state are the same to the byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...changes import CopyOf, Transplant
from ...errors import Conflict, SessionNotFound
from ...keys import StreamKeys
from ...streams.change import FixedPlan
from ...streams.records import decode_lines, split_lines
from ...streams.terms import Terms, living

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...archive import Archive
    from ...changes import Change
    from ...streams.change import Plan
    from ...streams.head import Head
    from .reports import Outcome


class StreamCopy:
    """The copy of a stream of records: a transcript, traces, runs, verification reports."""

    def __init__(self, source: Archive, target: Archive, session_id: str, stream: str, *, replace: bool) -> None:
        self.keys = StreamKeys.of(session_id, stream)
        self.outcome: Outcome = "unchanged"
        """What `commit` would do, or has done."""
        self.source: Head | None = None
        self.target: Head | None = None
        """The head in the target: as it was compared, or as the commit left it."""
        self.added = 0
        """How many records `commit` has written."""
        self._from = source
        self._to = target
        self._replace = replace
        self._lines: bytes | None = None
        self._same = 0

    async def compare(self) -> None:
        """Find out what there is to do. Writes nothing.

        Raises `CorruptObject` for a damaged stream, `SessionNotFound` or `Conflict` for one that is changed meanwhile.
        """
        self.source = living((await self._from.streams.look(self.keys)).state)
        if self.source is None:
            return
        self.target = living((await self._to.streams.read_head(self.keys)).state)
        if self.target is None or not _is_current(self.source, self.target):
            self.outcome = await self._read()

    async def commit(self, more: Sequence[Change] = ()) -> None:
        """Write what there is to do, and `more`, in one commit. Raises `Conflict` if the target was changed since."""
        if self.source is None:
            raise AssertionError("what is not there is not copied")
        version = 0 if self.target is None else self.target.version
        plan = self._plan(
            [
                *more,
                CopyOf(
                    self.source.last_change or self.source.commits[-1],
                    self.source.incarnation,
                    self.source.created_at,
                    self.source.updated_at,
                ),
            ]
        )
        streams = self._to.streams
        terms = Terms(expected_version=version)
        change = streams.change(self.keys.session_id, plan, terms, stream=self.keys.stream)
        landed = await streams.land(change)
        self.target = living(landed.known.state)
        self.added = change.outcome(landed).appended

    async def _read(self) -> Outcome:
        """Read what the streams hold, and tell what there is to do."""
        keys = self.keys
        self.source, lines = await self._from.streams.read_lines(keys.session_id, Terms(), stream=keys.stream)
        decode_lines(keys.head, 0, self.source.count, lines)  # what is damaged is not passed on
        self._lines = lines
        if self.target is None:
            return "new"
        try:
            self.target, there = await self._to.streams.read_lines(keys.session_id, Terms(), stream=keys.stream)
        except SessionNotFound:
            raise Conflict(f"{keys.head}: was deleted in the target while it was compared") from None
        self._same = _same_at_start(lines, there)
        return self._outcome(is_prefix=self._same == self.target.count, is_same=lines == there)

    def _outcome(self, *, is_prefix: bool, is_same: bool) -> Outcome:
        if self.source is None or self.target is None:
            return "new"
        says_the_same = self.source.metadata.to_json() == self.target.metadata.to_json()
        if is_same and says_the_same:
            return "unchanged"
        if is_prefix and (says_the_same or _is_kin(self.source, self.target)):
            return "updated"
        if _was(self.source, self.target) or self._replace:
            return "updated" if is_prefix else "rewritten"
        return "refused"

    def _plan(self, more: list[Change]) -> Plan:
        return FixedPlan(more if self._lines is None else [Transplant(self._lines, self._same), *more])


def _is_current(source: Head, target: Head) -> bool:
    """Tell whether the target has what the source has, or has gone on from there."""
    latest = source.last_change
    copied = None if target.copied is None else target.copied.of
    return latest is not None and (latest == copied or latest in target.commits)


def _was(source: Head, target: Head) -> bool:
    """Tell whether the target is surely what the source was once."""
    if target.copy is not None:
        return target.copy.of in source.commits
    return target.incarnation == source.incarnation and target.last_change in source.commits


def _is_kin(source: Head, target: Head) -> bool:
    """Tell whether the target has nothing but what came from this very session, however long ago."""
    return target.copy is not None and target.copy.incarnation == source.incarnation


def _same_at_start(lines: bytes, there: bytes) -> int:
    """Return how many lines at the start are the same."""
    if lines.startswith(there):
        return there.count(b"\n")
    pairs = zip(split_lines(lines), split_lines(there), strict=False)
    return next(
        (number for number, (one, other) in enumerate(pairs) if one != other),
        min(lines.count(b"\n"), there.count(b"\n")),
    )
