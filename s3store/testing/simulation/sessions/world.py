"""Running a history of sessions: their records, deletes and sweeps, by clients that share processes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import orjson
import zstandard

from ....archive import Archive
from ....errors import S3StoreError
from ....keys import TRANSCRIPT, StreamKeys
from ....locations import Opened
from ....objects.base import NoSuchKey
from ....streams.head import unpack_head
from ..bucket import Bucket
from ..history import Operation, Read
from ..machine import UnreliableCache, local_of
from ..world import Life, LinearWorld
from .client import Client
from .plan import Plan, Step, StepKind

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from ....streams.segments import Segment
    from ..history import Edit, Terms

_EXPECTED = frozenset({"Conflict", "StoreUnavailable", "SessionNotFound", "SessionExists", "SessionDeleted"})
_AUDIT: tuple[StepKind, ...] = ("load",)


class SessionsLife(Life):
    """One life of a process, with the archive as it sees it."""

    def __init__(self, world: SessionsWorld, name: str, chance: random.Random, *, skew: float) -> None:
        super().__init__(world, name, chance, skew=skew)
        plan = world.plan
        local = local_of(world.cache, self.runtime) if plan.mode.cached else None
        self.archive = Archive(
            Opened(self.store, built_in=True), self.runtime, plan.policy, None, plan.sizes, local=local
        )


class SessionsWorld(LinearWorld[Plan, SessionsLife, Client]):
    """One history of sessions under way."""

    def __init__(self, plan: Plan, bucket: Callable[[Callable[[], datetime]], Bucket] = Bucket) -> None:
        super().__init__(plan, bucket)
        self.cache = UnreliableCache(self.scheduler, self.network.meet)
        self.expected = _EXPECTED | {"CorruptObject"} if plan.mode.damages else _EXPECTED

    def clients(self) -> Iterator[tuple[str, Client]]:
        """See `World.clients`."""
        for number, client in enumerate(self.plan.clients):
            process = f"p{client.process}"
            yield process, self.client(f"{process}.{number}", client.steps)

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> SessionsLife:
        """See `World.live_once`."""
        return SessionsLife(self, name, chance, skew=skew)

    def begin(self, who: str, step: Step, edits: Sequence[Edit] | None, terms: Terms) -> Operation:
        """See `Recorder.begin`."""
        what = None if edits is None else tuple(edits)
        return self.begins(lambda number, at: Operation(number, who, step.session_id, step.kind, what, terms, at))

    def finish(self) -> None:
        """Let a last process settle some of what is unknown and read everything, before and after the stragglers."""
        sessions = sorted({step.session_id for client in self.plan.clients for step in client.steps})
        reads = [_read(session_id, kind) for session_id in sessions for kind in _AUDIT]
        settler = self.client("audit", [])
        life = self.live("audit")
        for operation in list(self.report.operations):
            if self.chance.random() < 0.5:
                self.run_alone(settler.who, settler.resolve(life, operation))
        self.run_alone("audit", self.client("audit", reads).run(life))
        self.let_all_arrive()
        self.run_alone("audit", self.client("audit", reads).run(life))
        for session_id, operations in self.judged().items():
            self._compare_with_stored(session_id, operations)
        if self.plan.mode.weather.faults == 0 and self.bucket.unnamed():
            self.violates(f"left behind though nothing failed: {self.bucket.unnamed()}")

    def client(self, who: str, steps: Sequence[Step]) -> Client:
        """Return one that takes these steps."""
        return Client(who, steps, self.plan.mode, self, self.scheduler)

    def stored_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """Return the lines of a segment as they are read without the product: with zstd alone."""
        return _inflated(self.bucket.get(keys.segment(segment.name), None, None).body)

    def _compare_with_stored(self, session_id: str, operations: Sequence[Operation]) -> None:
        """Compare the last read with what zstd alone makes of the objects."""
        last = operations[-1].outcome
        found = self._stored(session_id)
        shown = [message for message, _ in last.entries or ()] if isinstance(last, Read) else []
        if found != shown:
            self.violates(f"{session_id}: without the product it reads {found}, the session is {shown}")

    def _stored(self, session_id: str) -> list[object]:
        keys = StreamKeys.of(session_id, TRANSCRIPT)
        try:
            head = self.bucket.get(keys.head, None, None).body
            parts = [self.stored_lines(keys, segment) for segment in unpack_head(keys, head).segments]
        except (NoSuchKey, S3StoreError):
            return []
        return [orjson.loads(line)["message"] for part in [*parts, _inflated(head)] for line in part.splitlines()]


def _inflated(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read()


def _read(session_id: str, kind: StepKind) -> Step:
    return Step(
        seed=0,
        kind=kind,
        session_id=session_id,
        messages=(),
        keys=(),
        by_handle=False,
        must_exist=False,
        expects=False,
        resolves=False,
        calm=True,
    )
