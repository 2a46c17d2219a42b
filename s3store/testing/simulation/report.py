"""What came of a history, whatever it is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class Mode(Protocol):
    """A kind of history, as far as every world asks for it."""

    @property
    def skewed(self) -> bool:
        """Whether the clocks of the processes differ, by up to an hour."""
        ...


class Plan(Protocol):
    """A whole history to be: all that is drawn from a seed, and small enough to be cut down."""

    @property
    def seed(self) -> int:
        """What it is drawn from."""
        ...

    @property
    def mode(self) -> Mode:
        """What kind of history it is."""
        ...

    @property
    def page(self) -> int:
        """The most objects on a page of a listing."""
        ...

    @property
    def crashes(self) -> tuple[tuple[int, int], ...]:
        """Processes that crash, by number, each with the number of requests that it lives to send."""
        ...

    @property
    def steps(self) -> int:
        """How many calls there are."""
        ...

    def setting(self) -> str:
        """Return what else was drawn, as a line of a story."""
        ...

    def smaller(self) -> Iterable[Self]:
        """Return copies with one thing less: a crash, a call, or the faults of one call."""
        ...


class Operation(Protocol):
    """A call of a history."""

    @property
    def unknown(self) -> bool:
        """Whether nobody was told what became of it."""
        ...

    def line(self) -> str:
        """Return the call and its end on one line."""
        ...


P = TypeVar("P", bound=Plan)
O = TypeVar("O", bound=Operation)  # noqa: E741 - an operation


@dataclass(slots=True)
class Report(Generic[P, O]):
    """What came of a history."""

    plan: P
    operations: list[O] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What went wrong, in words; empty if nothing did."""
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    """What happened when, to whom: each request as it is sent and as it is applied, and each crash."""
    requests: int = 0
    met: dict[str, int] = field(default_factory=dict)
    """How often each kind of fault was met: what befell requests, crashes, sleeps, jumps of clocks."""

    @property
    def faults(self) -> int:
        """How many faults were met, of every kind."""
        return sum(self.met.values())

    @property
    def unknown(self) -> int:
        """How many calls ended without their outcome being known."""
        return sum(operation.unknown for operation in self.operations)

    def digest(self) -> str:
        """Return a hash of all that happened: the same for the same plan, on any machine."""
        sha256 = hashlib.sha256()
        for moment, who, what in self.trace:
            sha256.update(f"{moment!r} {who} {what}\n".encode())
        for operation in self.operations:
            sha256.update(f"{operation.line()}\n".encode())
        return sha256.hexdigest()

    def story(self) -> str:
        """Tell the history: what went wrong, what was called, and every request."""
        return "\n".join(
            [
                f"seed {self.plan.seed}: {self.plan.steps} calls, {self.faults} faults",
                self.plan.setting(),
                *(f"VIOLATION: {violation}" for violation in self.violations),
                *(operation.line() for operation in self.operations),
                *(f"{moment:10.3f}  {who:<8}  {what}" for moment, who, what in self.trace),
            ]
        )


AnyReport = Report[Any, Any]
"""Of any scenario."""
