"""A client: makes the calls of its plan, one after the other."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ....errors import OutcomeUnknown, S3StoreError
from ..network import CALM
from .calls import end_without_answer
from .reader import Reader
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..scheduler import Scheduler
    from .bucket import IndexBucket
    from .calls import Life, Recorder
    from .plan import IndexMode, IndexStep

_LONG_PAUSES = 0.12
_HOUR = 3600.0


class IndexClient:
    """Goes through the steps of a plan, also when its process dies under it: then the next life goes on."""

    def __init__(
        self,
        who: str,
        steps: Sequence[IndexStep],
        mode: IndexMode,
        bucket: IndexBucket,
        recorder: Recorder,
        scheduler: Scheduler,
    ) -> None:
        self.who = who
        self._steps = steps
        self._mode = mode
        self.reader = Reader(who, bucket, recorder)
        self._writer = Writer(who, bucket.truth, recorder, relaxed=mode.relaxed)
        self._recorder = recorder
        self._scheduler = scheduler
        self._next = 0

    async def run(self, life: Life) -> None:
        """Make the calls that are left, in a process that has just started."""
        task = self._scheduler.current
        if task is None:
            raise RuntimeError("a client runs as a task of its scheduler")
        while self._next < len(self._steps):
            step = self._steps[self._next]
            self._next += 1
            task.chance = random.Random(step.seed)  # noqa: S311 - a simulation must be repeatable
            task.weather = CALM if step.calm else self._mode.weather
            pause = task.chance.expovariate(10.0)
            if self._mode.dozes and task.chance.random() < _LONG_PAUSES:
                pause += task.chance.uniform(0.0, _HOUR)
            await life.runtime.sleep(pause)
            await self._take(life, step, task.chance)

    async def _take(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        match step.kind:
            case "append" | "update" | "create" | "save":
                await self._writer.write(life, step, chance)
            case "delete":
                await self._writer.delete(life, step, chance)
            case "close":
                await self._writer.close(life)
            case "list":
                await self.reader.draw_list(life, chance)
            case "pages":
                await self.reader.draw_pages(life, chance)
            case "count":
                await self.reader.draw_count(life, chance)
            case "running":
                await self.reader.running(life)
            case _:
                await self._keep(life, step)

    async def _keep(self, life: Life, step: IndexStep) -> None:
        call = self._recorder.call(self.who, step.kind)
        index = life.archive.index
        try:
            match step.kind:
                case "compact":
                    told: object = await life.compactor.compact()
                case "merge":
                    told = await life.compactor.compact(everything=True)
                case "sweep":
                    told = await life.compactor.sweep()
                case "rebuild":
                    told = await index.rebuild(None)
                case _:
                    told = await index.verify(None, fix=True)
        except OutcomeUnknown as error:
            self._recorder.end(call, type(error).__name__)
        except S3StoreError as error:
            end_without_answer(self._recorder, call, error, may_be_slower=True)
        else:
            self._recorder.end(call, str(told))
