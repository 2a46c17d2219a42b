"""Deleting sessions, and what no head names: the only place from which objects are removed for good.

The order is what keeps named things safe: list, swap the heads that would name what was listed to ones with a raised
fence, and only then delete (`s3store.streams.fence`). A session's transcript goes first, and its tombstone says which
siblings go with it, so that whoever comes by later can finish a delete that died half-way: the next delete, the
clean-up, or whoever creates the session anew, before he does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CallAPerson, CorruptObject, Decide, OutcomeUnknown, StoreUnavailable
from ..keys import TRANSCRIPT, StreamKeys, session_prefix, stored_key
from ..objects.base import NoSuchKey, all_keys, remove_all
from .change import Deletion, Workplace
from .fence import Fencing
from .frames import unpack
from .names import named_by
from .terms import living

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..objects.base import ObjectStore, Upload
    from ..runtime import Runtime
    from .head import Head
    from .stream import Streams
    from .terms import Terms


class _Found(NamedTuple):
    """What is stored of a session."""

    keys: list[str]
    """Everything but heads, and where an upload is under way, what it would become."""
    uploads: list[Upload]
    siblings: dict[str, Head]
    """The heads of its siblings, by stream, tombstones among them."""

    @property
    def doomed(self) -> dict[str, str]:
        """The incarnations of the siblings that are alive."""
        return {stream: head.incarnation for stream, head in self.siblings.items() if living(head) is not None}

    def of_stream(self, stream: str) -> list[str]:
        """Return what belongs to a stream."""
        return [key for key in self.keys if stored_key(key).stream == stream]

    @property
    def streams(self) -> list[str]:
        """The siblings of which there is anything to remove."""
        named = {stored_key(key).stream for key in self.keys}
        return sorted((named | self.doomed.keys()) - {TRANSCRIPT, ""})


class Unneeded(NamedTuple):
    """What of a stream nothing needs."""

    free: frozenset[str]
    """The keys that its head does not name."""
    dies: bool
    """Whether the stream itself is what a delete that died half-way has left."""


class Removal:
    """Removes what nobody needs any more from the streams of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, streams: Streams) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams

    async def delete(self, session_id: str, terms: Terms) -> bool:
        """Delete a session with all that is kept beside it; tell whether there was one.

        Raises what `terms` and the commit protocol raise; `OutcomeUnknown` where the session is gone, and something
        kept beside it is not.
        """
        transcript = StreamKeys.of(session_id, TRANSCRIPT)
        # Listed before every swap: what is uploaded later is not in the list, what was uploaded before is fenced.
        found = await self._look(session_id)
        deletion = Deletion(
            self._place(transcript), terms, listed=bool(found.keys or found.doomed), siblings=found.doomed
        )
        landed = await self._streams.swap(transcript, deletion)
        if landed.proposal is None:
            return False
        before = landed.base.state
        # A commit may have sealed more between the listing and the swap.
        sealed = () if before is None else before.segments
        free = {key for key in found.keys if stored_key(key).stream in {TRANSCRIPT, ""}}
        free |= {transcript.segment(segment.name) for segment in sealed}
        await self._remove_siblings(session_id, found, free, deletion.commit_id)
        return living(before) is not None

    async def sweep(self, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> frozenset[str]:
        """Raise the fence of a stream if that lets go of anything `listed`; return what may be deleted now.

        The incarnation `doomed` becomes a tombstone, if it still lives. Raises what the commit protocol raises; then
        nothing may be deleted.
        """
        fencing = Fencing(self._place(keys), partial(named_by, self._streams, keys), listed, doomed)
        return fencing.free(await self._streams.swap(keys, fencing))

    async def look(self, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Unneeded:
        """Say what `sweep` would find as things stand, and change nothing."""
        live = living((await self._streams.read_head(keys)).state)
        if live is None:
            return Unneeded(frozenset(listed), dies=False)
        if live.incarnation == doomed:
            return Unneeded(frozenset(listed), dies=True)
        return Unneeded(frozenset(listed) - await named_by(self._streams, keys, live), dies=False)

    async def head(self, keys: StreamKeys) -> Head | None:
        """Read a head, which may be a tombstone; None if there is none."""
        return (await self._streams.read_head(keys)).state

    async def told_id(self, key: str) -> str | None:
        """Return the session's id that a head or a segment tells; None if it is gone or tells none."""
        try:
            told = unpack(key, (await self._store.get(key)).body).header.get("session")
        except (NoSuchKey, CorruptObject):
            return None
        return told if isinstance(told, str) else None

    async def _look(self, session_id: str) -> _Found:
        prefix = session_prefix(session_id)
        uploads = [started.upload for started in await self._store.list_uploads(prefix)]
        keys = await all_keys(self._store, prefix)
        streams = [stored_key(key).stream for key in keys if stored_key(key).kind == "head"]
        siblings = [stream for stream in streams if stream != TRANSCRIPT]
        heads = await self._runtime.gather(
            [self._streams.read_head(StreamKeys.of(session_id, stream)) for stream in siblings]
        )
        others = [key for key in keys if stored_key(key).kind != "head"]
        return _Found(
            # An upload may be finished at any moment until it is aborted.
            [*others, *(upload.key for upload in uploads)],
            uploads,
            {stream: known.state for stream, known in zip(siblings, heads, strict=True) if known.state is not None},
        )

    async def _remove_siblings(self, session_id: str, found: _Found, free: set[str], commit_id: str) -> None:
        """Delete the siblings, and then all that is free by then; what fails does not keep the rest."""
        doomed = found.doomed
        failures: list[Exception] = []

        async def sweep(stream: str) -> frozenset[str]:
            try:
                return await self.sweep(StreamKeys.of(session_id, stream), found.of_stream(stream), doomed.get(stream))
            except (StoreUnavailable, CallAPerson, Decide) as error:
                failures.append(error)
                return frozenset()

        for freed in await self._runtime.gather([sweep(stream) for stream in found.streams]):
            free |= freed
        await self._abort(found.uploads)
        await remove_all(self._store, self._runtime, sorted(free))
        if failures:
            raise OutcomeUnknown(
                f"session {session_id!r}: deleted by commit {commit_id}, but not all that is kept beside it "
                f"({failures[0]}); delete it again, or leave that to the clean-up",
                session_id=session_id,
                commit_id=commit_id,
            ) from failures[0]

    async def _abort(self, uploads: Sequence[Upload]) -> None:
        async def abort(upload: Upload) -> None:
            try:
                await self._store.abort_upload(upload)
            except (StoreUnavailable, CallAPerson):
                pass  # The clean-up will.

        await self._runtime.gather([abort(upload) for upload in uploads])

    def _place(self, keys: StreamKeys) -> Workplace:
        return Workplace(self._store, self._runtime, keys)


async def finish(streams: Streams, place: Workplace, siblings: Mapping[str, str]) -> None:
    """Make tombstones of the siblings that a transcript's tombstone names, as far as they still live.

    Raises `StoreUnavailable` if that cannot be done now: then nothing may be created in their place.
    """
    for stream, incarnation in sorted(siblings.items()):
        keys = StreamKeys.of(place.keys.session_id, stream)
        names = partial(named_by, streams, keys)
        try:
            await streams.swap(keys, Fencing(Workplace(place.store, place.runtime, keys), names, (), incarnation))
        except Decide as error:
            raise StoreUnavailable(
                f"{keys.head}: of a deleted session, and could not be deleted now", may_have_landed=False
            ) from error
