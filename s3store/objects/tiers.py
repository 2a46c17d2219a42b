"""Storage classes: which there are, in which an object stands, how it moves, and how one is brought back to be read.

S3 prices what is kept by its class. From the classes that this module calls archives an object cannot be read before it
was restored: S3 then keeps a readable copy beside it for some days.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args, runtime_checkable

from ..errors import InvalidOption, StoreNotCapable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .base import ObjectStore

Tier: TypeAlias = Literal["expedited", "standard", "bulk"]
"""How fast an object is restored: the faster, the dearer."""
TIERS: tuple[Tier, ...] = get_args(Tier)
STANDARD = "STANDARD"
"""The class of whatever is written without a word about classes."""
CLASSES: Mapping[str, tuple[Tier, ...]] = {
    STANDARD: (),
    "STANDARD_IA": (),
    "ONEZONE_IA": (),
    "INTELLIGENT_TIERING": (),
    "GLACIER_IR": (),
    "GLACIER": ("expedited", "standard", "bulk"),
    "DEEP_ARCHIVE": ("standard", "bulk"),
}
"""The classes under S3's names, with the tiers by which their objects are restored; none: they read at once."""
LONGEST_RESTORE = 36_500
"""The most days that a restored object stays readable."""


class Archived(StoreNotCapable):
    """The object is in an archive class, and must be restored before it can be read."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How an object is kept."""

    storage_class: str
    """S3's name of the class; one that is not among `CLASSES` counts as one that reads at once."""
    size: int
    """In bytes."""
    restoring: bool = False
    """Whether it is being restored."""
    restored_until: datetime | None = None
    """When its readable copy goes, aware; None if there is none."""

    @property
    def readable(self) -> bool:
        """Whether it can be read now."""
        return not tiers_of(self.storage_class) or self.restored_until is not None


@runtime_checkable
class Tiered(Protocol):
    """A store that tells in which class an object is, and can move it, as far as it has other classes at all."""

    async def storage(self, key: str) -> Storage:
        """Return how an object is kept. Raises `NoSuchKey`."""
        ...

    async def set_class(self, key: str, storage_class: str) -> None:
        """Move an object of at most 5 GiB to another class, where it is, in one step; its content stays.

        It must be readable, and nobody else may write to its key meanwhile. Raises `NoSuchKey`, `InvalidOption` for a
        class that the store does not know, and `StoreNotCapable` where it has none but one.
        """
        ...

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """Ask for a readable copy of an object in an archive class, for `days` (1 to 36,500).

        It takes minutes to two days; `storage` tells. If one is on its way that is success, and nothing changes; if
        there is one, it stays for `days` from now. Raises `NoSuchKey`, and `StoreNotCapable` where the store restores
        nothing.
        """
        ...


class OneClass(ABC):
    """The operations of `Tiered` for a store that has one class, from which everything reads at once."""

    @abstractmethod
    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""

    async def storage(self, key: str) -> Storage:
        """See `Tiered.storage`."""
        return Storage(STANDARD, await self.size(key))

    async def set_class(self, key: str, storage_class: str) -> None:
        """Refuse; see `Tiered.set_class`."""
        check_class(storage_class)
        if storage_class != STANDARD:
            raise StoreNotCapable(
                f"{key}: a {type(self).__name__} has no storage class {storage_class}; only an archive on S3 has"
            )

    async def restore(self, key: str, *, days: int, tier: Tier) -> None:
        """Refuse; see `Tiered.restore`."""
        check_restore(days, tier)
        raise StoreNotCapable(f"{key}: from a {type(self).__name__} everything reads at once")


def tiered(store: ObjectStore) -> Tiered:
    """Return a store that has storage classes. Raises `StoreNotCapable` if it does not know of any."""
    if isinstance(store, Tiered):
        return store
    raise StoreNotCapable(f"a {type(store).__name__} has no storage classes: it lacks the methods of Tiered")


def check_class(storage_class: str) -> None:
    """Check the name of a class. Raises `InvalidOption`, naming those that there are."""
    if storage_class not in CLASSES:
        raise InvalidOption(f"storage_class is one of {', '.join(CLASSES)}, not {storage_class!r}")


def check_restore(days: int, tier: str) -> None:
    """Check the arguments of `Tiered.restore`. Raises `InvalidOption`."""
    if not 1 <= days <= LONGEST_RESTORE:
        raise InvalidOption(f"days is 1 to {LONGEST_RESTORE:,}, not {days!r}")
    if tier not in TIERS:
        raise InvalidOption(f"tier is one of {', '.join(TIERS)}, not {tier!r}")


def tiers_of(storage_class: str) -> tuple[Tier, ...]:
    """Return by which tiers objects of a class are restored; none of one that reads at once."""
    return CLASSES.get(storage_class, ())
