"""Deleting sessions, and what no head names, whoever may still want to name it.

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
    from .names import Bodies
    from .stream import Streams
    from .terms import Terms


class _Found(NamedTuple):
    """What is stored of a session."""

    keys: list[str]
    """Everything but heads."""
    uploads: list[Upload]
    siblings: dict[str, Head]
    """The heads of its siblings, by stream, tombstones among them."""

    @property
    def doomed(self) -> dict[str, str]:
        """The incarnations of the siblings that are alive."""
        return {stream: head.incarnation for stream, head in self.siblings.items() if living(head) is not None}

    @property
    def anything(self) -> bool:
        """Whether there is anything beside the transcript's head, and tombstones."""
        return bool(self.keys or self.uploads or self.doomed)


class Unneeded(NamedTuple):
    """What of a stream nothing needs."""

    free: frozenset[str]
    """The keys that its head does not name."""
    dies: bool
    """Whether the stream itself is what a delete that died half-way has left."""


class Removal:
    """Removes what nobody needs any more from the streams of one archive."""

    def __init__(self, store: ObjectStore, runtime: Runtime, streams: Streams, bodies: Bodies) -> None:
        self._store = store
        self._runtime = runtime
        self._streams = streams
        self._bodies = bodies

    async def delete(self, session_id: str, terms: Terms) -> bool:
        """Delete a session with all that is kept beside it; tell whether there was one.

        Raises what `terms` and the commit protocol raise; `OutcomeUnknown` where the session is gone, and something
        kept beside it is not.
        """
        transcript = StreamKeys.of(session_id, TRANSCRIPT)
        # Listed before every swap: what is uploaded later is not in the list, what was uploaded before is fenced.
        found = await self._look(session_id)
        deletion = Deletion(self._place(transcript), terms, listed=found.anything, siblings=found.doomed)
        landed = await self._streams.swap(transcript, deletion)
        if landed.proposal is None:
            return False
        before = landed.base.state
        # A commit may have sealed more between the listing and the swap.
        sealed = () if before is None else before.segments
        free = {transcript.segment(segment.name) for segment in sealed}
        await self._remove_the_rest(session_id, found, free, deletion.commit_id)
        return living(before) is not None

    async def sweep(self, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> frozenset[str]:
        """Raise the fence of a stream if that lets go of anything `listed`; return what may be deleted now.

        The incarnation `doomed` becomes a tombstone, if it still lives. Raises what the commit protocol raises; then
        nothing may be deleted.
        """
        fencing = Fencing(self._place(keys), partial(self._named_by, keys), listed, doomed)
        return fencing.free(await self._streams.swap(keys, fencing))

    async def look(self, keys: StreamKeys, listed: Collection[str], doomed: str | None = None) -> Unneeded:
        """Say what `sweep` would find as things stand, and change nothing.

        Raises `CorruptObject` for a head that cannot be read, or names something that is gone.
        """
        gap: str | None = None
        while True:
            known = await self._streams.read_head(keys)
            live = living(known.state)
            if live is None or live.incarnation == doomed:
                return Unneeded(frozenset(listed), dies=live is not None)
            try:
                return Unneeded(frozenset(listed) - await self._named_by(keys, live), dies=False)
            except NoSuchKey as gone:
                # Somebody may have replaced it meanwhile; if it still is what it was, that is not so.
                if known.etag == gap:
                    raise CorruptObject(f"{keys.head}: names {gone.key}, which is missing") from None
                gap = known.etag

    async def head(self, keys: StreamKeys) -> Head | None:
        """Read a head, which may be a tombstone; None if there is none."""
        return (await self._streams.read_head(keys)).state

    async def is_held(self, session_id: str) -> bool:
        """Tell whether a hold keeps a session from being deleted, as things stand."""
        live = living(await self.head(StreamKeys.of(session_id, TRANSCRIPT)))
        return live is not None and bool(live.holds)

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
        return _Found(
            [key for key in keys if stored_key(key).kind != "head"],
            uploads,
            {stream: known.state for stream, known in zip(siblings, heads, strict=True) if known.state is not None},
        )

    async def _remove_the_rest(self, session_id: str, found: _Found, free: set[str], commit_id: str) -> None:
        """Delete the siblings, then all that is free by then; what fails does not keep the rest."""
        # Before the fences are raised: whoever comes after that finds no upload to go on with, so that what became of
        # one that was listed can be named by nobody who knows the new fence.
        aborted = await self._abort(found.uploads)
        by_stream: dict[str, list[str]] = {stream: [] for stream in found.doomed}
        for key in (*found.keys, *aborted):
            by_stream.setdefault(stored_key(key).stream, []).append(key)
        for stream in {TRANSCRIPT, ""} & by_stream.keys():
            free |= set(by_stream.pop(stream))
        failures: list[Exception] = []

        async def sweep(stream: str, listed: Sequence[str]) -> frozenset[str]:
            try:
                return await self.sweep(StreamKeys.of(session_id, stream), listed, found.doomed.get(stream))
            except (StoreUnavailable, CallAPerson, Decide) as error:
                failures.append(error)
                return frozenset()

        for freed in await self._runtime.gather([sweep(*each) for each in sorted(by_stream.items())]):
            free |= freed
        await remove_all(self._store, self._runtime, sorted(free))
        if failures:
            raise OutcomeUnknown(
                f"session {session_id!r}: deleted by commit {commit_id}, but not all that is kept beside it "
                f"({failures[0]}); delete it again, or leave that to the clean-up",
                session_id=session_id,
                commit_id=commit_id,
            ) from failures[0]

    async def _abort(self, uploads: Sequence[Upload]) -> list[str]:
        """Give uploads up; return the keys of those that can become no object any more, if they have not by now."""

        async def abort(upload: Upload) -> str | None:
            try:
                await self._store.abort_upload(upload)
            except (StoreUnavailable, CallAPerson):
                return None  # The clean-up will.
            return upload.key

        return [key for key in await self._runtime.gather([abort(upload) for upload in uploads]) if key is not None]

    async def _named_by(self, keys: StreamKeys, head: Head) -> frozenset[str]:
        return await named_by(self._streams, keys, head, self._bodies)

    def _place(self, keys: StreamKeys) -> Workplace:
        return Workplace(self._store, self._runtime, keys)


async def finish(streams: Streams, place: Workplace, siblings: Mapping[str, str]) -> None:
    """Make tombstones of the siblings that a transcript's tombstone names, as far as they still live.

    Raises `StoreUnavailable` if that cannot be done now: then nothing may be created in their place.
    """
    for stream, incarnation in sorted(siblings.items()):
        keys = StreamKeys.of(place.keys.session_id, stream)
        place = Workplace(place.store, place.runtime, keys)
        # What they named is left to the deleter or the clean-up.
        fencing = Fencing(place, _names_nothing, (), incarnation)
        try:
            await streams.swap(keys, fencing)
        except Decide as error:
            raise StoreUnavailable(
                f"{keys.head}: of a deleted session, and could not be deleted now", may_have_landed=False
            ) from error


async def _names_nothing(_: Head) -> frozenset[str]:
    return frozenset()
