"""Calls that are judged by what the callers were told, and not as one order of effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .report import Plan
from .world import Client, Life, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

P = TypeVar("P", bound=Plan)
L = TypeVar("L", bound=Life)
C = TypeVar("C", bound="Client[Any]")


class Call:
    """One call of a history."""

    def __init__(self, number: int, who: str, what: str) -> None:
        self.number = number
        self.who = who
        self.what = what
        self.told: str | None = None
        """What the caller was told; None if its process ended first."""
        self.unknown = False
        """Whether nobody was told what became of a write."""

    def line(self) -> str:
        """Return the call and its end on one line."""
        return f"[{self.number}] {self.who}: {self.what} -> {'…' if self.told is None else self.told}"


class CallsWorld(World[P, Call, L, C]):
    """A world that writes down calls and what was told upon them. Each client judges its own."""

    def call(self, who: str, what: str) -> Call:
        """Write down that a call is made."""
        self.begins_call()
        call = Call(len(self.report.operations), who, what)
        self.report.operations.append(call)
        self.note(who, f"calls {what} [{call.number}]")
        return call

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        """Write down what a call was told, and what is wrong with that."""
        call.told, call.unknown = told, unknown
        self.note(call.who, f"returns from {call.what} [{call.number}]")
        self.report.violations += [f"[{call.number}] {call.who}: {call.what} {each}" for each in wrong]
