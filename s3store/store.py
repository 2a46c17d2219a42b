"""The asyncio face: `AsyncSessionStore`, and `AsyncSession`, a handle on one session.

It offers what the blocking face offers, over the same core. A store belongs to the event loop that it is first used on.
A call that is cancelled leaves a session as it was or as it was to be, never in between.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from .archive import Archive
from .caching import local_of, search_folder
from .index.policy import IndexPolicy
from .keys import RUNS, TRACES, VERIFICATION
from .locations import open_async
from .longterm.asynchronous import AsyncRetention
from .longterm.order import Order
from .objects.shelf import ThreadedShelf
from .runtime import AsyncioRuntime, each_of
from .session import SessionCore
from .siblings.asynchronous import AsyncArtifacts, AsyncEvents, AsyncTraces
from .siblings.bundle import Pieces
from .siblings.inbox.asynchronous import AsyncInbox
from .siblings.model import ArtifactLimits
from .streams.commit import CommitPolicy

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Iterable

    from .caching import CacheChoice
    from .changes import Change
    from .index.heads import Done
    from .index.reports import Compacted, IndexStatus, Rebuilt, Verified
    from .index.service import IndexCore
    from .longterm.copying.reports import Copied, CopiedSession
    from .longterm.exports.export import Exported
    from .longterm.maintenance import Maintained
    from .longterm.packs.prices import RestorePrices
    from .longterm.packs.reports import Packed, Unpacked
    from .longterm.packs.restore import Restoring
    from .longterm.receipts import Receipt
    from .longterm.reports import CleanedUp, CleanUpProgress, ErasedVersions, Remains
    from .model import Committed, Filters, Hold, ListOrder, Record, SessionInfo, SessionPage, SessionSummary, Transcript
    from .objects.base import ObjectStore
    from .objects.capability import Capability
    from .objects.s3_options import S3Options
    from .objects.tiers import Tier
    from .search.results import Found
    from .siblings.model import Artifact, Bundle, NewArtifact
    from .warming import Warmed


class AsyncSessionStore:
    """An archive of sessions.

    `location` is `s3://bucket/prefix`, `file:///path` (a directory, made if it is missing), `memory://` (gone with
    this object), or an `ObjectStore` of your own. `s3` says how to reach S3: endpoint, credentials, encryption,
    storage class. `policy` bounds how long a commit is tried, and `index` says how listings are kept up to date.
    `cache` says what is kept on this machine: a directory, a size in bytes, a `CachePolicy` (which also says how fresh
    what is read must be, and may do without the store), a `Cache`, or False for nothing. None is a `CachePolicy()` for
    S3, and nothing elsewhere. Nothing is sent before the first call.

    The first write to an archive looks whether its store keeps the promises that shared writing needs, and records
    that in `archive.json`; `StoreNotCapable` if not.

    Every method may raise `StoreUnavailable`, `AccessDenied`, `BucketNotFound`, `CorruptObject`, `UnsupportedFormat`
    and `InvalidSessionId`; every one that writes also `OutcomeUnknown`, `Conflict`, `StoreNotCapable`. A session id is
    any text at all.

    ::

        async with AsyncSessionStore("s3://my-bucket/agents") as store:
            await store.append("support/42", {"role": "user", "content": "Hello"})
            messages = (await store.load("support/42")).messages
    """

    def __init__(
        self,
        location: str | ObjectStore,
        *,
        s3: S3Options | None = None,
        policy: CommitPolicy = CommitPolicy(),  # noqa: B008 - it is immutable
        index: IndexPolicy = IndexPolicy(),  # noqa: B008 - it is immutable
        cache: CacheChoice = None,
    ) -> None:
        opened, runtime = open_async(location, s3), AsyncioRuntime()
        local = local_of(opened, cache, runtime, ThreadedShelf)
        self._archive = Archive(
            opened, runtime, policy, index, local=local, search_folder=partial(search_folder, opened, cache)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections and threads. A closed store is not used again."""
        await self._archive.close()

    @property
    def index(self) -> AsyncSessionIndex:
        """The upkeep of the index: status, compaction, verification."""
        return AsyncSessionIndex(self._archive.index)

    def session(self, session_id: str) -> AsyncSession:
        """Return a handle on a session, which may not exist yet. Nothing is sent."""
        return AsyncSession(SessionCore(self._archive, session_id, bound=True))

    async def create(
        self,
        session_id: str,
        messages: Iterable[object] = (),
        *,
        keys: Iterable[str | None] | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """Create a session, with messages and metadata if you like. Raises `SessionExists` if there is one.

        `keys` are idempotency keys, one for each message or None. `metadata` takes the fields of `Metadata` by name.
        Raises `InvalidRecord`, `TooLarge` and `InvalidOption` for what cannot be stored, before anything is sent.
        """
        return await self._one(session_id).create(messages, keys, metadata)

    async def save(
        self,
        session_id: str,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """Make `messages` the whole transcript, whatever was there; the last writer wins.

        Creates the session if there is none, and keeps its `created_at` if there is one. Records at the start that
        have not changed keep their time and key, and those in sealed segments are not sent again. `metadata` changes
        the fields that it names. With `expected_version` only that version is replaced (0: only no session), else
        `Conflict`. Raises as `create`.
        """
        return await self._one(session_id).save(messages, keys, expected_version, metadata)

    async def append(
        self,
        session_id: str,
        message: object,
        *,
        key: str | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """Add one message at the end, creating the session if there is none.

        `key` is an idempotency key: a repeat, by whomever and whenever, is stored once. With `must_exist` a missing
        session is `SessionNotFound`; with `expected_version` another version is `Conflict`. Without it, an append
        builds on whatever others have written meanwhile. Raises `InvalidRecord` or `TooLarge` for a message that
        cannot be stored.
        """
        return await self._one(session_id).append(
            message, key, must_exist=must_exist, expected_version=expected_version
        )

    async def extend(
        self,
        session_id: str,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """Add messages at the end, in order, all in one commit. As `append`; `keys` has one for each, or None."""
        return await self._one(session_id).extend(
            messages, keys, must_exist=must_exist, expected_version=expected_version
        )

    async def replace_last(self, session_id: str, message: object) -> bool:
        """Put a message in the place of the last record, which keeps its time and key.

        Returns whether there was one. Raises `SessionNotFound` if there is no session.
        """
        return await self._one(session_id).replace_last(message)

    async def remove_last(self, session_id: str) -> Record | None:
        """Take the last record away and return it; None if there is none. Raises `SessionNotFound`."""
        return await self._one(session_id).remove_last()

    async def clear(self, session_id: str) -> int:
        """Take all records away and return how many; metadata stays. Raises `SessionNotFound`."""
        return await self._one(session_id).clear()

    async def update(
        self,
        session_id: str,
        *,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """Change fields of the metadata, by the names of `Metadata`; None takes a field away.

        Raises `SessionNotFound`, `InvalidOption` for a wrong field, and `Conflict` as `append`.
        """
        return await self._one(session_id).update(expected_version, metadata)

    async def commit(
        self, session_id: str, *changes: Change, must_exist: bool = False, expected_version: int | None = None
    ) -> Committed:
        """Make several changes in one commit: all or none. The changes stand in `s3store.changes`."""
        return await self._one(session_id).commit(changes, must_exist=must_exist, expected_version=expected_version)

    async def delete(self, session_id: str) -> bool:
        """Delete a session and all that is kept beside it; return whether there was one.

        An unknown id is no error; what was kept beside it goes all the same. A delete that was interrupted is finished
        by the next, or by `cleanup`. What stays is a tombstone for each stream: the id, times, a version and the ids of
        commits. Raises `SessionHeld`, and deletes nothing, while a hold keeps it; and `OutcomeUnknown` also where the
        session is gone and something kept beside it could not go.
        """
        return await self._one(session_id).delete()

    async def hold(self, session_id: str, reason: str, *, who: str | None = None) -> Hold:
        """Keep a session from being deleted, by whatever path, until the hold is released; return the hold.

        It binds deletes, the rules of retention and erasure alike: they see it in the very swap that would delete. It
        does not freeze the session, to which may be written as ever. A session has as many holds as reasons (64 at
        most); the same `reason` by the same `who` counts once. Both are text of 1 to 1,000 characters. Raises
        `SessionNotFound` for an unknown or deleted id, `InvalidOption` for a wrong text, `TooLarge` for too many holds.
        """
        return await self._one(session_id).hold(reason, who)

    async def release(self, session_id: str, hold_id: str | None = None) -> int:
        """Take a hold off a session, by its id, or (None) all of them; return how many were taken off.

        Raises `SessionNotFound`.
        """
        return await self._one(session_id).release(hold_id)

    def holds(self, *, scan: bool = False) -> AsyncIterator[SessionInfo]:
        """Iterate over the sessions that are held; `SessionInfo.holds` says why, by whom and since when.

        Reads the index, and the head of each session that is held by it. As any listing it may lag where a writer died
        just after he had held one, until maintenance compares them; what is held is kept all the same. With `scan` it
        reads the head of every session, for the heads alone are the truth: one request a session.
        """
        return self._archive.held(scan=scan)

    async def remains(self, session_id: str) -> Remains:
        """List all that is stored of a session: after a delete, nothing but tombstones, and what a bucket keeps.

        On a bucket with versioning that is every earlier version of every object. Raises `AccessDenied` without the
        rights to list versions and uploads: nothing is proved then.
        """
        return await self._one(session_id).remains()

    async def erase_versions(self, session_id: str) -> ErasedVersions:
        """Remove the earlier versions that a bucket with versioning keeps of a session's objects, for good.

        Also those of a session that lives: its current objects stay. What rights, holds or retention periods forbid
        to remove is kept, and said. Elsewhere there are none. Raises `SessionHeld`
        while a hold keeps the session.
        """
        return await self._one(session_id).erase_versions()

    async def exists(self, session_id: str) -> bool:
        """Tell whether there is a session of that id. An outage raises; it is never False."""
        return await self._one(session_id).exists()

    async def info(self, session_id: str) -> SessionInfo:
        """Return a session's metadata, times, version and counts. Raises `SessionNotFound`."""
        return await self._one(session_id).info()

    async def load(self, session_id: str) -> Transcript:
        """Read a whole session, as it is at one moment. Raises `SessionNotFound`."""
        return await self._one(session_id).load()

    async def last(self, session_id: str, number: int) -> builtins.list[Record]:
        """Read the last `number` records (0 or more), oldest first, and not much else. Raises `SessionNotFound`."""
        return await self._one(session_id).last(number)

    def records(self, session_id: str, *, start: int = 0) -> AsyncIterator[Record]:
        """Iterate over a transcript, from the record numbered `start` on, without holding it.

        Some 32 MiB of JSON are held at a time. Raises `SessionNotFound` at once, `Conflict` if the transcript is
        replaced under the reader.
        """
        return each_of(self._one(session_id).parts(start))

    def artifacts(self, session_id: str, limits: ArtifactLimits = ArtifactLimits()) -> AsyncArtifacts:  # noqa: B008
        """Return the artifacts of a session; `limits` hold when something is put. Nothing is sent."""
        return AsyncArtifacts(self._one(session_id).artifacts(limits))

    def traces(self, session_id: str) -> AsyncTraces:
        """Return the traces of a session. Nothing is sent."""
        return AsyncTraces(self._one(session_id).events(TRACES))

    def runs(self, session_id: str) -> AsyncEvents:
        """Return the run records of a session. Nothing is sent."""
        return AsyncEvents(self._one(session_id).events(RUNS))

    def verification(self, session_id: str) -> AsyncEvents:
        """Return the verification reports of a session. Nothing is sent."""
        return AsyncEvents(self._one(session_id).events(VERIFICATION))

    def inbox(self, session_id: str) -> AsyncInbox:
        """Return the inbox of a session: messages sent to it, for whoever runs it. Nothing is sent."""
        return AsyncInbox(self._one(session_id).inbox())

    async def save_all(
        self,
        session_id: str,
        transcript: Iterable[object] | None = None,
        *,
        artifacts: Iterable[NewArtifact | Artifact] | None = None,
        traces: Iterable[object] | None = None,
        runs: Iterable[object] | None = None,
        verification: Iterable[object] | None = None,
        **metadata: Any,
    ) -> SessionInfo | None:
        """Save a session with what stands beside it, side by side; each list is the whole of its piece.

        None leaves a piece as it is; a sibling that has not changed is not sent again. A mark is left by which
        `load_all` sees whether the pieces belong together. They are not saved in one step: after an error some may be
        as they were, and saving again is safe. Without a `transcript` no session is created, and None is returned
        where there is none. Raises as `save` and as `AsyncArtifacts.save`.
        """
        pieces = Pieces(transcript, artifacts, traces, runs, verification)
        return await self._one(session_id).save_all(pieces, metadata)

    async def load_all(self, session_id: str) -> Bundle:
        """Load a session with all that stands beside it, side by side, and say what does not belong together.

        What was never saved is None; so is the transcript where there is no session. The contents of all artifacts
        are held: where they are large, load the pieces one by one.
        """
        return await self._one(session_id).load_all()

    async def resolve(self, session_id: str, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown`: tell whether that commit has landed. If not, it never will after this.

        Raises `OutcomeUnknown` once more where so much was written since that nothing tells.
        """
        return await self._one(session_id).resolve(commit_id)

    def list(
        self,
        *,
        order: ListOrder = "newest",
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> AsyncIterator[SessionSummary]:
        """Iterate over sessions, the one that changed last first, or the one that has been idle for longest.

        At most `limit`, after the first `offset`, from the place on where a `cursor` of `page` stands; `filters` are
        those of `Filters`. Every session that was acknowledged before is there, once. One that changes while the
        listing is under way may come out of order. Raises `InvalidOption` for wrong arguments.
        """
        return self._archive.index.listings.sessions(filters, order, limit, offset, cursor)

    async def page(
        self,
        *,
        limit: int = 50,
        order: ListOrder = "newest",
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> SessionPage:
        """Return a part of the list, of at most `limit` (1 or more) sessions, and the cursor for the next part.

        Parts put together are the list: a session that does not change between is there just once. One that does goes
        to the newest end. A cursor is valid in any process and for ever; `order` must be the same, and so should the
        filters. Raises as `list`.
        """
        return await self._archive.index.listings.page(filters, order, limit, offset, cursor)

    async def count(self, **filters: Unpack[Filters]) -> int:
        """Return how many sessions there are for which the filters hold. Raises as `list`."""
        return await self._archive.index.listings.count(filters)

    async def running(self, **filters: Unpack[Filters]) -> builtins.list[SessionSummary]:
        """Return the sessions in the state `running`, the one whose turn began last first.

        `filters` are those of `Filters` but for the state. Raises as `list`.
        """
        return await self._archive.index.listings.running(filters)

    async def stuck(self, seconds: float, **filters: Unpack[Filters]) -> builtins.list[SessionSummary]:
        """Return the running sessions whose turn began more than `seconds` (0 or more) ago, the longest first.

        A session whose turn has no `started_at` is never among them. `filters` as for `running`.
        """
        return await self._archive.index.listings.stuck(seconds, filters)

    async def search(self, query: str, *, limit: int = 50, **filters: Unpack[Filters]) -> Found:
        """Return the sessions that have all the words of `query`, in their messages, their name or their id.

        The best come first, at most `limit` (0 or more) of them, and only those for which the `filters` hold, as in
        `list`. `"in quotes"` is a phrase, `begin*` the start of a word; capitals and accents do not matter. The words
        may stand in several messages of a session; each comes with the message that fits best, and the part of it.

        What is searched is kept in a file on this machine, beside the cache, and brought up to date first: of sessions
        that changed, what is new is read. Raises `InvalidOption` if there is no word to look for, or for wrong filters;
        `StoreUnavailable` also where the file cannot be used.
        """
        return await self._archive.search.search(query, limit, filters)

    def scan(self) -> AsyncIterator[SessionInfo]:
        """Iterate over all sessions, in no useful order, by reading the head of each: one request a session."""
        return self._archive.scan()

    async def warm(
        self,
        *,
        limit: int | None = None,
        progress: Callable[[Warmed], None] | None = None,
        **filters: Unpack[Filters],
    ) -> Warmed:
        """Bring sessions to this machine's cache, with the list that they stand in; return how many are there now.

        The `limit` (None: all) that changed last, of those for which the `filters` hold. What is there already is not
        sent again; a session that is changed or deleted meanwhile is left out. `progress` is told now and then how far
        it has come. Raises `InvalidOption` if there is no cache, or for wrong arguments.
        """
        return await self._archive.warm(filters, limit, progress)

    async def export(
        self,
        folder: str | Path,
        *,
        form: str = "parquet",
        partitions: str = "00-ff",
        progress: Callable[[Exported], None] | None = None,
        **filters: Unpack[Filters],
    ) -> Exported:
        """Export sessions for which the `filters` hold to a folder on this machine, in a form that other tools read.

        `form` is `parquet` (the rows of packs; needs the extra `longterm`), `jsonl.zst` (records as lines), `chat`
        (conversations for training) or `csv` (what listings show). The folder is made if it is missing. There is one
        file for each of 256 `partitions`: a range of them, `00-7f` say, leaves the others to other processes, whose
        result in the same folder is the same. Done again, an export that was stopped goes on: partitions that are done
        stay as they are. Each session is exported at one exact version, which the manifest names. The ids are held,
        and some 8 MiB of compressed sessions or one that is larger. Sessions whose packs must be restored first are
        left out, the report counts them as `missing` and names the packs, and done again after that it adds them.
        `progress` is told after each partition. Files are written by the calling thread. Raises `InvalidOption` for
        wrong arguments, for a folder that holds something else or an export with other filters, and where pyarrow is
        missing; `OSError` where a file cannot be written.
        """
        return await self._archive.export(Path(folder), form, partitions, progress, filters)

    async def copy_to(
        self,
        target: AsyncSessionStore,
        *,
        replace: bool = False,
        progress: Callable[[CopiedSession], None] | None = None,
        **filters: Unpack[Filters],
    ) -> Copied:
        """Copy sessions for which the `filters` hold to another archive, or what is new of them since the last time.

        They come with their traces, runs, verification reports and artifacts, what is said of them and their times;
        records keep their numbers, times, commits and keys. What a session has in the target is followed wherever it
        went here, as long as it is what came from here. One that was changed there as well is refused, as is one that
        came from elsewhere, unless it is an earlier part of the one here; with `replace` they become what they are
        here. What was deleted there is copied anew; inboxes and sessions without a transcript are not copied.
        Stopped at any moment and done again, a copy goes on; both archives may be used meanwhile. It goes through this
        process, some 8 MiB of compressed sessions at a time or one that is larger; large artifacts in parts. Costs some
        six reads for a session that has not changed. `progress` is told of each session.

        A session that is refused, or that could not be read or written, is told in the report and does not keep others
        from being copied. Raises `InvalidOption` for wrong arguments, and what opening the target for writing does.
        """
        return await self._archive.copy_to(target._archive, progress, filters, replace=replace)

    async def cleanup(
        self,
        *,
        older_than: float = 86_400.0,
        dry_run: bool = False,
        progress: Callable[[CleanUpProgress], None] | None = None,
    ) -> CleanedUp:
        """Remove what no session needs: what crashed writers and deletes that died half-way have left behind.

        These are segments and bodies of artifacts that no head names, unfinished uploads, and siblings of deleted
        sessions. Readers and writers may go on meanwhile, and nothing that a session names is ever removed, however
        long its writer was away. `older_than` (seconds by the store's clock, from 0 to a hundred years) spares work in
        progress from having to be sent again. With `dry_run` nothing is removed, and the report says what would be; it
        may be more than a run removes, for others go on. Costs a listing, and one read for each session that has
        sealed segments, artifacts or other siblings. Raises `InvalidOption` for a wrong age.
        """
        return await self._archive.clean_up(older_than, progress, dry_run=dry_run)

    async def flush(self) -> None:
        """Publish to the index what `IndexPolicy(publish_every=…)` holds back: before a function is frozen, say."""
        await self._archive.index.publisher.flush()

    @property
    def retention(self) -> AsyncRetention:
        """The rules by which sessions are deleted."""
        return AsyncRetention(self._archive)

    async def maintain(
        self,
        *,
        seconds: float | None = None,
        requests: int | None = None,
        older_than: float = 86_400.0,
        wait: float = 86_400.0,
        dry_run: bool = False,
    ) -> Maintained:
        """Do all the upkeep that is due in one pass: compaction, the rules of retention, clean-up, index check.

        It may be broken off, repeated, and run beside others and beside itself. It stops once `seconds` or `requests`
        (None: no bound) are used up, some moments and requests later at the most but for the merging and the check of
        the index and the settling of packs, which are done whole; the next pass goes on from there. `older_than` is
        that of `cleanup`; what a rule deletes stands in a plan for `wait` seconds before. Both are from 0 to a hundred
        years, by the store's clock. With `dry_run` nothing is changed. Raises `AccessDenied` before anything is changed
        if rights are missing, `InvalidOption` for what is out of bounds.
        """
        order = Order(seconds, requests, older_than, wait, dry_run)
        return await self._archive.maintain(order)

    async def erase(self, *, dry_run: bool = False, **filters: Unpack[Filters]) -> Receipt:
        """Erase every session for which the `filters` hold, from everywhere; return the receipt.

        Each is deleted with all that is kept beside it and the earlier versions that a bucket keeps; the index is
        merged, so that no page holds what was said of them, packs that hold their records are written anew without,
        plans of retention that name them go, and so does all that this machine keeps of the archive. Then it is looked
        whether anything is left. Held sessions stay, and the receipt names them. With `dry_run` nothing is changed.
        What fails stands in the receipt, and erasing again goes on; what an erasure that died had deleted is erased to
        the end by the next one, whatever its filters. Raises, before anything is changed, `InvalidOption`
        without a filter, `AccessDenied` where a right is missing without which nothing can be deleted or proved, and
        what listing raises.
        """
        return await self._archive.erase(filters, dry_run=dry_run)

    async def pack(
        self,
        *,
        idle: float = 2_592_000.0,
        target_size: int | None = None,
        storage_class: str = "STANDARD",
        partitions: str = "00-ff",
        dry_run: bool = False,
        progress: Callable[[Packed], None] | None = None,
        **filters: Unpack[Filters],
    ) -> Packed:
        """Put idle sessions, many together, into Parquet files, and return what was done.

        Those that have not changed for `idle` seconds by the store's clock (0 to a hundred years; 30 days) and for
        which the `filters` hold, which are those of `Filters` but for the place. A pack takes about `target_size` bytes
        (1 MiB to 4 GiB; None: 256 MiB), is read back before any session names it, and is readable by any Parquet
        reader. The sessions stay hot as well until a `cleanup` has compared both; they list, load and search as before,
        and an append goes on without reading the pack. What stands beside a transcript stays where it is. With
        `dry_run` nothing is done, and the report says what would be packed. `progress` is told after each pack.

        `storage_class` is S3's name of the class that packs are for: `STANDARD`, `STANDARD_IA`, `ONEZONE_IA`,
        `INTELLIGENT_TIERING` and `GLACIER_IR`, from which they read at once, `GLACIER` or `DEEP_ARCHIVE`, from which
        they must be restored first (`RestoreRequired`, `restore`). That clean-up moves them there. The class is tried
        before anything is packed: `InvalidOption` for one that there is not, or that the store does not know,
        `StoreNotCapable` where it has but one.

        Only sessions of some of the 256 `partitions` of an export are packed, `00-7f` say, so that several processes
        share the work: each makes packs of its own.

        Others may write meanwhile; who resumes a session keeps it hot. Needs the extra `s3store[longterm]`. Raises
        `InvalidOption` for wrong arguments or without the extra, and `StoreUnavailable` or `Conflict` where a pack
        could not be written: what was packed before stays so, and packing again goes on.
        """
        return await self._archive.pack(
            idle, target_size, storage_class, partitions, progress, filters, dry_run=dry_run
        )

    async def restore(
        self,
        session_ids: Iterable[str] | None = None,
        *,
        days: int = 7,
        tier: Tier = "bulk",
        prices: RestorePrices | None = None,
        dry_run: bool = False,
        follow: Callable[[Restoring], None] | None = None,
        pause: float = 60.0,
        **filters: Unpack[Filters],
    ) -> Restoring:
        """Ask for readable copies of the packs that sessions stand in, and return how far that is and what it costs.

        For the sessions of these ids, or for which the `filters` hold; one request for each pack, however many of them
        it holds. A copy stays for `days` (1 to 36,500) from when it is there. `tier` is `bulk`, `standard`, or, where
        the class has it, `expedited`: dearer and sooner. The report's `cost` is reckoned by `prices`; None: a dated
        table of estimates. With `dry_run` nothing is asked for. What reads at once, or is on its way, is asked for by
        nobody, so calling again tells how far it is. With `follow` the call returns when all can be read: it looks
        every `pause` seconds (0.01 to a day), and calls `follow` after each look; what that raises, this raises.

        Raises, before anything is asked for, `InvalidOption` for wrong arguments or a tier that a class lacks,
        `SessionNotFound`, and `AccessDenied` without the right `s3:RestoreObject`; later `StoreUnavailable`: calling
        again goes on.
        """
        return await self._archive.restore(session_ids, days, tier, prices, follow, pause, filters, dry_run=dry_run)

    async def unpack(self, session_id: str) -> bool:
        """Give a packed session objects of its own again; return whether it was packed.

        Its records keep their bytes, times and keys. The pack stays for the others in it.
        """
        return await self._one(session_id).unpack()

    async def unpack_all(
        self, *, idle: float | None = None, dry_run: bool = False, **filters: Unpack[Filters]
    ) -> Unpacked:
        """Give every packed session for which the `filters` hold objects of its own again; return what was done.

        At least one filter is needed, or `idle`: only those that have not changed for so many seconds, by the store's
        clock. With `dry_run` nothing is changed, and the report says what would be. A session whose pack must be
        restored first is left, and named among the failures; so is what else fails, and does not keep the rest. Some 16
        sessions and 8 MiB of them, or one that is larger, are held at a time. The packs stay for the others in them.
        Raises `InvalidOption` for wrong arguments, before anything is changed, and what listing raises.
        """
        return await self._archive.unpack(idle, filters, dry_run=dry_run)

    async def check(self) -> Capability:
        """Try, and race, the store's conditional writes, and say what it can do and which rights are missing."""
        return await self._archive.check()

    def _one(self, session_id: str) -> SessionCore:
        return SessionCore(self._archive, session_id, bound=False)


class AsyncSessionIndex:
    """The upkeep of an archive's index: `AsyncSessionStore.index`.

    Listings need none of this as long as clients compact in passing, which they do unless `IndexPolicy` says otherwise.
    The sessions themselves are never touched.
    """

    def __init__(self, core: IndexCore) -> None:
        self._core = core

    async def status(self) -> IndexStatus:
        """Return how large the index is, and what is to be merged. Raises `CorruptObject` if it is damaged."""
        return await self._core.status()

    async def compact(self, *, everything: bool = False) -> Compacted | None:
        """Merge the log into pages, and with `everything` all pages into one run; delete what crashed clients left.

        Returns None if there was nothing to merge. Raises `Conflict` where another client was faster,
        `OutcomeUnknown` where nothing tells whether the new pages count (calling again is safe), `CorruptObject` for
        a damaged index.
        """
        return await self._core.compact(everything=everything)

    async def verify(self, *, fix: bool = False, progress: Callable[[Done], None] | None = None) -> Verified:
        """Compare the index with every session, and say each difference; with `fix`, mend what was found.

        `progress` is told how far it has come, from 0 to 256 prefixes.
        """
        return await self._core.verify(progress, fix=fix)

    async def rebuild(self, *, progress: Callable[[Done], None] | None = None) -> Rebuilt:
        """Make the index anew from the sessions, whatever has become of it; readers and writers may go on meanwhile.

        Raises `UnsupportedFormat` for an index that a later version made, and `Conflict` where another rebuild began
        meanwhile: then that one makes it.
        """
        return await self._core.rebuild(progress)


class AsyncSession:
    """A handle on one session of an `AsyncSessionStore`.

    It belongs to the session that it meets first: once that is deleted, every call raises `SessionDeleted`, also when
    somebody has created another session of the same id since. The methods are those of `AsyncSessionStore`, without the
    id.
    """

    def __init__(self, core: SessionCore) -> None:
        self._core = core

    @property
    def id(self) -> str:
        """The session's id."""
        return self._core.id

    async def create(
        self,
        messages: Iterable[object] = (),
        *,
        keys: Iterable[str | None] | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `AsyncSessionStore.create`."""
        return await self._core.create(messages, keys, metadata)

    async def save(
        self,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `AsyncSessionStore.save`."""
        return await self._core.save(messages, keys, expected_version, metadata)

    async def append(
        self,
        message: object,
        *,
        key: str | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """See `AsyncSessionStore.append`."""
        return await self._core.append(message, key, must_exist=must_exist, expected_version=expected_version)

    async def extend(
        self,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """See `AsyncSessionStore.extend`."""
        return await self._core.extend(messages, keys, must_exist=must_exist, expected_version=expected_version)

    async def replace_last(self, message: object) -> bool:
        """See `AsyncSessionStore.replace_last`."""
        return await self._core.replace_last(message)

    async def remove_last(self) -> Record | None:
        """See `AsyncSessionStore.remove_last`."""
        return await self._core.remove_last()

    async def clear(self) -> int:
        """See `AsyncSessionStore.clear`."""
        return await self._core.clear()

    async def update(
        self,
        *,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `AsyncSessionStore.update`."""
        return await self._core.update(expected_version, metadata)

    async def commit(
        self, *changes: Change, must_exist: bool = False, expected_version: int | None = None
    ) -> Committed:
        """See `AsyncSessionStore.commit`."""
        return await self._core.commit(changes, must_exist=must_exist, expected_version=expected_version)

    async def delete(self) -> bool:
        """See `AsyncSessionStore.delete`."""
        return await self._core.delete()

    async def hold(self, reason: str, *, who: str | None = None) -> Hold:
        """See `AsyncSessionStore.hold`."""
        return await self._core.hold(reason, who)

    async def release(self, hold_id: str | None = None) -> int:
        """See `AsyncSessionStore.release`."""
        return await self._core.release(hold_id)

    async def remains(self) -> Remains:
        """See `AsyncSessionStore.remains`."""
        return await self._core.remains()

    async def erase_versions(self) -> ErasedVersions:
        """See `AsyncSessionStore.erase_versions`."""
        return await self._core.erase_versions()

    async def unpack(self) -> bool:
        """See `SessionStore.unpack`."""
        return await self._core.unpack()

    async def exists(self) -> bool:
        """See `AsyncSessionStore.exists`."""
        return await self._core.exists()

    async def info(self) -> SessionInfo:
        """See `AsyncSessionStore.info`."""
        return await self._core.info()

    async def load(self) -> Transcript:
        """See `AsyncSessionStore.load`."""
        return await self._core.load()

    async def last(self, number: int) -> builtins.list[Record]:
        """See `AsyncSessionStore.last`."""
        return await self._core.last(number)

    def records(self, *, start: int = 0) -> AsyncIterator[Record]:
        """See `AsyncSessionStore.records`."""
        return each_of(self._core.parts(start))

    def artifacts(self, limits: ArtifactLimits = ArtifactLimits()) -> AsyncArtifacts:  # noqa: B008
        """See `AsyncSessionStore.artifacts`."""
        return AsyncArtifacts(self._core.artifacts(limits))

    def traces(self) -> AsyncTraces:
        """See `AsyncSessionStore.traces`."""
        return AsyncTraces(self._core.events(TRACES))

    def runs(self) -> AsyncEvents:
        """See `AsyncSessionStore.runs`."""
        return AsyncEvents(self._core.events(RUNS))

    def verification(self) -> AsyncEvents:
        """See `AsyncSessionStore.verification`."""
        return AsyncEvents(self._core.events(VERIFICATION))

    def inbox(self) -> AsyncInbox:
        """See `AsyncSessionStore.inbox`."""
        return AsyncInbox(self._core.inbox())

    async def save_all(
        self,
        transcript: Iterable[object] | None = None,
        *,
        artifacts: Iterable[NewArtifact | Artifact] | None = None,
        traces: Iterable[object] | None = None,
        runs: Iterable[object] | None = None,
        verification: Iterable[object] | None = None,
        **metadata: Any,
    ) -> SessionInfo | None:
        """See `AsyncSessionStore.save_all`."""
        pieces = Pieces(transcript, artifacts, traces, runs, verification)
        return await self._core.save_all(pieces, metadata)

    async def load_all(self) -> Bundle:
        """See `AsyncSessionStore.load_all`."""
        return await self._core.load_all()

    async def resolve(self, commit_id: str) -> bool:
        """See `AsyncSessionStore.resolve`."""
        return await self._core.resolve(commit_id)
