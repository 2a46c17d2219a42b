"""A function that is killed at any request, under a queue that delivers twice, and the judge of what comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from s3store import CommitPolicy, IndexPolicy, SessionStore
from s3store.keys import MAIL
from s3store.objects.memory import MemoryStore
from s3store.runtime import BlockingRuntime
from s3store.serverless import Turn, agent_handler
from tests.archives import keys_of, prepare

from .events import FakeContext, letter, queued

if TYPE_CHECKING:
    import pytest

_SESSIONS = 7
_LEASE = 60.0


class Killed(BaseException):
    """The function is no more: nothing that stands after this runs."""


class MortalStore:
    """Passes requests on, until one is its last: that one is sent or not, and nobody hears the answer."""

    def __init__(self, store: MemoryStore, random: Random, chance: float) -> None:
        self._store = store
        self._random = random
        self._chance = chance
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)

        async def request(*args: Any, **kwargs: Any) -> Any:
            if self._dead or self._random.random() < self._chance:
                was_sent = not self._dead and self._random.random() < 0.5
                self._dead = True
                if was_sent:
                    await call(*args, **kwargs)
                raise Killed
            return await call(*args, **kwargs)

        return request


@dataclass
class Outcome:
    """What a history came to."""

    turns: int
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    """Sessions in which a message and its answer do not stand together, or not in the order of their sending."""
    deliveries: int = 0
    kills: int = 0
    ran: int = 0
    """How often the agent ran; more than there are turns, for it is also killed between its answer and the commit."""
    bells: int = 0
    """How many bells hang in the end."""
    faults: Counter[str] = field(default_factory=Counter)


def history(turns: int, seed: int, patch: pytest.MonkeyPatch, chance: float = 0.02) -> Outcome:
    """Run so many turns over a few sessions, each event at least twice, functions killed at `chance` of requests."""
    random, objects, outcome = Random(seed), MemoryStore(), Outcome(turns)
    prepare(objects)
    late = timedelta()
    right_now = BlockingRuntime.now
    patch.setattr(BlockingRuntime, "now", lambda runtime: right_now(runtime) + late)

    def run_turn(turn: Turn) -> list[object]:
        outcome.ran += 1
        # Never the same answer twice, nor as many messages: what a second run adds to a first would show.
        answers = [f"{turn.message} answer {number} of run {outcome.ran}" for number in range(random.randint(0, 3))]
        return [*answers, f"{turn.message} end of run {outcome.ran}"]

    def new_function() -> Any:
        policy = CommitPolicy(seconds=20, attempts=40, pause=0.0001, longest_pause=0.001)
        mortal = MortalStore(objects, random, chance)
        store = SessionStore(mortal, policy=policy, index=IndexPolicy(compact_after=None))
        return agent_handler(run_turn, store=store, attempts=None, reserve=0)

    queue = [number for number in range(turns) for _ in range(2)]
    random.shuffle(queue)
    handler = new_function()
    while queue:
        batch = [queue.pop() for _ in range(min(len(queue), random.randint(1, 4)))]
        events = [queued(letter(f"s{number % _SESSIONS}", f"<{number}>"), first=number) for number in batch]
        event = {"Records": [record for each in events for record in each["Records"]]}
        outcome.deliveries += len(batch)
        try:
            told = handler(event, FakeContext(seconds=_LEASE))
            again = [int(item["itemIdentifier"][2:]) for item in told["batchItemFailures"]]
        except Killed:
            outcome.kills += 1
            handler, again = new_function(), batch
        if again:
            late += timedelta(seconds=_LEASE * 1.2)
            queue[:0] = again
    with SessionStore(objects) as reader:
        for session in range(_SESSIONS):
            _judge(reader, session, outcome)
    outcome.bells = len(keys_of(objects, MAIL))
    return outcome


def _judge(store: SessionStore, session: int, outcome: Outcome) -> None:
    wanted = [f"<{number}>" for number in range(session, outcome.turns, _SESSIONS)]
    messages = [str(message) for message in store.load(f"s{session}").messages] if wanted else []
    asked = [message for message in messages if message.endswith(">")]
    outcome.lost += len(set(wanted) - set(asked))
    outcome.doubled += len(asked) - len(set(asked))
    ends = [message for message in messages if " end of run " in message]
    outcome.doubled += len(ends) - len({end.partition(" ")[0] for end in ends})
    sent = [str(record.message) for record in store.inbox(f"s{session}").records()]
    outcome.wrong += asked != sent or not all(_stand_together(messages, question) for question in asked)


def _stand_together(messages: list[str], question: str) -> bool:
    """Tell whether a question is followed by the whole of one answer, and by no part of another."""
    own = [at for at, message in enumerate(messages) if message.partition(" ")[0] == question]
    first, *answers = (messages[at] for at in own)
    runs = {answer.rpartition(" ")[2] for answer in answers}
    numbers = [answer.split()[2] for answer in answers[:-1]]
    return (
        own == list(range(own[0], own[0] + len(own)))
        and first == question
        and len(runs) == 1
        and numbers == [str(number) for number in range(len(numbers))]
        and " end of run " in answers[-1]
    )
