"""Sessions in groups that are worked on side by side: few, and little to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SIDE_BY_SIDE = 16
_TOGETHER_BYTES = 8 * 1024 * 1024


class Sized(Protocol):
    """Something that takes room."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...


S = TypeVar("S", bound=Sized)


def windows(listed: Sequence[S]) -> Iterator[list[S]]:
    """Yield sessions in groups of at most 16, and of 8 MiB unless a single one is larger, in their order."""
    window: list[S] = []
    for each in listed:
        if window and (
            len(window) == _SIDE_BY_SIDE or sum(other.size for other in window) + each.size > _TOGETHER_BYTES
        ):
            yield window
            window = []
        window.append(each)
    if window:
        yield window
