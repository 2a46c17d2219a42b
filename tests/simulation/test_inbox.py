"""Inboxes under the simulator: senders and workers who crash, clocks that are off, requests that get lost or come late.

What must hold, whatever happens: a message whose sender was told so is done in the end, although nobody looks anywhere
but where a bell was rung; each is answered once, in the order of the inbox; and of those to whom one was handed, one
alone is told that it did it.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from s3store.archive import Archive
from s3store.changes import Extend
from s3store.contracts.broker.core import BrokerCore
from s3store.errors import Decide, LeaseLost, OutcomeUnknown, S3StoreError
from s3store.keys import MAIL
from s3store.locations import Opened
from s3store.objects.base import all_keys
from s3store.session import SessionCore
from s3store.siblings.inbox.bells import Bells
from s3store.streams.commit import CommitPolicy
from s3store.streams.consumption import Consumption
from s3store.streams.draft import Sizes
from s3store.testing.simulation.bucket import Bucket
from s3store.testing.simulation.network import WEATHERS, Network, SimulatedStore
from s3store.testing.simulation.runtime import SimulatedRuntime
from s3store.testing.simulation.scheduler import Scheduler, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from s3store.siblings.inbox.core import Taken
    from s3store.testing.simulation.network import Weather

_SESSIONS = ("a", "b" * 300)
_LEASE = 2.0
_SKEW = 5.0
_POLICY = CommitPolicy(seconds=5.0, attempts=8)


class Play:
    """One history of senders and workers."""

    def __init__(self, seed: int, weather: str) -> None:
        self.chance = random.Random(seed)
        self.scheduler = Scheduler(most_events=200_000)
        clock = SimulatedRuntime(self.scheduler, self.chance)
        self.bucket = Bucket(clock.now)
        self.network = Network(self.scheduler, self.bucket, lambda *_: None)
        self.weather = WEATHERS[weather]
        self.sizes = Sizes(seal=self.chance.choice((1, 300, 100_000)), chunk=self.chance.choice((300, 100_000)))
        self.page = self.chance.choice((1, 2, 1000))
        self.acknowledged: set[str] = set()
        self.finished: Counter[tuple[str, int]] = Counter()
        self.handed_out = 0
        self.violations: list[str] = []

    def run(self) -> Play:
        fair = WEATHERS["fair"]
        self._start("init", self._create(self.archive()), fair)
        self.scheduler.run()
        for number in range(2):
            self._start(f"sender {number}", self._send(self.archive(), number), self.weather)
        for number in range(3):
            self._revive(f"worker {number}", crashes=self.chance.randrange(3))
        self.scheduler.run()
        for _ in range(2):
            self._start("last", self._work(self.archive(skewed=False), lease=60.0, wait=90.0), fair)
            self.scheduler.run()
            self.network.release_all(self.chance)
            self.scheduler.run()
        self._start("judge", self._judge(self.archive()), fair)
        self.scheduler.run()
        self.violations += self.bucket.violations
        return self

    def archive(self, *, skewed: bool = True) -> Archive:
        """Return the archive as a new process sees it."""
        chance = random.Random(self.chance.getrandbits(48))
        skew = chance.uniform(-_SKEW, _SKEW) if skewed else 0.0
        store = SimulatedStore(self.network, page=self.page)
        runtime = SimulatedRuntime(self.scheduler, chance, skew=skew)
        return Archive(Opened(store, built_in=True), runtime, _POLICY, None, self.sizes)

    def _start(self, who: str, coroutine: Coroutine[Any, Any, None], weather: Weather) -> Task:
        task = Task(who, coroutine, random.Random(self.chance.getrandbits(48)), weather, self._ended)
        self.scheduler.after(0.0, partial(self.scheduler.start, task))
        return task

    def _revive(self, who: str, crashes: int) -> None:
        """Let a worker work, and crash so many times."""
        task = self._start(who, self._work(self.archive(), lease=_LEASE, wait=8.0), self.weather)
        if crashes:
            self.scheduler.after(self.chance.uniform(0.1, 3.0), partial(self._crash, task, who, crashes - 1))

    def _crash(self, task: Task, who: str, crashes: int) -> None:
        task.close()
        self._revive(who, crashes)

    def _ended(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            self.violations.append(f"an error that nothing here can cause: {error!r}")

    async def _create(self, archive: Archive) -> None:
        for session in _SESSIONS:
            await SessionCore(archive, session, bound=False).create((), None, {})

    async def _send(self, archive: Archive, number: int) -> None:
        broker = BrokerCore(archive, None)
        for place in range(6):
            session, text = self.chance.choice(_SESSIONS), f"{number}.{place}"
            await archive.runtime.sleep(self.chance.expovariate(1.0))
            for _ in range(20):
                try:
                    await broker.send(session, text, None, text)
                except S3StoreError:
                    continue
                self.acknowledged.add(text)
                break

    async def _work(self, archive: Archive, *, lease: float, wait: float) -> None:
        for _ in range(10):
            try:
                async for taken in BrokerCore(archive, None).watch(lease, wait, 1.0):
                    self.handed_out += 1
                    await self._answer(archive, taken, lease)
            except S3StoreError:
                continue
            return

    async def _answer(self, archive: Archive, taken: Taken, lease: float) -> None:
        await archive.runtime.sleep(self.chance.choice((0.0, 0.1, lease * 1.5)))
        name = f"{taken.record.commit}-{taken.record.seq}"
        message = taken.record.message["content"]
        changes = [Extend([message, f"answer to {message}"], keys=[name, f"{name}-answer"])]
        await SessionCore(archive, taken.session_id, bound=False).commit(changes, must_exist=True)
        if self.chance.random() < 0.7:
            try:
                await taken.done()
            except (LeaseLost, OutcomeUnknown):
                return
            self.finished[taken.session_id, taken.record.seq] += 1

    async def _judge(self, archive: Archive) -> None:
        seen: list[str] = []
        for session_id in _SESSIONS:
            session = SessionCore(archive, session_id, bound=False)
            inbox = session.inbox()
            sent = [record.message["content"] async for part in inbox.parts(0) for record in part]
            status = await inbox.status()
            if status.waiting:
                self.violations.append(f"{status.waiting} messages wait for ever, and no bell tells of them")
            answered = (await session.load()).messages
            if answered != [text for message in sent for text in (message, f"answer to {message}")]:
                self.violations.append("what was answered is not what was sent, each once and in order")
            seen += sent
        if len(set(seen)) != len(seen):
            self.violations.append("a message was stored twice")
        if not self.acknowledged <= set(seen):
            self.violations.append("an acknowledged message is lost")
        if any(number > 1 for number in self.finished.values()):
            self.violations.append("two were told that they had done the same message")
        if await all_keys(archive.store, MAIL):
            self.violations.append("a bell hangs although nothing waits")


def plays(weather: str, seeds: int) -> Iterable[Play]:
    return (Play(seed, weather).run() for seed in range(seeds))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "s3store")


@pytest.mark.parametrize("weather", ["fair", "lossy", "late", "storm"])
def test_no_history_loses_a_message_or_does_it_twice(weather: str) -> None:
    handed_out = again = 0
    for seed, play in enumerate(plays(weather, 40)):
        assert play.violations == [], seed
        handed_out += play.handed_out
        again += play.handed_out - len(play.acknowledged)
    assert handed_out > 300
    assert again > 20  # leases did run out


def _is_found(weather: str, seeds: int) -> bool:
    return any(play.violations for play in plays(weather, seeds))


def test_taking_down_bells_that_were_not_listed_before_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    take_down: Callable[..., Coroutine[Any, Any, None]] = Bells.take_down

    async def take_down_all(self: Bells, bells: list[str]) -> None:
        await self._runtime.sleep(1.0)
        prefix = bells[0].rpartition("/")[0]
        await take_down(self, await all_keys(self._store, prefix))

    monkeypatch.setattr(Bells, "take_down", take_down_all)
    assert _is_found("fair", 200)


def test_a_done_by_whoever_lost_the_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(self: Consumption, holder: str) -> Consumption:
        return Consumption(self.done + 1, finisher=holder) if self.lease is not None else self

    monkeypatch.setattr(Consumption, "finish", finish)
    assert _is_found("fair", 100)


def test_acknowledging_before_the_bell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Bells.ring

    async def ring_if_possible(self: Bells, session_id: str, head: Any) -> None:
        try:
            await ring(self, session_id, head)
        except (S3StoreError, Decide):
            pass

    monkeypatch.setattr(Bells, "ring", ring_if_possible)
    assert _is_found("lossy", 100)
