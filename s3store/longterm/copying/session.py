"""One session on its way from an archive to another, with what stands beside it.

Everything is compared before anything is written: a session with a piece of the target's own is left as it is. Then the
siblings are written, and last the transcript, whose head says which commits of theirs it belongs with. A copy that is
stopped in between leaves siblings that the next one finds current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...changes import SavedWith, Update
from ...errors import Conflict, SessionNotFound
from ...keys import ARTIFACTS, RUNS, TRACES, TRANSCRIPT, VERIFICATION
from ...model import METADATA_FIELDS
from ...streams.change import Workplace
from ...streams.removal import finish
from .artifacts import ArtifactsCopy
from .reports import CopiedSession
from .stream import StreamCopy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...archive import Archive
    from ...changes import Change
    from .reports import Outcome

_ATTEMPTS = 3
_EVENTS = (TRACES, RUNS, VERIFICATION)


async def copy_session(source: Archive, target: Archive, session_id: str, *, replace: bool) -> CopiedSession:
    """Copy a session, or what is new of it; again where it was changed meanwhile.

    Raises what reading and committing raise; `Conflict` where it was changed again and again.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _SessionCopy(source, target, session_id, replace=replace).run()
        except Conflict:
            continue
    return await _SessionCopy(source, target, session_id, replace=replace).run()


class _SessionCopy:
    def __init__(self, source: Archive, target: Archive, session_id: str, *, replace: bool) -> None:
        self._to = target
        self._id = session_id
        self._transcript = StreamCopy(source, target, session_id, TRANSCRIPT, replace=replace)
        self._siblings = [
            *(StreamCopy(source, target, session_id, stream, replace=replace) for stream in _EVENTS),
            ArtifactsCopy(source, target, session_id, ARTIFACTS, replace=replace),
        ]

    async def run(self) -> CopiedSession:
        pieces = [self._transcript, *self._siblings]
        try:
            for each in pieces:
                await each.compare()
        except SessionNotFound:
            return CopiedSession(self._id, "gone")
        if self._transcript.source is None:
            return CopiedSession(self._id, "gone")
        refused = [each.keys.stream for each in pieces if each.outcome == "refused"]
        if refused:
            reason = f"the target has another {' and other '.join(refused)} that did not come from here"
            return CopiedSession(self._id, "refused", reason=reason)
        await self._write()
        return CopiedSession(self._id, self._outcome(), sum(each.added for each in pieces))

    async def _write(self) -> None:
        if self._transcript.target is None:
            await self._finish_delete()
        for each in self._siblings:
            if each.outcome != "unchanged":
                await each.commit()
        more = self._about_transcript()
        if more:
            if self._transcript.outcome == "unchanged":
                self._transcript.outcome = "updated"
            await self._transcript.commit(more)

    async def _finish_delete(self) -> None:
        """End a delete in the target that died half-way, lest creating the session end it over copied siblings."""
        streams, place = self._to.streams, Workplace(self._to.store, self._to.runtime, self._transcript.keys)
        tombstone = (await streams.read_head(place.keys)).state
        if tombstone is not None:
            await finish(streams, place, tombstone.deleted_with)

    def _about_transcript(self) -> list[Change]:
        """Return what is to be said of the transcript; nothing if it is as it should be."""
        source, target = self._transcript.source, self._transcript.target
        if source is None:
            return []
        more: list[Change] = []
        if self._transcript.outcome != "unchanged":
            more.append(Update(**{name: getattr(source.metadata, name) for name in METADATA_FIELDS}))
        before = {} if target is None else target.siblings
        together = {**before, **self._saved_with(source.siblings, before)}
        if together != before:
            more.append(SavedWith(together))
        return more

    def _saved_with(self, said: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
        """Return the commit of each sibling in the target that the transcript belongs with.

        A sibling that does not belong with the transcript in the source must not seem to do so in the target.
        """
        found = {}
        for each in self._siblings:
            name = each.keys.stream
            if name not in said:
                continue
            if each.source is not None and each.source.last_change == said[name] and each.target is not None:
                found[name] = each.target.last_change or each.target.commits[-1]
            else:
                found[name] = before.get(name, said[name])
        return found

    def _outcome(self) -> Outcome:
        if self._transcript.outcome == "new":
            return "new"
        outcomes = {each.outcome for each in (self._transcript, *self._siblings)}
        if "rewritten" in outcomes:
            return "rewritten"
        return "unchanged" if outcomes == {"unchanged"} else "updated"
