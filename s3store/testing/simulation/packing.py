"""What a client does about packs in a simulated history: packing, settling, dropping, and bringing sessions back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ...streams.terms import Terms
from ...times import END_OF_TIME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ...archive import Archive
    from .plan import Step, StepKind

PACKING: frozenset[StepKind] = frozenset({"pack", "settle", "unpack", "drop"})
"""The calls that change where records stand, and not what a caller is told of them."""


class Life(Protocol):
    """One life of a process."""

    archive: Archive


async def take(life: Life, step: Step) -> None:
    """Take a step of `PACKING`. Raises what the core raises."""
    packs = life.archive.packs
    match step.kind:
        case "pack":
            await packs.pack(_each("s0", "s1"))
        case "settle":
            await packs.settle(END_OF_TIME)
        case "drop":
            for record in await packs.records():
                await packs.drop(record.name)
        case "unpack":
            await packs.unpack(step.session_id, Terms())


def lines_in_pack(pack: bytes, session_id: str, first: int, count: int) -> bytes:
    """Return the lines of some records of a session, as any Parquet reader finds them in a pack."""
    from pyarrow import BufferReader
    from pyarrow.parquet import read_table

    rows = read_table(BufferReader(pack), columns=["session", "seq", "record"]).to_pylist()
    wanted = range(first, first + count)
    return "".join(
        f"{row['record']}\n" for row in rows if row["session"] == session_id and row["seq"] in wanted
    ).encode()


async def _each(*session_ids: str) -> AsyncIterator[str]:
    for session_id in session_ids:
        yield session_id
