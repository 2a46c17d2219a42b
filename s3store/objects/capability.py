"""Finds out whether a store keeps the promises that shared writing needs: by trying, and by racing.

The name of a store tells nothing. Some answer 200 and ignore a condition; some delete anyway; some are right as
long as one client asks at a time, and wrong in a race. So each promise is tried by itself, and the two that
everything rests on, create and swap, are raced for by many writers at once, in the bucket as it is.

An answer that tells nothing, such as "not now", is neither held against the store nor counted for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..errors import AccessDenied, CorruptObject, S3StoreError, StoreNotCapable, StoreUnavailable
from ..keys import CHECKS
from .base import NoSuchKey, ObjectAnswer, PreconditionFailed, WriteRaced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ..runtime import Runtime
    from .base import ObjectStore, StoredObject

READ_AFTER_WRITE = "read-after-write"
ETAG_FOLLOWS_CONTENT = "etag-follows-content"
LIST_AFTER_WRITE = "list-after-write"
LIST_IN_ORDER = "list-in-order"
CREATE_OVER_EXISTING = "create-over-existing"
SWAP_WITH_WRONG_ETAG = "swap-with-wrong-etag"
SWAP_WITH_RIGHT_ETAG = "swap-with-right-etag"
SWAP_OF_MISSING_KEY = "swap-of-missing-key"
CONDITIONAL_DELETE = "conditional-delete"
CREATE_RACE = "create-race"
SWAP_RACE = "swap-race"

NEEDED = frozenset(
    {
        READ_AFTER_WRITE,
        ETAG_FOLLOWS_CONTENT,
        LIST_AFTER_WRITE,
        LIST_IN_ORDER,
        CREATE_OVER_EXISTING,
        SWAP_WITH_WRONG_ETAG,
        SWAP_WITH_RIGHT_ETAG,
        SWAP_OF_MISSING_KEY,
        CREATE_RACE,
        SWAP_RACE,
    }
)
"""The findings without which shared writing is not safe. The archive can do without the conditional delete."""

_TRIES = 5
_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: its name, whether the store keeps it, and what was seen, in a sentence."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Capability:
    """What was found out about a store."""

    findings: tuple[Finding, ...]
    versioning: str = "unknown"
    """`enabled`, `suspended` or `off` where the store told, else `unknown`."""

    @property
    def shared_writing(self) -> bool:
        """Whether several writers may share an archive in the store."""
        return self._kept() >= NEEDED

    @property
    def conditional_delete(self) -> bool:
        """Whether a delete with a condition heeds it. Where it does not, it may delete anyway."""
        return CONDITIONAL_DELETE in self._kept()

    def require_shared_writing(self) -> None:
        """Raise `StoreNotCapable`, with all that failed, if the store is not fit for shared writing."""
        if self.shared_writing:
            return
        failed = [f"{it.name}: {it.detail}" for it in self.findings if it.name in NEEDED and not it.ok]
        missing = NEEDED - {it.name for it in self.findings}
        failed += [f"{name}: not checked" for name in sorted(missing)]
        raise StoreNotCapable("the store is not safe for shared writing. " + "; ".join(failed))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it, for the archive's own record."""
        findings = [{"name": it.name, "ok": it.ok, "detail": it.detail} for it in self.findings]
        return {
            "shared_writing": self.shared_writing,
            "versioning": self.versioning,
            "findings": findings,
        }

    @classmethod
    def from_json(cls, value: object) -> Capability:
        """Return what `to_json` was called on. Raises `CorruptObject` for what it cannot have given."""
        match value:
            case {"findings": list(findings), "versioning": str(versioning)}:
                return cls(tuple(_finding(it) for it in findings), versioning)
        raise CorruptObject("the record of what the store can do is not one")

    def _kept(self) -> frozenset[str]:
        return frozenset(it.name for it in self.findings if it.ok)


async def check_capability(store: ObjectStore, runtime: Runtime, *, rounds: int = 8, writers: int = 16) -> Capability:
    """Find out what the store can do, under a prefix of its own below `check/`, and clean up afterwards.

    Each of the two races is run until `rounds` rounds of it told something, by `writers` writers at once (no more
    than the runtime runs side by side); it takes some 400 requests. What cannot be deleted stays behind and
    harms nothing. A missing right is a finding. Raises `StoreUnavailable` where the store answered too seldom to
    tell, and nothing else was found against it; and `BucketNotFound`.
    """
    check = _Check(store, runtime, rounds, writers)
    try:
        findings = tuple([await check.find(name, step) for name, step in check.steps()])
        versioning = await store.versioning() if isinstance(store, _KnowsVersioning) else "unknown"
    finally:
        await check.clean_up()
    check.require_answers(findings)
    return Capability(findings, versioning)


@runtime_checkable
class _KnowsVersioning(Protocol):
    async def versioning(self) -> str: ...


class _BrokenPromise(Exception):
    """The store did what it must not; the text says what, as a sentence."""


class _NobodyWon(Exception):
    """A round of a race told nothing: the object is as it was before."""

    def __init__(self, *, all_answered: bool) -> None:
        super().__init__()
        self.all_answered = all_answered


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One racer's write: what it wrote, and its answer. `etag` is set for one that was told that it won."""

    body: bytes
    etag: str | None = None
    answered: bool = True
    may_have_landed: bool = False


class _Check:
    def __init__(self, store: ObjectStore, runtime: Runtime, rounds: int, writers: int) -> None:
        self._store = store
        self._runtime = runtime
        self._rounds = rounds
        self._writers = writers
        self._prefix = f"{CHECKS}{runtime.ulid()}/"
        self._keys: list[str] = []
        self._untold: set[str] = set()

    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[str]]], ...]:
        """Return each finding's name and how to come to it: a sentence, or `_BrokenPromise`."""
        return (
            (READ_AFTER_WRITE, self._read_after_write),
            (ETAG_FOLLOWS_CONTENT, self._etag_follows_content),
            (LIST_AFTER_WRITE, self._list_after_write),
            (LIST_IN_ORDER, self._list_in_order),
            (CREATE_OVER_EXISTING, self._create_over_existing),
            (SWAP_WITH_WRONG_ETAG, self._swap_with_wrong_etag),
            (SWAP_WITH_RIGHT_ETAG, self._swap_with_right_etag),
            (SWAP_OF_MISSING_KEY, self._swap_of_missing_key),
            (CONDITIONAL_DELETE, self._conditional_delete),
            (CREATE_RACE, partial(self._race, self._create_round)),
            (SWAP_RACE, partial(self._race, self._swap_round)),
        )

    async def find(self, name: str, step: Callable[[], Awaitable[str]]) -> Finding:
        """Take a step, again if the store was not to be had; each try works under keys of its own."""
        for turn in range(_TRIES):
            try:
                return Finding(name, ok=True, detail=await step())
            except (_BrokenPromise, AccessDenied, StoreNotCapable) as seen:
                return Finding(name, ok=False, detail=str(seen))
            except (NoSuchKey, PreconditionFailed) as answer:
                return Finding(name, ok=False, detail=f"an unexpected answer, {type(answer).__name__}")
            except (StoreUnavailable, WriteRaced):
                await self._pause(turn)
        self._untold.add(name)
        return Finding(name, ok=False, detail="the store did not answer often enough to tell")

    def require_answers(self, findings: tuple[Finding, ...]) -> None:
        """Raise `StoreUnavailable` where the verdict hangs on what the store did not answer."""
        broken = {it.name for it in findings if not it.ok} - self._untold
        if self._untold and not broken & NEEDED:
            names = ", ".join(sorted(self._untold))
            message = f"the store did not answer often enough to tell about {names}; nothing was found against it"
            raise StoreUnavailable(message, may_have_landed=False)

    async def clean_up(self) -> None:
        """Delete what was written, as far as that goes."""
        await self._runtime.gather([self._forget(key) for key in self._keys])

    async def _forget(self, key: str) -> None:
        try:
            await self._store.delete(key)
        except (S3StoreError, ObjectAnswer):
            pass  # it is only litter, under a prefix where everything may be deleted

    def _key(self, name: str) -> str:
        """Return a key that was never used, and that is cleaned up."""
        key = f"{self._prefix}{name}-{self._runtime.ulid()}"
        self._keys.append(key)
        return key

    async def _read_after_write(self) -> str:
        key = self._key("read")
        for body in (b"first", b"second, and longer", b"third"):
            etag = await self._store.put(key, body)
            found = await self._store.get(key)
            if (found.body, found.etag) != (body, etag):
                raise _BrokenPromise("a read after a write gave another body or ETag than was written")
        await self._store.delete(key)
        if await self._is_there(key):
            raise _BrokenPromise("a read after a delete still found the object")
        return "a read sees the last write and delete"

    async def _etag_follows_content(self) -> str:
        key = self._key("etag")
        etags = [await self._store.put(key, body) for body in (b"1", b"2", b"12", b"")]
        if len(set(etags)) != len(etags):
            raise _BrokenPromise("two contents had the same ETag")
        return "another content has another ETag"

    async def _list_after_write(self) -> str:
        key = self._key("list")
        for _ in range(3):
            await self._store.put(key, b"listed")
            if [found.key for found in (await self._store.list_page(key)).objects] != [key]:
                raise _BrokenPromise("a listing after a write did not show the object")
            await self._store.delete(key)
            if (await self._store.list_page(key)).objects:
                raise _BrokenPromise("a listing after a delete still showed the object")
        return "a listing sees the last write and delete"

    async def _list_in_order(self) -> str:
        folder = self._key("order") + "/"
        # In the order of their UTF-8 bytes, which is neither a dictionary's nor that of UTF-16 nor a path's.
        keys = [folder + end for end in ("!", "/a", "0", "Z", "a", "a!", "a/b", "a0", "b", "é", "\uffee", "😀")]
        self._keys.extend(keys)
        for key in keys[::2] + keys[1::2]:
            await self._store.put(key, b"")
        for limit in (1000, 5):
            if await self._listing(folder, limit) != keys:
                raise _BrokenPromise(f"a listing in pages of {limit} did not give every key once, in order")
        behind = await self._store.list_page(folder, after=folder + "a/", limit=1000)
        if [found.key for found in behind.objects] != keys[6:]:
            raise _BrokenPromise("a listing from the middle did not start behind the key that it was given")
        return "a listing gives every key once, in the order of its bytes, from any place on"

    async def _listing(self, folder: str, limit: int) -> list[str]:
        keys: list[str] = []
        after: str | None = None
        while len(keys) < 1000:  # a store that starts over at each page must not keep this here for ever
            page = await self._store.list_page(folder, after=after, limit=limit)
            keys += [found.key for found in page.objects]
            after = page.next_after
            if after is None:
                break
        return keys

    async def _create_over_existing(self) -> str:
        key = self._key("create")
        await self._store.put(key, b"first", if_absent=True)
        await self._must_refuse(self._store.put(key, b"second", if_absent=True), "a create over an object")
        await self._must_hold(key, b"first", "a create over an object")
        return "a create over an object is refused"

    async def _swap_with_wrong_etag(self) -> str:
        key = self._key("swap-wrong")
        former = await self._store.put(key, b"first")
        await self._store.put(key, b"second")
        await self._must_refuse(self._store.put(key, b"late", if_match=former), "a swap with an old ETag")
        await self._must_hold(key, b"second", "a swap with an old ETag")
        return "a swap with an old ETag is refused"

    async def _swap_with_right_etag(self) -> str:
        key = self._key("swap-right")
        etag = await self._store.put(key, b"first", if_absent=True)
        for body in (b"second", b"third"):
            etag = await self._store.put(key, body, if_match=etag)
            await self._must_hold(key, body, "a swap with the right ETag")
        return "a swap with the right ETag is done"

    async def _swap_of_missing_key(self) -> str:
        etag = await self._store.put(self._key("elsewhere"), b"first")
        key = self._key("missing")
        await self._must_refuse(self._store.put(key, b"second", if_match=etag), "a swap of a missing object")
        if await self._is_there(key):
            raise _BrokenPromise("a swap of a missing object was refused, and stored all the same")
        return "a swap of a missing object is refused"

    async def _conditional_delete(self) -> str:
        key = self._key("delete")
        former = await self._store.put(key, b"first")
        etag = await self._store.put(key, b"second")
        await self._must_refuse(self._store.delete(key, if_match=former), "a delete with an old ETag")
        await self._must_hold(key, b"second", "a delete with an old ETag")
        await self._store.delete(key, if_match=etag)
        if await self._is_there(key):
            raise _BrokenPromise("a delete with the right ETag left the object there")
        return "a delete with an old ETag is refused, and with the right one done"

    async def _must_refuse(self, request: Awaitable[object], what: str) -> None:
        try:
            await request
        except (PreconditionFailed, NoSuchKey):
            return
        raise _BrokenPromise(f"{what} was answered as done")

    async def _must_hold(self, key: str, body: bytes, what: str) -> None:
        try:
            found = (await self._store.get(key)).body
        except NoSuchKey:
            raise _BrokenPromise(f"after {what}, the object was gone") from None
        if found != body:
            raise _BrokenPromise(f"after {what}, the object did not hold what it should")

    async def _is_there(self, key: str) -> bool:
        return await self._look(key) is not None

    async def _look(self, key: str) -> StoredObject | None:
        try:
            return await self._store.get(key)
        except NoSuchKey:
            return None

    async def _race(self, one_round: Callable[[], Awaitable[None]]) -> str:
        told = 0
        all_answered = True
        for turn in range(self._rounds + _TRIES):
            try:
                await one_round()
            except (_NobodyWon, StoreUnavailable, WriteRaced) as seen:
                all_answered = all_answered and isinstance(seen, _NobodyWon) and seen.all_answered
                await self._pause(turn - told)
                continue
            told += 1
            if told == self._rounds:
                return f"of {self._writers} writers at once exactly one won, in each of {told} rounds"
        if all_answered:
            raise _BrokenPromise(f"of {self._writers} writers at once all were refused, again and again")
        raise StoreUnavailable("the races had no winner", may_have_landed=False)

    async def _pause(self, turn: int) -> None:
        await self._runtime.sleep(min(_PAUSE_SECONDS * 2**turn, _LONGEST_PAUSE_SECONDS) * self._runtime.random())

    async def _create_round(self) -> None:
        key = self._key("race-create")
        await self._one_must_win(key, partial(self._store.put, key, if_absent=True), before=None)

    async def _swap_round(self) -> None:
        key = self._key("race-swap")
        before = self._body("before")
        etag = await self._store.put(key, before, if_absent=True)
        await self._one_must_win(key, partial(self._store.put, key, if_match=etag), before=before)

    async def _one_must_win(
        self, key: str, write: Callable[[bytes], Coroutine[Any, Any, str]], *, before: bytes | None
    ) -> None:
        bodies = [self._body(f"writer {number}") for number in range(self._writers)]
        attempts = await self._runtime.gather([_attempt(write, body) for body in bodies])
        found = await self._look(key)
        winners = [it for it in attempts if it.etag is not None]
        if len(winners) > 1:
            raise _BrokenPromise(f"{len(winners)} of {len(attempts)} writers at once were told that they won")
        if winners:
            if found is None or (found.body, found.etag) != (winners[0].body, winners[0].etag):
                raise _BrokenPromise("one writer was told that it won, and the object is not what it wrote")
            return
        body = None if found is None else found.body
        if body == before:
            raise _NobodyWon(all_answered=all(it.answered for it in attempts))
        if body not in {it.body for it in attempts if it.may_have_landed}:
            raise _BrokenPromise("every writer was told that it lost, and the object changed all the same")

    def _body(self, who: str) -> bytes:
        return f"{who} {self._runtime.ulid()}".encode()


async def _attempt(write: Callable[[bytes], Coroutine[Any, Any, str]], body: bytes) -> _Attempt:
    try:
        return _Attempt(body, etag=await write(body))
    except (PreconditionFailed, NoSuchKey, WriteRaced):
        return _Attempt(body)
    except StoreUnavailable as error:
        return _Attempt(body, answered=False, may_have_landed=error.may_have_landed)


def _finding(value: object) -> Finding:
    match value:
        case {"name": str(name), "ok": bool(ok), "detail": str(detail)}:
            return Finding(name, ok, detail)
    raise CorruptObject("the record of what the store can do holds a finding that is not one")
