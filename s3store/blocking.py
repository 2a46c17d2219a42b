"""The blocking face: `SessionStore`, and `Session`, a handle on one session.

Each method runs the same core as the asyncio face, by hand, in the calling thread (see `s3store.runtime`). A store may
be shared between threads.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from .archive import Archive
from .caching import local_of, search_folder
from .index.policy import IndexPolicy
from .keys import RUNS, TRACES, VERIFICATION
from .locations import open_blocking
from .longterm.blocking import Retention
from .longterm.order import Order
from .objects.shelf import Shelf
from .runtime import BlockingRuntime, iterate, iterate_parts, run
from .session import SessionCore
from .siblings.blocking import Artifacts, Events, Traces
from .siblings.bundle import Pieces
from .siblings.inbox.blocking import Inbox
from .siblings.model import ArtifactLimits
from .streams.commit import CommitPolicy

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable, Iterator

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


class SessionStore:
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

        with SessionStore("s3://my-bucket/agents") as store:
            store.append("support/42", {"role": "user", "content": "Hello"})
            messages = store.load("support/42").messages
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
        opened, runtime = open_blocking(location, s3), BlockingRuntime()
        local = local_of(opened, cache, runtime, Shelf)
        self._archive = Archive(
            opened, runtime, policy, index, local=local, search_folder=partial(search_folder, opened, cache)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and threads. A closed store is not used again."""
        run(self._archive.close())

    @property
    def index(self) -> SessionIndex:
        """The upkeep of the index: status, compaction, verification."""
        return SessionIndex(self._archive.index)

    def session(self, session_id: str) -> Session:
        """Return a handle on a session, which may not exist yet. Nothing is sent."""
        return Session(SessionCore(self._archive, session_id, bound=True))

    def create(
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
        return run(self._one(session_id).create(messages, keys, metadata))

    def save(
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
        return run(self._one(session_id).save(messages, keys, expected_version, metadata))

    def append(
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
        return run(self._one(session_id).append(message, key, must_exist=must_exist, expected_version=expected_version))

    def extend(
        self,
        session_id: str,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """Add messages at the end, in order, all in one commit. As `append`; `keys` has one for each, or None."""
        return run(
            self._one(session_id).extend(messages, keys, must_exist=must_exist, expected_version=expected_version)
        )

    def replace_last(self, session_id: str, message: object) -> bool:
        """Put a message in the place of the last record, which keeps its time and key.

        Returns whether there was one. Raises `SessionNotFound` if there is no session.
        """
        return run(self._one(session_id).replace_last(message))

    def remove_last(self, session_id: str) -> Record | None:
        """Take the last record away and return it; None if there is none. Raises `SessionNotFound`."""
        return run(self._one(session_id).remove_last())

    def clear(self, session_id: str) -> int:
        """Take all records away and return how many; metadata stays. Raises `SessionNotFound`."""
        return run(self._one(session_id).clear())

    def update(
        self,
        session_id: str,
        *,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """Change fields of the metadata, by the names of `Metadata`; None takes a field away.

        Raises `SessionNotFound`, `InvalidOption` for a wrong field, and `Conflict` as `append`.
        """
        return run(self._one(session_id).update(expected_version, metadata))

    def commit(
        self, session_id: str, *changes: Change, must_exist: bool = False, expected_version: int | None = None
    ) -> Committed:
        """Make several changes in one commit: all or none. The changes stand in `s3store.changes`."""
        return run(self._one(session_id).commit(changes, must_exist=must_exist, expected_version=expected_version))

    def delete(self, session_id: str) -> bool:
        """Delete a session and all that is kept beside it; return whether there was one.

        An unknown id is no error; what was kept beside it goes all the same. A delete that was interrupted is finished
        by the next, or by `cleanup`. What stays is a tombstone for each stream: the id, times, a version and the ids of
        commits. Raises `SessionHeld`, and deletes nothing, while a hold keeps it; and `OutcomeUnknown` also where the
        session is gone and something kept beside it could not go.
        """
        return run(self._one(session_id).delete())

    def hold(self, session_id: str, reason: str, *, who: str | None = None) -> Hold:
        """Keep a session from being deleted, by whatever path, until the hold is released; return the hold.

        It binds deletes, the rules of retention and erasure alike: they see it in the very swap that would delete. It
        does not freeze the session, to which may be written as ever. A session has as many holds as reasons (64 at
        most); the same `reason` by the same `who` counts once. Both are text of 1 to 1,000 characters. Raises
        `SessionNotFound` for an unknown or deleted id, `InvalidOption` for a wrong text, `TooLarge` for too many holds.
        """
        return run(self._one(session_id).hold(reason, who))

    def release(self, session_id: str, hold_id: str | None = None) -> int:
        """Take a hold off a session, by its id, or (None) all of them; return how many were taken off.

        Raises `SessionNotFound`.
        """
        return run(self._one(session_id).release(hold_id))

    def holds(self, *, scan: bool = False) -> Iterator[SessionInfo]:
        """Iterate over the sessions that are held; `SessionInfo.holds` says why, by whom and since when.

        Reads the index, and the head of each session that is held by it. As any listing it may lag where a writer died
        just after he had held one, until maintenance compares them; what is held is kept all the same. With `scan` it
        reads the head of every session, for the heads alone are the truth: one request a session.
        """
        return iterate(self._archive.held(scan=scan))

    def remains(self, session_id: str) -> Remains:
        """List all that is stored of a session: after a delete, nothing but tombstones, and what a bucket keeps.

        On a bucket with versioning that is every earlier version of every object. Raises `AccessDenied` without the
        rights to list versions and uploads: nothing is proved then.
        """
        return run(self._one(session_id).remains())

    def erase_versions(self, session_id: str) -> ErasedVersions:
        """Remove the earlier versions that a bucket with versioning keeps of a session's objects, for good.

        Also those of a session that lives: its current objects stay. What rights, holds or retention periods forbid
        to remove is kept, and said. Elsewhere there are none. Raises `SessionHeld`
        while a hold keeps the session.
        """
        return run(self._one(session_id).erase_versions())

    def exists(self, session_id: str) -> bool:
        """Tell whether there is a session of that id. An outage raises; it is never False."""
        return run(self._one(session_id).exists())

    def info(self, session_id: str) -> SessionInfo:
        """Return a session's metadata, times, version and counts. Raises `SessionNotFound`."""
        return run(self._one(session_id).info())

    def load(self, session_id: str) -> Transcript:
        """Read a whole session, as it is at one moment. Raises `SessionNotFound`."""
        return run(self._one(session_id).load())

    def last(self, session_id: str, number: int) -> builtins.list[Record]:
        """Read the last `number` records (0 or more), oldest first, and not much else. Raises `SessionNotFound`."""
        return run(self._one(session_id).last(number))

    def records(self, session_id: str, *, start: int = 0) -> Iterator[Record]:
        """Iterate over a transcript, from the record numbered `start` on, without holding it.

        Some 32 MiB of JSON are held at a time. Raises `SessionNotFound` at once, `Conflict` if the transcript is
        replaced under the reader.
        """
        return iterate_parts(self._one(session_id).parts(start))

    def artifacts(self, session_id: str, limits: ArtifactLimits = ArtifactLimits()) -> Artifacts:  # noqa: B008
        """Return the artifacts of a session; `limits` hold when something is put. Nothing is sent."""
        return Artifacts(self._one(session_id).artifacts(limits))

    def traces(self, session_id: str) -> Traces:
        """Return the traces of a session. Nothing is sent."""
        return Traces(self._one(session_id).events(TRACES))

    def runs(self, session_id: str) -> Events:
        """Return the run records of a session. Nothing is sent."""
        return Events(self._one(session_id).events(RUNS))

    def verification(self, session_id: str) -> Events:
        """Return the verification reports of a session. Nothing is sent."""
        return Events(self._one(session_id).events(VERIFICATION))

    def inbox(self, session_id: str) -> Inbox:
        """Return the inbox of a session: messages sent to it, for whoever runs it. Nothing is sent."""
        return Inbox(self._one(session_id).inbox())

    def save_all(
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
        where there is none. Raises as `save` and as `Artifacts.save`.
        """
        pieces = Pieces(transcript, artifacts, traces, runs, verification)
        return run(self._one(session_id).save_all(pieces, metadata))

    def load_all(self, session_id: str) -> Bundle:
        """Load a session with all that stands beside it, side by side, and say what does not belong together.

        What was never saved is None; so is the transcript where there is no session. The contents of all artifacts
        are held: where they are large, load the pieces one by one.
        """
        return run(self._one(session_id).load_all())

    def resolve(self, session_id: str, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown`: tell whether that commit has landed. If not, it never will after this.

        Raises `OutcomeUnknown` once more where so much was written since that nothing tells.
        """
        return run(self._one(session_id).resolve(commit_id))

    def list(
        self,
        *,
        order: ListOrder = "newest",
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[SessionSummary]:
        """Iterate over sessions, the one that changed last first, or the one that has been idle for longest.

        At most `limit`, after the first `offset`, from the place on where a `cursor` of `page` stands; `filters` are
        those of `Filters`. Every session that was acknowledged before is there, once. One that changes while the
        listing is under way may come out of order. Raises `InvalidOption` for wrong arguments.
        """
        return iterate(self._archive.index.listings.sessions(filters, order, limit, offset, cursor))

    def page(
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
        return run(self._archive.index.listings.page(filters, order, limit, offset, cursor))

    def count(self, **filters: Unpack[Filters]) -> int:
        """Return how many sessions there are for which the filters hold. Raises as `list`."""
        return run(self._archive.index.listings.count(filters))

    def running(self, **filters: Unpack[Filters]) -> builtins.list[SessionSummary]:
        """Return the sessions in the state `running`, the one whose turn began last first.

        `filters` are those of `Filters` but for the state. Raises as `list`.
        """
        return run(self._archive.index.listings.running(filters))

    def stuck(self, seconds: float, **filters: Unpack[Filters]) -> builtins.list[SessionSummary]:
        """Return the running sessions whose turn began more than `seconds` (0 or more) ago, the longest first.

        A session whose turn has no `started_at` is never among them. `filters` as for `running`.
        """
        return run(self._archive.index.listings.stuck(seconds, filters))

    def search(self, query: str, *, limit: int = 50, **filters: Unpack[Filters]) -> Found:
        """Return the sessions that have all the words of `query`, in their messages, their name or their id.

        The best come first, at most `limit` (0 or more) of them, and only those for which the `filters` hold, as in
        `list`. `"in quotes"` is a phrase, `begin*` the start of a word; capitals and accents do not matter. The words
        may stand in several messages of a session; each comes with the message that fits best, and the part of it.

        What is searched is kept in a file on this machine, beside the cache, and brought up to date first: of sessions
        that changed, what is new is read. Raises `InvalidOption` if there is no word to look for, or for wrong filters;
        `StoreUnavailable` also where the file cannot be used.
        """
        return run(self._archive.search.search(query, limit, filters))

    def scan(self) -> Iterator[SessionInfo]:
        """Iterate over all sessions, in no useful order, by reading the head of each: one request a session."""
        return iterate(self._archive.scan())

    def warm(
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
        return run(self._archive.warm(filters, limit, progress))

    def export(
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
        return run(self._archive.export(Path(folder), form, partitions, progress, filters))

    def copy_to(
        self,
        target: SessionStore,
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
        return run(self._archive.copy_to(target._archive, progress, filters, replace=replace))

    def cleanup(
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
        return run(self._archive.clean_up(older_than, progress, dry_run=dry_run))

    def flush(self) -> None:
        """Publish to the index what `IndexPolicy(publish_every=…)` holds back: before a function is frozen, say."""
        run(self._archive.index.publisher.flush())

    @property
    def retention(self) -> Retention:
        """The rules by which sessions are deleted."""
        return Retention(self._archive)

    def maintain(
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
        return run(self._archive.maintain(order))

    def erase(self, *, dry_run: bool = False, **filters: Unpack[Filters]) -> Receipt:
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
        return run(self._archive.erase(filters, dry_run=dry_run))

    def pack(
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
        return run(self._archive.pack(idle, target_size, storage_class, partitions, progress, filters, dry_run=dry_run))

    def restore(
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
        return run(self._archive.restore(session_ids, days, tier, prices, follow, pause, filters, dry_run=dry_run))

    def unpack(self, session_id: str) -> bool:
        """Give a packed session objects of its own again; return whether it was packed.

        Its records keep their bytes, times and keys. The pack stays for the others in it.
        """
        return run(self._one(session_id).unpack())

    def unpack_all(self, *, idle: float | None = None, dry_run: bool = False, **filters: Unpack[Filters]) -> Unpacked:
        """Give every packed session for which the `filters` hold objects of its own again; return what was done.

        At least one filter is needed, or `idle`: only those that have not changed for so many seconds, by the store's
        clock. With `dry_run` nothing is changed, and the report says what would be. A session whose pack must be
        restored first is left, and named among the failures; so is what else fails, and does not keep the rest. Some 16
        sessions and 8 MiB of them, or one that is larger, are held at a time. The packs stay for the others in them.
        Raises `InvalidOption` for wrong arguments, before anything is changed, and what listing raises.
        """
        return run(self._archive.unpack(idle, filters, dry_run=dry_run))

    def check(self) -> Capability:
        """Try, and race, the store's conditional writes, and say what it can do and which rights are missing."""
        return run(self._archive.check())

    def _one(self, session_id: str) -> SessionCore:
        return SessionCore(self._archive, session_id, bound=False)


class SessionIndex:
    """The upkeep of an archive's index: `SessionStore.index`.

    Listings need none of this as long as clients compact in passing, which they do unless `IndexPolicy` says otherwise.
    The sessions themselves are never touched.
    """

    def __init__(self, core: IndexCore) -> None:
        self._core = core

    def status(self) -> IndexStatus:
        """Return how large the index is, and what is to be merged. Raises `CorruptObject` if it is damaged."""
        return run(self._core.status())

    def compact(self, *, everything: bool = False) -> Compacted | None:
        """Merge the log into pages, and with `everything` all pages into one run; delete what crashed clients left.

        Returns None if there was nothing to merge. Raises `Conflict` where another client was faster,
        `OutcomeUnknown` where nothing tells whether the new pages count (calling again is safe), `CorruptObject` for
        a damaged index.
        """
        return run(self._core.compact(everything=everything))

    def verify(self, *, fix: bool = False, progress: Callable[[Done], None] | None = None) -> Verified:
        """Compare the index with every session, and say each difference; with `fix`, mend what was found.

        `progress` is told how far it has come, from 0 to 256 prefixes.
        """
        return run(self._core.verify(progress, fix=fix))

    def rebuild(self, *, progress: Callable[[Done], None] | None = None) -> Rebuilt:
        """Make the index anew from the sessions, whatever has become of it; readers and writers may go on meanwhile.

        Raises `UnsupportedFormat` for an index that a later version made, and `Conflict` where another rebuild began
        meanwhile: then that one makes it.
        """
        return run(self._core.rebuild(progress))


class Session:
    """A handle on one session of a `SessionStore`.

    It belongs to the session that it meets first: once that is deleted, every call raises `SessionDeleted`, also when
    somebody has created another session of the same id since. The methods are those of `SessionStore` without the id.
    """

    def __init__(self, core: SessionCore) -> None:
        self._core = core

    @property
    def id(self) -> str:
        """The session's id."""
        return self._core.id

    def create(
        self,
        messages: Iterable[object] = (),
        *,
        keys: Iterable[str | None] | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `SessionStore.create`."""
        return run(self._core.create(messages, keys, metadata))

    def save(
        self,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `SessionStore.save`."""
        return run(self._core.save(messages, keys, expected_version, metadata))

    def append(
        self,
        message: object,
        *,
        key: str | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """See `SessionStore.append`."""
        return run(self._core.append(message, key, must_exist=must_exist, expected_version=expected_version))

    def extend(
        self,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        must_exist: bool = False,
        expected_version: int | None = None,
    ) -> SessionInfo:
        """See `SessionStore.extend`."""
        return run(self._core.extend(messages, keys, must_exist=must_exist, expected_version=expected_version))

    def replace_last(self, message: object) -> bool:
        """See `SessionStore.replace_last`."""
        return run(self._core.replace_last(message))

    def remove_last(self) -> Record | None:
        """See `SessionStore.remove_last`."""
        return run(self._core.remove_last())

    def clear(self) -> int:
        """See `SessionStore.clear`."""
        return run(self._core.clear())

    def update(
        self,
        *,
        expected_version: int | None = None,
        **metadata: Any,
    ) -> SessionInfo:
        """See `SessionStore.update`."""
        return run(self._core.update(expected_version, metadata))

    def commit(self, *changes: Change, must_exist: bool = False, expected_version: int | None = None) -> Committed:
        """See `SessionStore.commit`."""
        return run(self._core.commit(changes, must_exist=must_exist, expected_version=expected_version))

    def delete(self) -> bool:
        """See `SessionStore.delete`."""
        return run(self._core.delete())

    def hold(self, reason: str, *, who: str | None = None) -> Hold:
        """See `SessionStore.hold`."""
        return run(self._core.hold(reason, who))

    def release(self, hold_id: str | None = None) -> int:
        """See `SessionStore.release`."""
        return run(self._core.release(hold_id))

    def remains(self) -> Remains:
        """See `SessionStore.remains`."""
        return run(self._core.remains())

    def erase_versions(self) -> ErasedVersions:
        """See `SessionStore.erase_versions`."""
        return run(self._core.erase_versions())

    def unpack(self) -> bool:
        """See `SessionStore.unpack`."""
        return run(self._core.unpack())

    def exists(self) -> bool:
        """See `SessionStore.exists`."""
        return run(self._core.exists())

    def info(self) -> SessionInfo:
        """See `SessionStore.info`."""
        return run(self._core.info())

    def load(self) -> Transcript:
        """See `SessionStore.load`."""
        return run(self._core.load())

    def last(self, number: int) -> builtins.list[Record]:
        """See `SessionStore.last`."""
        return run(self._core.last(number))

    def records(self, *, start: int = 0) -> Iterator[Record]:
        """See `SessionStore.records`."""
        return iterate_parts(self._core.parts(start))

    def artifacts(self, limits: ArtifactLimits = ArtifactLimits()) -> Artifacts:  # noqa: B008
        """See `SessionStore.artifacts`."""
        return Artifacts(self._core.artifacts(limits))

    def traces(self) -> Traces:
        """See `SessionStore.traces`."""
        return Traces(self._core.events(TRACES))

    def runs(self) -> Events:
        """See `SessionStore.runs`."""
        return Events(self._core.events(RUNS))

    def verification(self) -> Events:
        """See `SessionStore.verification`."""
        return Events(self._core.events(VERIFICATION))

    def inbox(self) -> Inbox:
        """See `SessionStore.inbox`."""
        return Inbox(self._core.inbox())

    def save_all(
        self,
        transcript: Iterable[object] | None = None,
        *,
        artifacts: Iterable[NewArtifact | Artifact] | None = None,
        traces: Iterable[object] | None = None,
        runs: Iterable[object] | None = None,
        verification: Iterable[object] | None = None,
        **metadata: Any,
    ) -> SessionInfo | None:
        """See `SessionStore.save_all`."""
        pieces = Pieces(transcript, artifacts, traces, runs, verification)
        return run(self._core.save_all(pieces, metadata))

    def load_all(self) -> Bundle:
        """See `SessionStore.load_all`."""
        return run(self._core.load_all())

    def resolve(self, commit_id: str) -> bool:
        """See `SessionStore.resolve`."""
        return run(self._core.resolve(commit_id))
