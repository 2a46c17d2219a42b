"""How long the function may still run."""

from __future__ import annotations

from typing import Protocol

UNBOUNDED = 900.0
"""The seconds that are reckoned with where nothing bounds a call: the longest that AWS Lambda gives one."""


class Context(Protocol):
    """What is used of the context that AWS Lambda hands to a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """Return after how many milliseconds the function will be killed."""
        ...


class TimeLeft:
    """The time that is left of an invocation, less a `reserve` (seconds) to end it in."""

    def __init__(self, context: Context | None, reserve: float) -> None:
        self._context = context
        self._reserve = reserve

    def seconds(self) -> float:
        """Return the seconds until the function is killed; 900 where there is no context."""
        return UNBOUNDED if self._context is None else self._context.get_remaining_time_in_millis() / 1000

    def is_short(self) -> bool:
        """Tell whether there is time for nothing but to end."""
        return self.seconds() <= self._reserve
