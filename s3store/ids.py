"""ULIDs: names that sort by the time they were made, and never repeat.

Written in lower case, so that they stay apart on a file system that folds case. Within one `UlidSource` they
only grow, also where the clock stands still or goes back: index log keys rely on that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_STEP_BITS = 64
ULID_LENGTH = 26
"""Characters in a ULID."""


class UlidSource:
    """Makes ULIDs from a clock and a source of random bits; safe to share between threads."""

    def __init__(self, now: Callable[[], datetime], random_bits: Callable[[int], int]) -> None:
        self._now = now
        self._random_bits = random_bits
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return a new ULID, greater than every one that this source gave before."""
        milliseconds = int(self._now().timestamp() * 1000)
        fresh = (milliseconds << _RANDOM_BITS) | self._random_bits(_RANDOM_BITS)
        with self._lock:
            if fresh <= self._last:
                # By a step of chance: a process that was forked off makes others, though it stands at the same place.
                fresh = self._last + 1 + self._random_bits(_STEP_BITS)
            self._last = fresh
            return _encode(fresh)


def ulid_after(ulid: str) -> str:
    """Return the least ULID that sorts behind another."""
    number = 0
    for digit in ulid:
        number = number << 5 | _ALPHABET.index(digit)
    return _encode(number + 1)


def _encode(number: int) -> str:
    digits = []
    for _ in range(ULID_LENGTH):
        digits.append(_ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(digits))
