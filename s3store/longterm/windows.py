"""Sessions in groups that are worked on side by side: few, and little to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

_SIDE_BY_SIDE = 16
_TOGETHER_BYTES = 8 * 1024 * 1024


class Sized(Protocol):
    """Something that takes room."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...


S = TypeVar("S", bound=Sized)
T = TypeVar("T")


class _Window(Generic[T]):
    """The group that is being made: at most 16, and of 8 MiB unless a single one is larger."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.items: list[T] = []
        self._size = 0

    def add(self, item: T, size: int) -> list[T]:
        """Add to the group, or to another one that begins with this; return the group that is full now, or nothing."""
        full: list[T] = []
        if self.items and self._size + size > _TOGETHER_BYTES:
            full = self.items
            self._begin()
        self.items.append(item)
        self._size += size
        if len(self.items) == _SIDE_BY_SIDE:
            full = self.items
            self._begin()
        return full


def windows(listed: Sequence[S]) -> Iterator[list[S]]:
    """Yield sessions in groups of at most 16, and of 8 MiB unless a single one is larger, in their order."""
    window: _Window[S] = _Window()
    for each in listed:
        if full := window.add(each, each.size):
            yield full
    if window.items:
        yield window.items


async def windows_of(found: AsyncIterator[T], size: Callable[[T], int]) -> AsyncIterator[list[T]]:
    """Yield what comes one after the other in groups, as `windows` does; `size` tells how much room each takes."""
    window: _Window[T] = _Window()
    async for each in found:
        if full := window.add(each, size(each)):
            yield full
    if window.items:
        yield window.items
