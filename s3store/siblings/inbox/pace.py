"""How often to look again where nothing has come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import InvalidOption

if TYPE_CHECKING:
    from ...runtime import Runtime

_FIRST_PAUSE = 0.05


class Pace:
    """Pauses that double from a twentieth of a second up to `poll` seconds, and end when nothing came for `wait`.

    With `wait` None they never end. Raises `InvalidOption` for what is no such number of seconds.
    """

    def __init__(self, runtime: Runtime, wait: float | None, poll: float) -> None:
        if isinstance(poll, bool) or not isinstance(poll, int | float) or not 0 < poll < math.inf:
            raise InvalidOption(f"poll is a number of seconds over 0, not {poll!r}")
        if wait is not None and (isinstance(wait, bool) or not isinstance(wait, int | float) or not wait >= 0):
            raise InvalidOption(f"wait is a number of seconds from 0 on, or None, not {wait!r}")
        self._runtime = runtime
        self._wait = wait
        self._poll = poll
        self.begin()

    def begin(self) -> None:
        """Something has come: begin anew."""
        self._since = self._runtime.monotonic()
        self._next = min(_FIRST_PAUSE, self._poll)

    async def pause(self) -> bool:
        """Pause before the next look; False, at once, if there is to be none."""
        # Up to a half less, so that those who wait for the same do not all look at the same moment.
        seconds = self._next * (1 - self._runtime.random() / 2)
        if self._wait is not None:
            left = self._since + self._wait - self._runtime.monotonic()
            if left <= 0:
                return False
            seconds = min(seconds, left)
        await self._runtime.sleep(seconds)
        self._next = min(self._next * 2, self._poll)
        return True
