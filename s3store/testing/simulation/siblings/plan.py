"""A history of siblings that is to be: who calls what, in which weather. Drawn from a seed, and cut down if need be."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ....streams.commit import CommitPolicy
from ....streams.draft import Sizes
from ..network import WEATHERS, Weather
from ..processes import SizedPlan, drawn_crashes

if TYPE_CHECKING:
    from collections.abc import Mapping

StepKind: TypeAlias = Literal["append", "replace", "load", "put", "remove", "delete", "clean up"]

_CALLS: Mapping[StepKind, int] = {
    "append": 24, "replace": 6, "load": 10, "put": 22, "remove": 5, "delete": 14, "clean up": 14,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiblingsMode:
    """A kind of history: its weather, and what befalls the processes."""

    weather: Weather
    crashes: float = 0.0
    """The chance, 0 to 1, that a process crashes."""
    dozes: float = 0.0
    """The share of writes before which one of the processes falls asleep, for a moment or for hours."""
    skewed: bool = False
    """Whether the clocks of the processes differ, by up to an hour."""
    calls: Mapping[StepKind, int] = field(default_factory=lambda: _CALLS)
    """What is called, and how often, as parts of their sum."""
    sleeper_calls: Mapping[StepKind, int] | None = None
    """What the process that falls asleep calls, where that is something else."""
    pauses: tuple[float, ...] = (0.05,)
    """How long a client waits before each call on an average, in seconds: one of these."""
    narrow: bool = False
    """Whether everything happens to one session, its traces and its artifacts, and each append seals the last one."""
    in_parts: float = 0.4
    """The share of bodies that go up in parts."""


_QUIET = Weather(faults=0.05)
_WRITES: Mapping[StepKind, int] = {"append": 10, "put": 10}
_SWEEPS: Mapping[StepKind, int] = {"append": 8, "load": 4, "put": 8, "delete": 8, "clean up": 30}

SIBLINGS_MODES: Mapping[str, SiblingsMode] = {
    "fair": SiblingsMode(WEATHERS["fair"]),
    "lossy": SiblingsMode(WEATHERS["lossy"], skewed=True),
    "late": SiblingsMode(WEATHERS["late"], dozes=0.05),
    "zombies": SiblingsMode(
        _QUIET, dozes=0.5, calls=_SWEEPS, sleeper_calls=_WRITES, pauses=(0.1, 1.0, 60.0), narrow=True
    ),
    "parts": SiblingsMode(
        _QUIET, dozes=0.4, calls={"put": 10, "delete": 10, "clean up": 5}, pauses=(0.1, 1.0), narrow=True, in_parts=0.9
    ),
    "crashes": SiblingsMode(WEATHERS["lossy"], crashes=0.7, skewed=True),
    "storm": SiblingsMode(WEATHERS["storm"], crashes=0.4, dozes=0.05, skewed=True),
}
"""The kinds of histories by name. A seed alone takes them in turn."""


@dataclass(frozen=True, slots=True)
class SiblingsStep:
    """One call that a client will make."""

    seed: int
    kind: StepKind
    session_id: str
    stream: str
    """Of which stream; the empty one for a delete and a clean-up."""
    name: str
    """What is told apart by it in the history: no other step has this name."""
    artifact: str
    """The name of the artifact that is put or removed."""
    content: str
    """What it holds: the same content is not uploaded twice, if that can be spared."""
    in_parts: bool
    """Whether a body goes up in parts, and goes on with an upload of the same content."""
    older_than: float
    """For a clean-up, in seconds."""
    dry_run: bool
    calm: bool = False
    """Whether its requests meet no faults: only a shrunk history has such."""


class SiblingsPlan(SizedPlan[SiblingsMode, SiblingsStep]):
    """A whole history to be."""


def siblings_plan_for(seed: int, mode: str | None = None) -> SiblingsPlan:
    """Draw the plan of a seed. `mode` is one of `SIBLINGS_MODES`; without one, the seed chooses."""
    chance = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    modes = list(SIBLINGS_MODES.values())
    chosen = SIBLINGS_MODES[mode] if mode is not None else modes[seed % len(modes)]
    processes = chance.choice((2, 2, 3, 3))
    return SiblingsPlan(
        seed=seed,
        mode=chosen,
        policy=chance.choice(_POLICIES),
        sizes=Sizes(
            seal=1 if chosen.narrow else chance.choice((1, 1, 150, 100_000)), chunk=chance.choice((150, 300, 100_000))
        ),
        page=chance.choice((1, 2, 1000)),
        processes=tuple(_steps(chance, chosen, number) for number in range(processes)),
        crashes=drawn_crashes(chance, processes, chosen.crashes, within=25),
    )


_POLICIES = (
    CommitPolicy(),
    CommitPolicy(seconds=10.0, attempts=8),
    CommitPolicy(seconds=3.0, attempts=3),
    CommitPolicy(seconds=1.0, attempts=2, pause=0.01),
)


def _steps(chance: random.Random, mode: SiblingsMode, process: int) -> tuple[SiblingsStep, ...]:
    calls = mode.sleeper_calls if process == 0 and mode.sleeper_calls is not None else mode.calls
    return tuple(_step(chance, mode, calls, f"{process}.{place}") for place in range(chance.randrange(2, 6)))


def _step(chance: random.Random, mode: SiblingsMode, calls: Mapping[StepKind, int], name: str) -> SiblingsStep:
    kind = chance.choices(list(calls), weights=list(calls.values()))[0]
    if kind in {"put", "remove"}:
        stream = "artifacts"
    elif kind in {"delete", "clean up"}:
        stream = ""
    else:
        of_records = ("traces",) if mode.narrow else ("transcript", "traces", "traces")
        stream = chance.choice((*of_records, "artifacts") if kind == "load" else of_records)
    return SiblingsStep(
        seed=chance.getrandbits(48),
        kind=kind,
        session_id="s0" if mode.narrow else chance.choice(("s0", "s0", "s0", "s1")),
        stream=stream,
        name=name,
        artifact=chance.choice("xy"),
        content=chance.choice("abc"),
        in_parts=chance.random() < mode.in_parts,
        older_than=chance.choice((0.0, 0.0, 1.0, 60.0)),
        dry_run=chance.random() < 0.1,
    )
