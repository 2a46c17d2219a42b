"""The commit protocol against a store that answers as a table says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from s3store import (
    AccessDenied,
    CommitPolicy,
    Conflict,
    CorruptObject,
    OutcomeUnknown,
    S3StoreError,
    StoreUnavailable,
    TooLarge,
)
from s3store.objects.base import NoSuchKey, ObjectAnswer, PreconditionFailed, WriteRaced
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime, run
from s3store.streams.commit import Known, Landed, Proposal, commit

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "cell"
POLICY = CommitPolicy(seconds=20, attempts=6, pause=0, longest_pause=0)


@dataclass(frozen=True)
class State:
    """A cell's content: a version and the commits that led to it, as text."""

    version: int
    commits: tuple[str, ...]

    def encode(self) -> bytes:
        return " ".join([str(self.version), *self.commits]).encode()

    @classmethod
    def decode(cls, body: bytes) -> State:
        version, *commits = body.decode().split()
        return cls(int(version), tuple(commits))

    def next(self, commit_id: str, history: int = 4) -> State:
        return State(self.version + 1, (*self.commits, commit_id)[-history:])


EMPTY = State(0, ())


class ScriptedStore(MemoryStore):
    """The n-th PUT and the n-th GET of the cell do what the n-th entry of their scripts says; None is nothing special.

    An error is raised instead of the request; with `late`, after it has been made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[Exception | None] = []
        self.late: list[Exception | None] = []
        self.gets: list[Exception | None] = []
        self.between: Callable[[], None] = lambda: None
        self.sent = 0

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        self.sent += 1
        _raise(self.puts)
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        self.between()
        _raise(self.late)
        return etag

    def others_write(self, number: int) -> None:
        """Let other writers commit so often."""
        for each in range(number):
            found = run(MemoryStore.get(self, KEY))
            run(MemoryStore.put(self, KEY, State.decode(found.body).next(f"other-{each}").encode()))

    def state(self) -> State:
        return State.decode(run(MemoryStore.get(self, KEY)).body)


def _raise(script: list[Exception | None]) -> None:
    error = script.pop(0) if script else None
    if error is not None:
        raise error


class Cell:
    key = KEY
    session_id = "a"

    def __init__(self, store: ScriptedStore) -> None:
        self._store = store

    async def read(self) -> Known[State]:
        _raise(self._store.gets)
        try:
            found = await self._store.get(KEY)
        except NoSuchKey:
            return Known(None, None)
        return Known(State.decode(found.body), found.etag)


class Mine:
    """A change that adds its commit id, unless told to give up from some proposal on."""

    commit_id = "mine"

    def __init__(self, *gives_up: Exception | None) -> None:
        self._gives_up = list(gives_up)

    async def propose(self, base: Known[State]) -> Proposal[State]:
        _raise(self._gives_up)
        state = (base.state or EMPTY).next(self.commit_id)
        return Proposal(state, state.encode())


def try_it(store: ScriptedStore, change: Mine | None = None, guess: Known[State] | None = None) -> Landed[State]:
    return run(commit(store, BlockingRuntime(), POLICY, Cell(store), change or Mine(), guess))


def lost() -> StoreUnavailable:
    return StoreUnavailable("no answer")


def unsent() -> StoreUnavailable:
    return StoreUnavailable("no connection", may_have_landed=False)


@pytest.fixture
def store() -> ScriptedStore:
    store = ScriptedStore()
    run(MemoryStore.put(store, KEY, State(1, ("first",)).encode()))
    return store


ANSWERS: dict[str, Callable[[], Exception]] = {
    "412": lambda: PreconditionFailed(KEY),
    "409": lambda: WriteRaced(KEY),
    "404": lambda: NoSuchKey(KEY),
    "lost": lost,
    "unsent": unsent,
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("often", [1, 3])
def test_a_write_that_was_not_made_is_made_again(store: ScriptedStore, name: str, often: int) -> None:
    store.puts = [ANSWERS[name]() for _ in range(often)]
    assert try_it(store).known.state == State(2, ("first", "mine"))
    assert store.state() == State(2, ("first", "mine"))
    assert store.sent == often + 1


@pytest.mark.parametrize("name", ANSWERS)
def test_a_write_that_was_made_is_not_made_again_whatever_the_answer(store: ScriptedStore, name: str) -> None:
    if name == "unsent":
        pytest.skip("says that it was not made")
    store.late = [ANSWERS[name]()]
    landed = try_it(store)
    assert landed.known.state == store.state() == State(2, ("first", "mine"))
    assert landed.proposal is not None
    assert landed.base.state == State(1, ("first",))
    assert store.sent == 1


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_write_whose_answer_was_lost_is_found_behind_those_of_others(store: ScriptedStore, others: int) -> None:
    store.between = lambda: store.others_write(others)
    store.late = [lost()]
    landed = try_it(store)
    assert landed.proposal is not None
    assert landed.proposal.state == State(2, ("first", "mine"))
    assert store.state().version == 2 + others
    assert store.sent == 1


def test_a_write_whose_answer_was_lost_is_unknown_once_the_history_has_passed_it(store: ScriptedStore) -> None:
    store.between = lambda: store.others_write(10)
    store.late = [lost()]
    with pytest.raises(OutcomeUnknown) as caught:
        try_it(store)
    assert (caught.value.session_id, caught.value.commit_id) == ("a", "mine")
    assert store.state().commits == ("other-6", "other-7", "other-8", "other-9")


def test_a_swap_that_lost_is_settled_and_made_again_on_what_is_there(store: ScriptedStore) -> None:
    class Overtaken(ScriptedStore):
        async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
            if self.sent == 0:
                self.others_write(2)
                self.sent += 1
                raise lost()
            return await super().put(key, body, if_match=if_match, if_absent=if_absent)

    overtaken = Overtaken()
    run(MemoryStore.put(overtaken, KEY, State(1, ("first",)).encode()))
    assert try_it(overtaken).known.state == State(4, ("first", "other-0", "other-1", "mine"))


OUTCOMES: list[tuple[list[Exception | None], list[Exception | None], type[S3StoreError]]] = [
    ([PreconditionFailed(KEY)] * 9, [], Conflict),
    ([WriteRaced(KEY)] * 9, [], Conflict),
    ([unsent()] * 9, [], StoreUnavailable),
    ([lost()] * 9, [], OutcomeUnknown),
    ([lost(), *[unsent()] * 9], [], OutcomeUnknown),
    ([unsent()] * 9, [None, *[unsent()] * 9], StoreUnavailable),
    ([lost()], [None, *[unsent()] * 9], OutcomeUnknown),
    ([PreconditionFailed(KEY)], [None, *[unsent()] * 9], StoreUnavailable),
    ([AccessDenied("no")], [], AccessDenied),
    ([TooLarge("no")], [], TooLarge),
    ([lost(), AccessDenied("no")], [], OutcomeUnknown),
    ([lost(), TooLarge("no")], [], OutcomeUnknown),
    ([lost()], [None, AccessDenied("no")], OutcomeUnknown),
    ([lost()], [None, CorruptObject("no")], OutcomeUnknown),
    ([PreconditionFailed(KEY)], [None, AccessDenied("no")], AccessDenied),
    ([], [AccessDenied("no")], AccessDenied),
    ([], [unsent()], StoreUnavailable),
]


@pytest.mark.parametrize(("puts", "gets", "error"), OUTCOMES, ids=[str(number) for number in range(len(OUTCOMES))])
def test_a_failure_is_reported_only_where_nothing_can_land_any_more(
    store: ScriptedStore, puts: list[Exception | None], gets: list[Exception | None], error: type[S3StoreError]
) -> None:
    store.puts, store.gets = list(puts), list(gets)
    with pytest.raises(S3StoreError) as caught:
        try_it(store)
    assert type(caught.value) is error
    assert store.state() == State(1, ("first",))
    assert store.sent <= POLICY.attempts
    if error is StoreUnavailable:
        assert isinstance(caught.value, StoreUnavailable)
        assert caught.value.may_have_landed is False


def test_a_caller_is_turned_down_by_a_fresh_state_only(store: ScriptedStore) -> None:
    old = Known(State(1, ("older",)), '"gone"')
    assert try_it(store, Mine(Conflict("on the guess")), old).known.state == State(2, ("first", "mine"))
    with pytest.raises(Conflict, match="on the truth"):
        try_it(store, Mine(Conflict("on the guess"), Conflict("on the truth")), old)


def test_a_wrong_guess_costs_a_look_and_nothing_else(store: ScriptedStore) -> None:
    for guess in (Known(State(1, ("older",)), '"gone"'), Known(None, None)):
        before = store.state()
        assert try_it(store, guess=guess).known.state == before.next("mine")


def test_what_a_change_needs_and_the_store_cannot_give_now_is_asked_for_again(store: ScriptedStore) -> None:
    assert try_it(store, Mine(lost(), WriteRaced("segment"), None)).known.state == State(2, ("first", "mine"))


def test_what_is_missing_twice_in_the_same_state_is_lost(store: ScriptedStore) -> None:
    with pytest.raises(CorruptObject, match="segment"):
        try_it(store, Mine(NoSuchKey("segment"), NoSuchKey("segment")))
    assert store.state().version == 1


def test_no_answer_of_a_store_gets_out(store: ScriptedStore) -> None:
    for error in (PreconditionFailed, WriteRaced, NoSuchKey):
        store.puts = [error(KEY)] * 50
        with pytest.raises(S3StoreError) as caught:
            try_it(store)
        assert not isinstance(caught.value, ObjectAnswer)
