"""The commit protocol: one object replaced by compare-and-swap, through lost answers, races and outages.

A *cell* is an object with one version after the other: a head, or whatever else is swapped as a whole. A *change*
is one logical change to it, with a commit id made once. `commit` runs the change to its end:

1.  Take the cell's state: a guess (from memory), or a fresh read.
2.  If the state's history holds our commit id, the change has landed: done.
3.  Ask the change for the next state that it proposes on this one, and PUT it on the condition that the cell still
    is in this state.
4.  200: done. Any other answer, or none: read the cell again, from the store, and go to 2.

Two rules carry the proof. A swap whose answer was lost may land late, but only while the cell is in the state it was
conditioned on: every body holds its own commit id, so no ETag ever comes back. And each body holds the ids of the last
commits, so that a later reader of the cell can tell whether ours is among them. Hence an *unsettled* swap is settled by
the first read that finds the cell in another state and its history long enough: it landed or it never will.

No branch tells a 412 from a 409 or a 404: they all mean "look again". What does matter is whether an answer came at
all, for a write that may still land forbids to report a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from ..errors import (
    CallAPerson,
    Conflict,
    CorruptObject,
    Decide,
    FixTheCall,
    OutcomeUnknown,
    StoreUnavailable,
)
from ..objects.base import NoSuchKey, PreconditionFailed, WriteRaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..objects.base import ObjectStore
    from ..runtime import Runtime


class Versioned(Protocol):
    """What the protocol needs to know of a state."""

    @property
    def version(self) -> int:
        """Grows by one with each commit."""
        ...

    @property
    def commits(self) -> Sequence[str]:
        """The ids of the last commits, the newest last: that of `version`, `version - 1`, and so on."""
        ...


S = TypeVar("S", bound=Versioned)


class Known(NamedTuple, Generic[S]):
    """A state of a cell and the ETag it has there; both None where the cell does not exist."""

    state: S | None
    etag: str | None

    @property
    def version(self) -> int:
        """The state's version; 0 for a cell that does not exist."""
        return 0 if self.state is None else self.state.version


class Proposal(NamedTuple, Generic[S]):
    """The next state that a change wants: as bytes to PUT, and as it will be known by."""

    state: S
    body: bytes


class Change(Protocol[S]):
    """One logical change on its way into a cell."""

    commit_id: str

    async def propose(self, base: Known[S]) -> Proposal[S] | None:
        """Return what the change makes of `base`; None if there is nothing to write. May raise to give up."""
        ...


class Cell(Protocol[S]):
    """Where a cell is kept, and how it is read."""

    key: str
    session_id: str
    """Whose cell it is, for messages."""

    async def read(self) -> Known[S]:
        """Read the cell from the store itself, never from a cache."""
        ...


@dataclass(frozen=True)
class CommitPolicy:
    """How long a commit is tried before it is given up.

    `seconds` and `attempts` bound the whole; `pause` is the longest first back-off, in seconds, doubled with each
    attempt up to `longest_pause`. The actual pause is drawn evenly from zero up to that.
    """

    seconds: float = 60.0
    attempts: int = 100
    pause: float = 0.02
    longest_pause: float = 2.0

    def longest_after(self, attempts: int) -> float:
        """Return the longest pause, in seconds, after so many attempts."""
        return min(self.pause * (1 << min(attempts, 16)), self.longest_pause)


class Landed(NamedTuple, Generic[S]):
    """How a commit ended: what the cell is now, and the proposal that landed with the state it was made for."""

    known: Known[S]
    base: Known[S]
    proposal: Proposal[S] | None
    """The proposal that landed; None if there was nothing to write."""


class _Verdict(Enum):
    """Why there is no proposal to send."""

    NOTHING = auto()
    LOOK_AGAIN = auto()


_NOTHING, _LOOK_AGAIN = _Verdict.NOTHING, _Verdict.LOOK_AGAIN


@dataclass(frozen=True)
class _Sent(Generic[S]):
    """A swap whose answer was lost: it may land as long as the cell is in the state `base`."""

    base: Known[S]
    proposal: Proposal[S]

    def found_in(self, found: Known[S], commit_id: str) -> bool:
        """Tell whether it is this swap, and no other of the same change, that the history holds."""
        if found.state is None:
            return False
        age = found.state.version - self.proposal.state.version
        commits = found.state.commits
        return 0 <= age < len(commits) and commits[-1 - age] == commit_id

    def settled_by(self, found: Known[S]) -> bool:
        """Tell whether, not found in the history, it surely never landed and never will."""
        if found.etag == self.base.etag or found.state is None:
            return False
        return found.state.version - len(found.state.commits) < self.proposal.state.version


async def commit(
    store: ObjectStore,
    runtime: Runtime,
    policy: CommitPolicy,
    cell: Cell[S],
    change: Change[S],
    guess: Known[S] | None = None,
) -> Landed[S]:
    """Run a change to its end, as the head of this module says.

    `guess` is a state that the cell may be in; a wrong one costs a request and nothing else. Raises what `propose`
    raises on a fresh state; `Conflict` or `StoreUnavailable` where attempts or time ran out and nothing of the
    change was or can still be written; `OutcomeUnknown` where it may have been, or may still be.
    """
    return await _Commit(store, runtime, policy, cell, change).run(guess)


class _Commit(Generic[S]):
    """One run of the protocol."""

    def __init__(
        self, store: ObjectStore, runtime: Runtime, policy: CommitPolicy, cell: Cell[S], change: Change[S]
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._policy = policy
        self._cell = cell
        self._change = change
        self._unsettled: _Sent[S] | None = None
        self._refused: _Sent[S] | None = None
        self._attempts = 0
        self._deadline = runtime.monotonic() + policy.seconds
        self._last_error: Exception | None = None
        self._gaps_seen_in: set[str | None] = set()

    async def run(self, guess: Known[S] | None) -> Landed[S]:
        try:
            return await self._run(guess)
        except (CallAPerson, FixTheCall) as error:
            # Refused for good, or unreadable. An earlier attempt may be on its way all the same.
            if self._unsettled is not None:
                raise self._unknown() from error
            raise

    async def _run(self, guess: Known[S] | None) -> Landed[S]:
        base, fresh = (guess, False) if guess is not None else (await self._cell.read(), True)
        while True:
            proposal = await self._propose(base, fresh=fresh)
            if isinstance(proposal, Proposal):
                landed = await self._send(base, proposal)
                if landed is not None:
                    return landed
            elif proposal is _NOTHING and fresh:
                return Landed(base, base, None)
            base, fresh = await self._read_again(), True
            earlier = self._find_landed(base)
            if earlier is not None:
                return earlier

    async def _propose(self, base: Known[S], *, fresh: bool) -> Proposal[S] | _Verdict:
        """Ask the change for a proposal, and sort out why there may be none."""
        if self._unsettled is not None:
            # The cell is still in the state that this one was made for. Another for the same state would bear the
            # same version and commit id, and no history could tell which of the two had landed.
            return self._unsettled.proposal
        try:
            return await self._change.propose(base) or _NOTHING
        except Decide:
            # A guess may be out of date: only the store itself can turn a caller down.
            if fresh:
                raise
        except (StoreUnavailable, WriteRaced) as error:
            self._attempts += 1
            self._last_error = error
        except NoSuchKey as gone:
            # Something that the base names is gone, as when somebody replaced it meanwhile. Twice in the same
            # state, and it is lost.
            if base.etag in self._gaps_seen_in:
                raise CorruptObject(f"{self._cell.key}: names {gone.key}, which is missing") from None
            if fresh:
                self._gaps_seen_in.add(base.etag)
        return _LOOK_AGAIN

    async def _send(self, base: Known[S], proposal: Proposal[S]) -> Landed[S] | None:
        """PUT a proposal. None if the cell has to be looked at again."""
        self._attempts += 1
        try:
            etag = await self._store.put(self._cell.key, proposal.body, if_match=base.etag, if_absent=base.etag is None)
        except (PreconditionFailed, WriteRaced, NoSuchKey) as answer:
            self._last_error = answer
            # Something on the way may have sent it twice, and handed back the second answer.
            self._refused = _Sent(base, proposal)
            return None
        except StoreUnavailable as error:
            self._last_error = error
            if error.may_have_landed:
                self._unsettled = _Sent(base, proposal)
            return None
        return Landed(Known(proposal.state, etag), base, proposal)

    async def _read_again(self) -> Known[S]:
        """Read the cell, as often as it takes and the budget allows, and settle what can be settled."""
        while True:
            await self._pause()
            try:
                found = await self._cell.read()
            except StoreUnavailable as error:
                self._attempts += 1
                self._last_error = error
                if self._spent():
                    raise self._given_up() from error
                continue
            if self._find_landed(found) is None:
                self._settle(found)
                if self._spent():
                    raise self._given_up() from self._last_error
            return found

    def _find_landed(self, found: Known[S]) -> Landed[S] | None:
        for sent in (self._unsettled, self._refused):
            if sent is not None and sent.found_in(found, self._change.commit_id):
                return Landed(found, sent.base, sent.proposal)
        return None

    def _settle(self, found: Known[S]) -> None:
        sent = self._unsettled
        if sent is None:
            return
        if sent.settled_by(found):
            self._unsettled = None
        elif found.etag != sent.base.etag:
            # The cell moved on so far that its history no longer says what became of this swap.
            raise self._unknown()

    async def _pause(self) -> None:
        await self._runtime.sleep(self._policy.longest_after(self._attempts) * self._runtime.random())

    def _spent(self) -> bool:
        return self._attempts >= self._policy.attempts or self._runtime.monotonic() >= self._deadline

    def _given_up(self) -> Conflict | OutcomeUnknown | StoreUnavailable:
        if self._unsettled is not None:
            return self._unknown()
        if isinstance(self._last_error, StoreUnavailable):
            return StoreUnavailable(
                f"{self._cell.key}: the store could not be reached in time; nothing was written",
                may_have_landed=False,
            )
        return Conflict(f"{self._cell.key}: other writers were faster {self._attempts} times; nothing was written")

    def _unknown(self) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._cell.key}: commit {self._change.commit_id} was sent, and no answer tells what became of it; "
            "resolve() settles it later",
            session_id=self._cell.session_id,
            commit_id=self._change.commit_id,
        )
