"""Running a history of packing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ....keys import pack_key
from ....times import END_OF_TIME
from ..sessions.world import SessionsLife, SessionsWorld
from .bucket import PacksBucket
from .client import PacksClient
from .store import PacksStore

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ....keys import StreamKeys
    from ....streams.segments import Segment
    from ..network import Network
    from ..sessions.plan import Plan, Step

_DOZES = (0.3, 1.0, 3.0, 10.0, 30.0)


class PacksLife(SessionsLife):
    """One life of a process, which may fall asleep between a look and what it does upon that."""

    def __init__(self, world: PacksWorld, name: str, chance: random.Random, *, skew: float) -> None:
        self._bucket = world.bucket
        super().__init__(world, name, chance, skew=skew)

    def open_store(self, network: Network, plan: Plan) -> PacksStore:
        """See `Life.open_store`."""
        return PacksStore(
            network,
            self._bucket,
            page=plan.page,
            dozes=plan.mode.dozes,
            draw=lambda chance: chance.choice(_DOZES),
        )


class PacksWorld(SessionsWorld):
    """One history of packing under way."""

    bucket: PacksBucket

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, partial(PacksBucket, rots=plan.mode.rots))
        if plan.mode.classes:
            self.expected |= {"RestoreRequired"}

    def live_once(self, name: str, chance: random.Random, *, skew: float) -> PacksLife:
        """See `World.live_once`."""
        return PacksLife(self, name, chance, skew=skew)

    def client(self, who: str, steps: Sequence[Step]) -> PacksClient:
        """See `SessionsWorld.client`."""
        return PacksClient(who, steps, self.plan.mode, self, self.scheduler)

    def finish(self) -> None:
        """Look at everything as `SessionsWorld` does; then settle in peace, and see that no pack is left over."""
        self.bucket.restore_all()
        super().finish()
        # The first may find a pack marked by somebody who died, and give it back; the second moves sessions on to it
        # from an older one, which the third finds without any.
        for _ in range(3):
            self.run_alone("audit", self._settle())
        if left := self.bucket.needless_packs():
            self.violates(f"packs that no session names, left by a clean-up in peace: {left}")
        if misplaced := self.bucket.misplaced():
            self.violates(f"not moved to their class by a clean-up in peace: {misplaced}")
        if self.plan.mode.weather.faults == 0 and (waiting := self.bucket.waiting()):
            self.violates(f"hot as well as packed, though nothing failed: {waiting}")

    def stored_lines(self, keys: StreamKeys, segment: Segment) -> bytes:
        """See `SessionsWorld.stored_lines`: what stands in a pack is read with pyarrow alone."""
        if segment.place is None:
            return super().stored_lines(keys, segment)
        pack = self.bucket.get(pack_key(segment.place.pack), None, None).body
        return _lines_in_pack(pack, keys.session_id, segment.first, segment.count)

    async def _settle(self) -> None:
        await self.live("audit").archive.packs.settle(END_OF_TIME)


def _lines_in_pack(pack: bytes, session_id: str, first: int, count: int) -> bytes:
    """Return the lines of some records of a session, as any Parquet reader finds them in a pack."""
    from pyarrow import BufferReader
    from pyarrow.parquet import read_table

    rows = read_table(BufferReader(pack), columns=["session", "seq", "record"]).to_pylist()
    wanted = range(first, first + count)
    return "".join(
        f"{row['record']}\n" for row in rows if row["session"] == session_id and row["seq"] in wanted
    ).encode()
