"""A client: makes the calls of its plan, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import OutcomeUnknown, S3StoreError
from ..network import CALM
from ..processes import SteppingClient
from .calls import end_without_answer
from .reader import Reader
from .writer import Writer

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ..network import Weather
    from ..scheduler import Scheduler
    from .bucket import IndexBucket
    from .calls import Life, Recorder
    from .plan import IndexMode, IndexStep

_LONG_PAUSES = 0.12
_HOUR = 3600.0


class IndexClient(SteppingClient["IndexStep", "Life"]):
    """Writes, lists and keeps."""

    def __init__(
        self,
        who: str,
        steps: Sequence[IndexStep],
        mode: IndexMode,
        bucket: IndexBucket,
        recorder: Recorder,
        scheduler: Scheduler,
    ) -> None:
        super().__init__(who, steps, scheduler)
        self._mode = mode
        self.reader = Reader(who, bucket, recorder)
        self._writer = Writer(who, bucket.truth, recorder, relaxed=mode.relaxed)
        self._recorder = recorder

    def weather_of(self, step: IndexStep) -> Weather:
        """See `SteppingClient.weather_of`."""
        return CALM if step.calm else self._mode.weather

    def pause_before(self, _: IndexStep, chance: random.Random) -> float:
        """See `SteppingClient.pause_before`."""
        pause = chance.expovariate(10.0)
        if self._mode.dozes and chance.random() < _LONG_PAUSES:
            pause += chance.uniform(0.0, _HOUR)
        return pause

    async def take(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        """See `SteppingClient.take`."""
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
