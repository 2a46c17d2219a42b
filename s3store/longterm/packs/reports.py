"""What is told of packing, and of the packs that there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..reports import note_failure

if TYPE_CHECKING:
    from ..reports import RemovedKind

NotPackedReason: TypeAlias = Literal["resumed", "packed", "empty", "failed"]
"""Why a session was not packed. `resumed`: somebody changed it meanwhile. `packed`: it is already, and waits for the
clean-up. `empty`: it has no records. `failed`: it could not be read, or the store did not do it."""
NotUnpackedReason: TypeAlias = Literal["resumed", "archived", "failed"]
"""Why a session was not unpacked. `resumed`: it is gone, or in no pack any more. `archived`: its pack must be restored
first. `failed`: it could not be read, or the store did not do it."""


@dataclass(slots=True)
class Packed:
    """What a run of packing did, or, in a dry run, what it would do."""

    dry_run: bool
    sessions: int = 0
    """How many sessions a pack holds now. They are hot as well until a clean-up has seen to them."""
    records: int = 0
    packs: list[str] = field(default_factory=list)
    """The names of the packs that were made."""
    json_bytes: int = 0
    """The bytes of the records in these, as JSON lines."""
    bytes: int = 0
    """The bytes of the packs; in a dry run, of what they would replace."""
    left: Counter[NotPackedReason] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """What went wrong, each with its key: the first 100."""

    def failed(self, what: str) -> None:
        """Note that a session was left for want of success."""
        self.left["failed"] += 1
        note_failure(self.failures, what)


@dataclass(slots=True)
class Unpacked:
    """What unpacking did, or, in a dry run, what it would do."""

    dry_run: bool
    sessions: int = 0
    """How many sessions have objects of their own again. Their packs go with the clean-up once all have left them."""
    records: int = 0
    bytes: int = 0
    """What these took in their packs."""
    left: Counter[NotUnpackedReason] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """What went wrong: the first 100."""

    def failed(self, reason: NotUnpackedReason, what: str) -> None:
        """Note that a session was left, and what was in the way."""
        self.left[reason] += 1
        note_failure(self.failures, what)


@dataclass(slots=True)
class Settled:
    """What became of packs, and of the sessions in them; in a dry run, what would."""

    dry_run: bool = False
    sessions: int = 0
    """How many sessions stand on a pack alone now."""
    freed: int = 0
    """How many objects that were hot are gone."""
    moved: int = 0
    """How many packs were moved to the storage class that they are for."""
    dropped: int = 0
    """How many packs were removed, since no session names them."""
    failures: list[str] = field(default_factory=list)

    def removed(self) -> dict[RemovedKind, int]:
        """Return what was removed, as a clean-up counts it."""
        return {"hot": self.freed, "pack": self.dropped}

    def failed(self, what: str) -> None:
        """Note what could not be done; the next run tries it again."""
        note_failure(self.failures, what)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What it took to take sessions out of the packs."""

    rewritten: tuple[str, ...]
    """The packs that held records of them, and are gone."""
    packs: tuple[str, ...]
    """The packs that hold the others now."""
    kept: tuple[str, ...]
    """The packs that still hold records of them: a session that lives names them, or the store did not do it."""
    failures: tuple[str, ...] = ()
