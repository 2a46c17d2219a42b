"""What a pass of maintenance is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption

_LONGEST = 100 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Order:
    """What a pass is asked for. Raises `InvalidOption` for what is out of bounds."""

    seconds: float | None
    requests: int | None
    older_than: float
    wait: float
    dry_run: bool

    def __post_init__(self) -> None:
        for name, value in (("seconds", self.seconds), ("requests", self.requests)):
            if value is not None and not 0 < value <= _LONGEST:
                raise InvalidOption(f"{name}: a budget is more than 0, or None for no bound, not {value!r}")
        for name, age in (("older_than", self.older_than), ("wait", self.wait)):
            if not 0 <= age <= _LONGEST:
                raise InvalidOption(f"{name} is a number of seconds, from 0 to a hundred years, not {age!r}")
