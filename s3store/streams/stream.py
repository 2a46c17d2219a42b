"""The streams of an archive: reading them, and committing changes to them.

What is said of order here is said of safety:

- segments are uploaded before the head that names them, and deleted only after a head that does not name them has
  surely landed;
- a delete or a clean-up lists, then swaps the head to one with its fence raised, and only then deletes what it had
  listed (`removal`); a writer that finds another fence than the one it uploaded under uploads again. So nothing that a
  head names is ever deleted, however long a writer slept.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ..changes import Touch
from ..errors import (
    CallAPerson,
    Conflict,
    CorruptObject,
    Decide,
    FixTheCall,
    NotCached,
    OutcomeUnknown,
    RestoreRequired,
    SessionDeleted,
    SessionNotFound,
    StoreUnavailable,
    UnsupportedFormat,
)
from ..keys import INBOX, TRANSCRIPT, StreamKeys, pack_class, pack_key
from ..model import Committed, Record, SessionInfo, Transcript
from ..objects.base import NoSuchKey, NotModified, parsed
from ..objects.tiers import TIERS, Archived, tiered, tiers_of
from .change import Deletion, FixedPlan, StreamChange, Workplace, cleaning_up
from .commit import CommitPolicy, Known, Landed, Proposal, commit
from .guesses import GuessedHeads, Turns
from .head import Head, unpack_head
from .packed import lines_of_chunk
from .records import decode_lines, decode_records, keys_of, split_lines
from .removal import finish
from .segments import unpack_segment
from .terms import Terms, living

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ..changes import Change
    from ..model import RecordFields
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .change import Plan
    from .commit import Change as CellChange
    from .draft import Sizes
    from .segments import Segment

INBOX_SEAL = 64 * 1024
"""When the tail of an inbox is sealed, in bytes: it is written again for each message that is sent, and each taken."""

_READ_AHEAD = 4
_RESTARTS = 8
_REMEMBERED_SEGMENTS = 1024
_KEPT_SEGMENTS = 16
_ABSENT: Known[Head] = Known(None, None)


HeadChange: TypeAlias = "CellChange[Head]"
"""A change of a head as a whole."""


class Listener(Protocol):
    """Who is told of the heads of transcripts: the index."""

    async def announce(self, session_id: str, head: Head) -> None:
        """Be told of a head that is about to be put where there is no session. May raise `StoreUnavailable`."""
        ...

    async def publish(self, session_id: str, head: Head) -> None:
        """Be told of a head that stands, before whoever put it there is told so. May raise `StoreUnavailable`."""
        ...


class Streams:
    """Every stream of one archive. Made once; what it remembers between calls are guesses, never truth.

    Commits read `store`; who only reads gets heads from `reader`, which may be content with what is a little older; and
    `kept` gives heads to guess with, asking nobody.
    """

    def __init__(
        self,
        store: ObjectStore,
        runtime: Runtime,
        policy: CommitPolicy,
        sizes: Sizes,
        listener: Listener | None = None,
        *,
        reader: ObjectStore | None = None,
        kept: ObjectStore | None = None,
        guess_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._store = store
        self._reader = reader or store
        self._kept = kept
        self._runtime = runtime
        self._policy = policy
        self._sizes = sizes
        self._listener = listener
        self._guesses = GuessedHeads(guess_bytes)
        self._turns = Turns(runtime.lock)
        self._segment_keys: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._last_lines: OrderedDict[str, bytes] = OrderedDict()

    async def commit(
        self,
        session_id: str,
        changes: Sequence[Change],
        terms: Terms,
        *,
        stream: str = TRANSCRIPT,
        seal: int | None = None,
    ) -> Committed:
        """Make changes in one commit, `seal` as in `change`. Raises what `terms` and the commit protocol raise."""
        change = self.change(session_id, FixedPlan(changes), terms, stream=stream, seal=seal)
        return _committed(session_id, change, await self.land(change))

    def change(
        self,
        session_id: str,
        plan: Plan,
        terms: Terms,
        *,
        stream: str = TRANSCRIPT,
        commit_id: str | None = None,
        seal: int | None = None,
    ) -> StreamChange:
        """Return a change for `land`, by which a tail of `seal` bytes is sealed at the latest. Nothing is sent."""
        place = self._place(session_id, stream)
        seal = INBOX_SEAL if stream == INBOX else seal
        sizes = self._sizes if seal is None else self._sizes.at_most(seal)
        return StreamChange(place, _Segments(self, place.keys), plan, terms, sizes, commit_id)

    async def foresee(self, change: StreamChange) -> str:
        """Upload what the plan of a change uploads, and return the commit that its stream will be at.

        That is the change's own, or the last one there is where nothing is to be written. Others who write meanwhile
        make it another one. Raises what `propose` raises.
        """
        key = change.place.keys.head
        guess = self._guesses.get(key)
        try:
            known = guess or await self.read_head(change.place.keys)
            return change.commit_id if known.state is None or await change.alters(known) else known.state.commits[-1]
        except NoSuchKey:
            return change.commit_id  # Replaced while it was read: landing sorts that out.
        except (Decide, FixTheCall):
            if guess is None:
                await change.clean_up(None)
                raise
            # A guess may be out of date: only the store itself can turn a caller down.
            self._guesses.forget(key)
            return await self.foresee(change)

    async def land(self, change: StreamChange) -> Landed[Head]:
        """Make a change in one commit. Raises what its terms and the commit protocol raise."""
        place = change.place
        key = place.keys.head
        async with self._turns.of(key):
            announced = self._announced(place, change)
            guess = _ABSENT if change.must_be_new else await self._guess(place.keys)
            # Whatever ends this commit without an answer, a cancellation too, leaves the old guess worthless.
            self._guesses.forget(key)
            async with cleaning_up(change):
                landed = await commit(
                    self._store, self._runtime, self._policy, _Cell(self, place.keys, guess), announced, guess
                )
            self._guesses.put(key, landed.known)
            await change.clean_up(landed)
            await self._publish(place, landed.known, None if landed.proposal is None else change.commit_id)
        return landed

    async def swap(self, keys: StreamKeys, change: HeadChange) -> Landed[Head]:
        """Run a change of a head, and tell the index what stands then. Raises what the commit protocol raises."""
        async with self._turns.of(keys.head):
            self._guesses.forget(keys.head)
            landed = await commit(self._store, self._runtime, self._policy, _Cell(self, keys), change)
            self._guesses.forget(keys.head)
            place = Workplace(self._store, self._runtime, keys)
            await self._publish(place, landed.known, None if landed.proposal is None else change.commit_id)
        return landed

    async def resolve(self, session_id: str, commit_id: str, *, stream: str = TRANSCRIPT) -> bool:
        """Tell whether a commit of unknown outcome has landed; after this, one that has not never will.

        Raises `OutcomeUnknown` again if so many commits followed that the history no longer tells.
        """
        place = self._place(session_id, stream)
        cell = _Cell(self, place.keys)
        async with self._turns.of(place.keys.head):
            for _ in range(_RESTARTS):
                found = await cell.read()
                if found.state is not None and commit_id in found.state.commits:
                    await self._publish(place, found, commit_id)
                    return True
                # A new version shuts the door behind which the swap may still wait, and shows all that came in before.
                try:
                    shut = await commit(
                        self._store, self._runtime, self._policy, cell, self._shutter(place, found.state), found
                    )
                except (Conflict, SessionDeleted):
                    # Created, or deleted, since it was read.
                    continue
                self._guesses.put(place.keys.head, shut.known)
                await self._publish(place, shut.known, commit_id)
                return await self._is_in(session_id, commit_id, shut.base.state, stream)
        raise _untold(session_id, commit_id, "the session changed again and again")

    def _shutter(self, place: Workplace, head: Head | None) -> StreamChange | Deletion:
        """Return a change that leaves a session as it is, and is turned down if that is no longer so."""
        live = living(head)
        if live is None:
            return Deletion(place, Terms(expected_version=0), listed=False, always=True)
        terms = Terms(incarnation=live.incarnation)
        return StreamChange(place, _Segments(self, place.keys), FixedPlan([Touch()]), terms, self._sizes)

    async def info(self, session_id: str, terms: Terms, *, stream: str = TRANSCRIPT) -> SessionInfo:
        """Return what there is to say of a session. Raises `SessionNotFound` or `SessionDeleted`."""
        head = await self._live(session_id, stream, terms)
        return head.info(session_id)

    async def load(self, session_id: str, terms: Terms, *, stream: str = TRANSCRIPT) -> Transcript:
        """Read a whole transcript: the head, then its segments side by side."""
        head, lines = await self.read(session_id, terms, stream=stream)
        return Transcript(head.info(session_id), tuple(lines))

    async def read(
        self,
        session_id: str,
        terms: Terms,
        first_of: Callable[[Head], int] = lambda _: 0,
        *,
        stream: str = TRANSCRIPT,
    ) -> tuple[Head, list[RecordFields]]:
        """Read a head, and from the first record that is wanted of it on; again if it was replaced meanwhile.

        Raises `SessionNotFound` where there is no such stream, or a tombstone.
        """
        keys = StreamKeys.of(session_id, stream)
        gap: Head | None = None
        for _ in range(_RESTARTS):
            head = await self._live(session_id, stream, terms, asked=gap is not None)
            first = first_of(head)
            try:
                sealed = await self._sealed(keys, _segments_from(head, first), first)
            except NoSuchKey as gone:
                _refuse_gap(keys, gone, gap, head)
                gap = head
                continue
            return head, list(chain(*sealed, _tail_from(keys, head, first)))
        raise _replaced(session_id)

    async def read_lines(self, session_id: str, terms: Terms, *, stream: str = TRANSCRIPT) -> tuple[Head, bytes]:
        """Read a head, and all records as the lines that they are, not parsed; raises as `read`."""
        keys = StreamKeys.of(session_id, stream)
        gap: Head | None = None
        for _ in range(_RESTARTS):
            head = await self._live(session_id, stream, terms, asked=gap is not None)
            try:
                sealed = await self._runtime.gather([self.segment_lines(keys, segment) for segment in head.segments])
            except NoSuchKey as gone:
                _refuse_gap(keys, gone, gap, head)
                gap = head
                continue
            return head, b"".join([*sealed, head.tail])
        raise _replaced(session_id)

    async def last(self, session_id: str, number: int, terms: Terms, *, stream: str = TRANSCRIPT) -> list[Record]:
        """Read the last records only, the oldest of them first: the head, and the segments that it takes."""
        _, lines = await self.read(session_id, terms, lambda head: max(0, head.count - number), stream=stream)
        return [Record.from_fields(line) for line in lines]

    async def parts(
        self, session_id: str, terms: Terms, *, start: int = 0, stream: str = TRANSCRIPT
    ) -> AsyncIterator[list[Record]]:
        """Read a transcript in parts, a few segments at a time, from the record with the number `start` on.

        Raises `Conflict` if the transcript is replaced while it is being read, once that shows.
        """
        keys = StreamKeys.of(session_id, stream)
        head = await self._live(session_id, stream, terms)
        wanted = _segments_from(head, start)
        for at in range(0, len(wanted), _READ_AHEAD):
            try:
                window = await self._sealed(keys, wanted[at : at + _READ_AHEAD], start)
            except NoSuchKey as gone:
                _refuse_gap(keys, gone, head, await self._live(session_id, stream, terms, asked=True))
                raise _replaced(session_id) from None
            for part in window:
                yield [Record.from_fields(line) for line in part]
        yield [Record.from_fields(line) for line in _tail_from(keys, head, start)]

    async def record(self, keys: StreamKeys, head: Head, seq: int) -> Record:
        """Read one record of a head that was read. Raises `NoSuchKey` if the segment that it stands in is gone."""
        if seq >= head.sealed:
            return _record_at(keys.head, head.tail, seq - head.sealed, seq)
        segment = next(segment for segment in _segments_from(head, seq))
        lines = await self._kept_lines(keys, segment)
        return _record_at(keys.segment(segment.name), lines, seq - segment.first, seq)

    async def fetch(self, session_id: str, *, stream: str = TRANSCRIPT) -> int:
        """Read a head and its segments one after the other, and return their size in bytes; the records do not matter.

        Raises `SessionNotFound`, and `NoSuchKey` if the transcript is replaced meanwhile.
        """
        head = await self._live(session_id, stream, Terms(), asked=True)
        for segment in head.segments:
            await self.segment_lines(StreamKeys.of(session_id, stream), segment)
        return head.total_size

    async def segment_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment.

        Raises `NoSuchKey` if it is gone, or the pack that it stands in, and `RestoreRequired` if that is archived.
        """
        place = segment.place
        if place is not None:
            wanted = place.offset, place.offset + place.length
            try:
                chunk = await self._store.get(pack_key(place.pack), byte_range=wanted)
            except Archived:
                raise await self._restore_required(keys.session_id, place.pack) from None
            return (await parsed(chunk, partial(lines_of_chunk, segment, place))).value
        stored = await self._store.get(keys.segment(segment.name))
        return (await parsed(stored, partial(unpack_segment, keys, segment))).value

    async def _restore_required(self, session_id: str, pack: str) -> RestoreRequired:
        storage_class = pack_class(pack)
        if not tiers_of(storage_class):
            # A rule has moved it on to an archive: one of this archive's, or of the bucket owner's.
            storage_class = (await tiered(self._store).storage(pack_key(pack))).storage_class
        tiers = tiers_of(storage_class) or TIERS
        return RestoreRequired(
            f"session {session_id!r} stands in the pack {pack} ({storage_class}), which must be restored before it is "
            f"read (tiers: {', '.join(tiers)}): `s3store restore`, or SessionStore.restore()",
            session_id=session_id,
            pack=pack,
            storage_class=storage_class,
            tiers=tiers,
        )

    async def _kept_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment that is read record by record: the last ones read so are kept."""
        name = keys.segment(segment.name)
        lines = self._last_lines.get(name)
        if lines is None:
            lines = await self.segment_lines(keys, segment)
            self._last_lines[name] = lines
            if len(self._last_lines) > _KEPT_SEGMENTS:
                self._last_lines.popitem(last=False)
        return lines

    async def segment_keys(self, keys: StreamKeys, segment: Segment) -> frozenset[str]:
        """Return the idempotency keys in a segment; it never changes, so they are remembered."""
        name = keys.segment(segment.name)
        known = self._segment_keys.get(name)
        if known is None:
            known = frozenset(keys_of(split_lines(await self.segment_lines(keys, segment))))
            self._segment_keys[name] = known
            if len(self._segment_keys) > _REMEMBERED_SEGMENTS:
                self._segment_keys.popitem(last=False)
        return known

    async def records_of(self, keys: StreamKeys, head: Head) -> list[RecordFields]:
        """Return the records of a head that was read. Raises `NoSuchKey` if a segment that it names is gone."""
        sealed = await self._sealed(keys, head.segments, 0)
        return list(chain(*sealed, _tail_from(keys, head, 0)))

    async def read_head(
        self, keys: StreamKeys, store: ObjectStore | None = None, guess: Known[Head] | None = None
    ) -> Known[Head]:
        """Read a head, from the store itself unless another is given, and remember it.

        One that is the `guess`, or that this process remembers, is not sent again if it has not changed.
        """
        known = guess or self._guesses.get(keys.head) or _ABSENT
        try:
            stored = await (store or self._store).get(keys.head, if_none_match=known.etag)
            known = Known[Head](*await parsed(stored, partial(unpack_head, keys)))
        except NotModified:
            pass
        except NoSuchKey:
            known = _ABSENT
        self._guesses.put(keys.head, known)
        return known

    async def look(self, keys: StreamKeys) -> Known[Head]:
        """Read a head as fresh as the caller of the archive wants it."""
        return await self.read_head(keys, self._reader)

    async def _guess(self, keys: StreamKeys) -> Known[Head] | None:
        """Return a state that a head may be in: what this process remembers of it, or what this machine has kept."""
        known = self._guesses.get(keys.head)
        if known is not None or self._kept is None:
            return known
        try:
            return await self.read_head(keys, self._kept)
        except (NotCached, CorruptObject, UnsupportedFormat):
            return None

    def _announced(self, place: Workplace, change: StreamChange) -> StreamChange | _Creation:
        return change if place.keys.stream != TRANSCRIPT else _Creation(self, place, self._listener, change)

    async def _publish(self, place: Workplace, known: Known[Head], commit_id: str | None) -> None:
        """Tell the index what stands. `commit_id` names what was written to it, None if nothing was."""
        if self._listener is None or known.state is None or place.keys.stream != TRANSCRIPT:
            return
        try:
            await self._listener.publish(place.keys.session_id, known.state)
        except (StoreUnavailable, CallAPerson) as error:
            if commit_id is None:
                raise
            raise OutcomeUnknown(
                f"{place.keys.head}: commit {commit_id} has landed, but the index could not be told ({error}); "
                "listings may show the session as it was before; resolve() tells them",
                session_id=place.keys.session_id,
                commit_id=commit_id,
            ) from error

    def _place(self, session_id: str, stream: str) -> Workplace:
        return Workplace(self._store, self._runtime, StreamKeys.of(session_id, stream))

    async def _live(self, session_id: str, stream: str, terms: Terms, *, asked: bool = False) -> Head:
        """Return the head of a session that there is, with `asked` as the store says that it is now."""
        asked = asked or self._reader is self._store
        known = await self.read_head(StreamKeys.of(session_id, stream), self._store if asked else self._reader)
        try:
            return _checked(session_id, known.state, terms)
        except Decide:
            # As in a commit: only the store itself turns a caller down.
            if asked:
                raise
        return await self._live(session_id, stream, terms, asked=True)

    async def _sealed(self, keys: StreamKeys, segments: Sequence[Segment], first: int) -> list[list[RecordFields]]:
        """Read segments side by side; of each, the records from the number `first` on."""

        async def read(segment: Segment) -> list[RecordFields]:
            lines = await self.segment_lines(keys, segment)
            fields = decode_lines(keys.segment(segment.name), segment.first, segment.count, lines)
            return fields[max(0, first - segment.first) :]

        return await self._runtime.gather([read(segment) for segment in segments])

    async def _is_in(self, session_id: str, commit_id: str, head: Head | None, stream: str) -> bool:
        if head is None or commit_id in head.commits:
            return head is not None
        if head.version <= len(head.commits):
            return False
        if living(head) is not None:
            async for part in self.parts(session_id, Terms(), stream=stream):
                if any(record.commit == commit_id for record in part):
                    return True
        raise _untold(session_id, commit_id, "too many commits followed for its history to tell")


class _Cell:
    """A head, as the commit protocol sees it."""

    def __init__(self, streams: Streams, keys: StreamKeys, guess: Known[Head] | None = None) -> None:
        self._streams = streams
        self._keys = keys
        self._last = guess
        self.key = keys.head
        self.session_id = keys.session_id

    async def read(self) -> Known[Head]:
        self._last = await self._streams.read_head(self._keys, guess=self._last)
        return self._last


class _Creation:
    """A change to a transcript, which may make a session of nothing, or of a deleted one.

    Before it does, what is left of the deleted one goes, and the index is told.
    """

    def __init__(self, streams: Streams, place: Workplace, listener: Listener | None, change: StreamChange) -> None:
        self.commit_id = change.commit_id
        self._streams = streams
        self._place = place
        self._listener = listener
        self._change = change

    async def propose(self, base: Known[Head]) -> Proposal[Head] | None:
        proposal = await self._change.propose(base)
        if proposal is not None and living(base.state) is None:
            if base.state is not None:
                await finish(self._streams, self._place, base.state.deleted_with)
            if self._listener is not None:
                await self._listener.announce(self._place.keys.session_id, proposal.state)
        return proposal


class _Segments:
    """The sealed segments of one stream, as a draft sees them."""

    def __init__(self, streams: Streams, keys: StreamKeys) -> None:
        self._streams = streams
        self._keys = keys

    async def lines(self, segment: Segment) -> bytes:
        return await self._streams.segment_lines(self._keys, segment)

    async def keys(self, segment: Segment) -> frozenset[str]:
        return await self._streams.segment_keys(self._keys, segment)


def _checked(session_id: str, head: Head | None, terms: Terms) -> Head:
    terms.check(session_id, head)
    live = living(head)
    if live is None:
        raise SessionNotFound(f"session {session_id!r}: not found")
    return live


def _committed(session_id: str, change: StreamChange, landed: Landed[Head]) -> Committed:
    head = landed.known.state if landed.proposal is None else landed.proposal.state
    if head is None:
        raise AssertionError("a commit without a proposal leaves the head that it found")
    outcome = change.outcome(landed)
    return Committed(
        head.info(session_id),
        None if landed.proposal is None else change.commit_id,
        outcome.appended,
        tuple(outcome.removed),
        outcome.cleared,
    )


def _segments_from(head: Head, first: int) -> list[Segment]:
    """Return the segments that hold records from the number `first` on."""
    return [segment for segment in head.segments if segment.first + segment.count > first]


def _record_at(key: str, lines: bytes, place: int, seq: int) -> Record:
    """Read the line at a place. Raises `CorruptObject`, naming the object's `key`, also where there are fewer lines."""
    found = split_lines(lines)[place : place + 1]
    return decode_records(key, seq, 1, b"".join(line + b"\n" for line in found))[0]


def _tail_from(keys: StreamKeys, head: Head, first: int) -> list[RecordFields]:
    """Read the open tail from the record numbered `first` on, and no more of it than that."""
    skipped = min(max(0, first - head.sealed), head.tail_count)
    lines = head.tail
    if skipped:
        lines = b"".join(line + b"\n" for line in split_lines(lines)[skipped:])
    return decode_lines(keys.head, head.sealed + skipped, head.tail_count - skipped, lines)


def _refuse_gap(keys: StreamKeys, gone: NoSuchKey, before: Head | None, now: Head) -> None:
    """Raise `CorruptObject` if a segment is missing from a head that has not changed since it was missed first."""
    if before is not None and before.commits == now.commits:
        raise CorruptObject(f"{keys.head}: names {gone.key}, which is missing") from None


def _untold(session_id: str, commit_id: str, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"session {session_id!r}: commit {commit_id}: {why}", session_id=session_id, commit_id=commit_id
    )


def _replaced(session_id: str) -> Conflict:
    return Conflict(f"session {session_id!r}: was replaced while it was being read; read it again")
