"""What lies between a process and the bucket: each request arrives and is answered at some time, or does not.

A request is two events. At its arrival the bucket applies it in one step; later its answer reaches the caller. What
can go wrong with it is its `Fate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import StoreUnavailable
from ...keys import ARCHIVE
from ...objects.base import ListPage, ObjectAnswer, StoredObject, WriteRaced, check_get, check_list, check_put
from ...objects.tiers import Archived
from ...runtime import run
from .scheduler import Wait

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from ...objects.base import ObjectStore, ObjectVersion, Part, StartedUpload, Upload
    from .bucket import Bucket
    from .scheduler import Scheduler, Task

T = TypeVar("T")


class Fate(Enum):
    """What becomes of a request."""

    FINE = "fine"
    STALLED = "answered after a long time"
    REFUSED = "connection refused"
    NEVER_ARRIVED = "never arrived"
    ANSWER_LOST = "arrived, and the answer was lost"
    LATE = "arrives long after the caller has given up"
    HELD = "arrives at any time at all, or never"
    BUSY = "503, not applied"
    BUSY_BUT_DONE = "503, applied all the same"
    RACED = "409, not applied"
    DAMAGED = "the body was cut or flipped on its way"


_ANY = (Fate.STALLED, Fate.REFUSED, Fate.NEVER_ARRIVED, Fate.BUSY)
_WRITE = (*_ANY, Fate.ANSWER_LOST, Fate.ANSWER_LOST, Fate.LATE, Fate.HELD, Fate.BUSY_BUT_DONE)


@dataclass(frozen=True, slots=True)
class Weather:
    """How often requests meet a fault, and which.

    `fates` names those for each verb; a name twice is drawn twice as often. The verb "swap" is a PUT with a condition.
    """

    faults: float = 0.0
    """The share of requests that do, 0 to 1."""
    fates: Mapping[str, tuple[Fate, ...]] = field(
        default_factory=lambda: {
            "get": _ANY,
            "list": _ANY,
            "put": _WRITE,
            "delete": _WRITE,
            "swap": (*_WRITE, Fate.RACED),
        }
    )
    jumps: float = 0.0
    """The share of requests at which the clock of the process jumps."""

    def fate(self, verb: str, chance: random.Random) -> Fate:
        """Draw the fate of a request."""
        if chance.random() >= self.faults:
            return Fate.FINE
        return chance.choice(self.fates[verb])


_LATE_WRITES = (Fate.LATE, Fate.LATE, Fate.HELD, Fate.ANSWER_LOST, Fate.RACED)
_FAIR = Weather()
CALM = Weather()
"""No faults, and nobody sleeps: in the end of a history, and for the calls that a shrunk one spares."""

WEATHERS: Mapping[str, Weather] = {
    "fair": _FAIR,
    "lossy": Weather(faults=0.25, jumps=0.02),
    "late": Weather(faults=0.35, fates={**_FAIR.fates, "swap": _LATE_WRITES, "put": (Fate.LATE, Fate.ANSWER_LOST)}),
    "damage": Weather(faults=0.15, fates={**_FAIR.fates, "get": (Fate.DAMAGED, Fate.BUSY)}),
    "storm": Weather(faults=0.45, jumps=0.05),
}
"""The weathers by name."""


class Network:
    """Carries the requests of all processes; keeps those that nobody knows when they arrive."""

    def __init__(self, scheduler: Scheduler, bucket: Bucket, note: Callable[[str, str], None]) -> None:
        self.scheduler = scheduler
        self.bucket = bucket
        self.note = note
        self.met: dict[str, int] = {}
        self.requests = 0
        self._held: list[_Request] = []
        self._came_damaged: set[tuple[str, str]] = set()

    def meet(self, fault: str) -> None:
        """Count a fault of any kind."""
        self.met[fault] = self.met.get(fault, 0) + 1

    def damages(self, who: str, key: str) -> bool:
        """Tell whether a body is damaged on its way: never twice in a row, for that is what lies damaged."""
        came_damaged = (who, key) in self._came_damaged
        self._came_damaged ^= {(who, key)}
        return not came_damaged

    def release_one(self, chance: random.Random) -> None:
        """Let one of the held requests arrive now, if there is any."""
        if self._held:
            self._held.pop(chance.randrange(len(self._held))).arrive()

    def release_all(self, chance: random.Random) -> None:
        """Let the held requests arrive, in any order; some never do."""
        chance.shuffle(self._held)
        while self._held:
            held = self._held.pop()
            if chance.random() < 0.8:
                held.arrive()

    def hold(self, request: _Request) -> None:
        """Keep a request back."""
        self._held.append(request)


class SimulatedStore:
    """The object store of one process: its requests go through the network. `page` bounds the pages of a listing."""

    def __init__(self, network: Network, *, page: int) -> None:
        self._network = network
        self._bucket = network.bucket
        self._page = page
        self.on_request: Callable[[Task], None] = lambda _: None

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`."""
        check_get(key, byte_range)
        stored: StoredObject = await self._send("get", key, lambda: self._bucket.get(key, if_none_match, byte_range))
        return stored

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        check_put(key, if_match, if_absent)
        verb = "put" if if_match is None and not if_absent else "swap"
        etag: str = await self._send(verb, key, lambda: self._bucket.put(key, body, if_match, if_absent))
        return etag

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        await self._send("delete", key, lambda: self._bucket.delete(key, if_match))

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        check_list(prefix, after, limit)
        most = min(limit, self._page)
        page: ListPage = await self._send("list", prefix, lambda: self._bucket.list_page(prefix, after, most))
        return page

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        return await self._send_to("get", key, lambda store: store.size(key))

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        return await self._send_to("put", key, lambda store: store.begin_upload(key, part_size=part_size))

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`."""
        return await self._send_to("put", upload.key, lambda store: store.put_part(upload, number, body))

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        return await self._send_to("list", upload.key, lambda store: store.parts(upload))

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        return await self._send_to("put", upload.key, lambda store: store.finish_upload(upload, parts))

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        await self._send_to("delete", upload.key, lambda store: store.abort_upload(upload))

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        return await self._send_to("list", prefix, lambda store: store.list_uploads(prefix))

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`. Raises `StoreNotCapable`."""
        return await self._bucket.objects.presign(key, seconds=seconds, filename=filename, media_type=media_type)

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`."""
        return await self._send_to("list", prefix, lambda store: store.list_versions(prefix))

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`; there are no versions here but the empty one, the object itself."""
        if not version:
            await self.delete(key)

    async def close(self) -> None:
        """Nothing is held."""

    async def _send_to(self, verb: str, key: str, ask: Callable[[ObjectStore], Coroutine[Any, Any, T]]) -> T:
        answer: T = await self._send(verb, key, lambda: run(ask(self._bucket.objects)))
        return answer

    async def _send(self, verb: str, key: str, apply: Callable[[], Any]) -> Any:
        return await _Request(self._network, verb, key, apply, self.on_request)


class _Request(Wait):
    """One request on its way."""

    def __init__(
        self, network: Network, verb: str, key: str, apply: Callable[[], Any], on_request: Callable[[Task], None]
    ) -> None:
        self._network = network
        self._verb = verb
        self._key = key
        self._apply = apply
        self._on_request = on_request
        self._value: object = None
        self._error: Exception | None = None

    def begin(self, scheduler: Scheduler, task: Task) -> None:
        self._task = task
        self._network.requests += 1
        self._on_request(task)
        chance = task.chance
        fate = task.weather.fate(self._verb, chance)
        if fate is Fate.DAMAGED and not self._network.damages(task.who, self._key):
            fate = Fate.FINE
        self._fate = fate
        there, back = _latency(chance), _latency(chance)
        self._note("sends", "" if fate is Fate.FINE else fate.value)
        if fate is not Fate.FINE:
            self._network.meet(fate.value)
        if fate is Fate.FINE or fate is Fate.STALLED or fate is Fate.DAMAGED:
            slow = chance.uniform(1.0, 60.0) if fate is Fate.STALLED else 0.0
            scheduler.after(there, lambda: self._arrive_and_answer(back + slow))
        else:
            self._fail(scheduler, chance, fate, there)

    def arrive(self) -> None:
        """Be applied by the bucket."""
        try:
            self._value = self._apply()
            self._note("is applied", "")
        except (ObjectAnswer, Archived) as answer:
            self._error = answer
            self._note("is answered", type(answer).__name__)

    def _arrive_and_answer(self, back: float) -> None:
        self.arrive()
        self._network.scheduler.after(back, self._answer)

    def _answer(self) -> None:
        value = self._value
        if self._fate is Fate.DAMAGED and isinstance(value, StoredObject) and self._key != ARCHIVE:
            value = replace(value, body=_damaged(value.body, self._task.chance))
        self._network.scheduler.resume(self._task, self, value, self._error)

    def _fail(self, scheduler: Scheduler, chance: random.Random, fate: Fate, there: float) -> None:
        """Answer with an error, and let the request arrive as its fate says."""
        patience = there + (chance.uniform(0.2, 3.0) if fate not in _AT_ONCE else _latency(chance))
        if fate is Fate.ANSWER_LOST or fate is Fate.BUSY_BUT_DONE:
            scheduler.after(there, self.arrive)
        elif fate is Fate.LATE:
            scheduler.after(patience + chance.expovariate(0.5), self.arrive)
        elif fate is Fate.HELD:
            self._network.hold(self)
        error: Exception
        if fate is Fate.RACED:
            error = WriteRaced(self._key)
        else:
            error = StoreUnavailable(f"{self._key}: {fate.value}", may_have_landed=fate is not Fate.REFUSED)
        scheduler.after(patience, lambda: scheduler.resume(self._task, self, error=error))

    def _note(self, what: str, more: str) -> None:
        self._network.note(self._task.who, f"{self._verb} {self._key} {what}{': ' if more else ''}{more}")


_AT_ONCE = frozenset({Fate.REFUSED, Fate.BUSY, Fate.BUSY_BUT_DONE, Fate.RACED})


def _latency(chance: random.Random) -> float:
    """Draw seconds, mostly alike, so that requests overtake each other often."""
    return chance.uniform(0.005, 0.05)


def _damaged(body: bytes, chance: random.Random) -> bytes:
    if not body or chance.random() < 0.5:
        return body[: chance.randrange(len(body) or 1)]
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]
