"""A record of the HTTP exchanges that a server or proxy saw: requests as billed, not as meant."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it. Bytes are those of the bodies, without heads."""

    method: str
    target: str
    """Path and query as sent, percent-encoded."""
    status: int | None
    """None where the connection was dropped without an answer."""
    bytes_in: int
    """Bytes of the request's body."""
    bytes_out: int
    """Bytes of the answer's body that were sent."""
    headers: Mapping[str, str] = field(repr=False)
    """The request's header fields, names in lower case."""


class Traffic:
    """The exchanges so far, in the order in which they ended; safe to share between threads."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._lock = threading.Condition()

    def add(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)
            self._lock.notify_all()

    def wait_for(self, count: int, method: str, part: str = "", *, seconds: float = 30) -> None:
        """Wait until so many exchanges with that method, and `part` in the target, have ended."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self.of(method, part)) >= count, seconds):
                raise TimeoutError(f"there were not {count} of {method} {part} within {seconds} s")

    def clear(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self._exchanges.clear()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Everything so far."""
        with self._lock:
            return tuple(self._exchanges)

    def of(self, method: str, part: str = "") -> tuple[Exchange, ...]:
        """Return the exchanges with that method whose target contains `part`."""
        return tuple(seen for seen in self.exchanges if seen.method == method and part in seen.target)

    def counts(self) -> Counter[str]:
        """Return how many exchanges there were of each method."""
        return Counter(seen.method for seen in self.exchanges)

    def bytes_in(self) -> int:
        """Return the bytes of all request bodies."""
        return sum(seen.bytes_in for seen in self.exchanges)

    def bytes_out(self) -> int:
        """Return the bytes of all answer bodies."""
        return sum(seen.bytes_out for seen in self.exchanges)
