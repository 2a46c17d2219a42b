"""A client that also packs, settles, drops, and brings sessions back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....objects.tiers import STANDARD
from ....streams.terms import Terms
from ....times import END_OF_TIME
from ..sessions.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..sessions.client import Life
    from ..sessions.plan import Step


_CLASSES = (STANDARD, "GLACIER_IR", "DEEP_ARCHIVE", "DEEP_ARCHIVE")


class PacksClient(Client):
    """Goes through the steps of a plan, those of packs among them."""

    async def maintain(self, life: Life, step: Step) -> bool:
        """See `Client.maintain`."""
        packs = life.archive.packs
        match step.kind:
            case "pack":
                await packs.pack(_both_sessions(), storage_class=self._class_of(step))
            case "settle":
                await packs.settle(END_OF_TIME)
            case "drop":
                for record in await packs.records():
                    await packs.drop(record.name)
            case "unpack":
                await packs.unpack(step.session_id, Terms())
            case _:
                return await super().maintain(life, step)
        return True

    def _class_of(self, step: Step) -> str:
        return _CLASSES[step.seed % len(_CLASSES)] if self.mode.classes else STANDARD


async def _both_sessions() -> AsyncIterator[str]:
    for session_id in ("s0", "s1"):
        yield session_id
