"""Simulated histories for as long as you say, on all cores: `python -m s3store.testing.soak --seconds 600`.

Each seed is a history of the real protocol code in a world of lost answers, late writes and crashes, one of each
scenario (see `s3store.testing.simulation`). A seed that goes wrong is printed, and the first few are cut down to the
shortest history that still does; `--scenario` and `--seed` run one again, and nothing else.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple, Self

import click

from .simulation import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .simulation import AnyReport

_LONGEST_STORIES = 3
_EVERY_SECONDS = 30.0
_TOGETHER = 20
_MODES = sorted({mode for scenario in SCENARIOS.values() for mode in scenario.modes})


@dataclass(slots=True)
class Tally:
    """What a soak has seen so far of one scenario, or of all."""

    histories: int = 0
    calls: int = 0
    unknown: int = 0
    requests: int = 0
    failed: int = 0
    met: Counter[str] = field(default_factory=Counter)
    """The faults, by kind."""

    def add(self, report: AnyReport) -> None:
        """Count a history."""
        self.histories += 1
        self.calls += len(report.operations)
        self.unknown += report.unknown
        self.requests += report.requests
        self.met.update(report.met)
        self.failed += bool(report.violations)

    def __iadd__(self, other: Tally) -> Self:
        for each in fields(Tally):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    @property
    def faults(self) -> int:
        """How many faults were met, of every kind."""
        return self.met.total()

    def line(self, seconds: float) -> str:
        """Return the tally as a line of text."""
        return (
            f"{self.histories:,} histories ({self.histories / max(seconds, 1e-9):,.0f} a second), {self.calls:,} calls "
            f"({self.unknown:,} of unknown outcome), {self.requests:,} requests, {self.faults:,} faults, "
            f"{self.failed:,} histories gone wrong"
        )


class _Part(NamedTuple):
    """Some histories of one scenario, to be run by one process."""

    scenario: str
    mode: str | None
    seeds: range


@dataclass(slots=True)
class _Done:
    """What came of a part."""

    scenario: str
    tally: Tally = field(default_factory=Tally)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    """The seeds that went wrong, each with what was found first."""


def soak(
    *,
    start: int,
    seeds: int | None,
    seconds: float | None,
    mode: str | None,
    scenario: str | None = None,
    jobs: int = 1,
) -> Tally:
    """Run the histories of the seeds from `start` on, until there were `seeds` of each scenario or the time is up.

    `mode` is a kind of history, and leaves out the scenarios that have no such; `jobs` processes share the work. Prints
    what goes wrong, the shortest stories of the first few, and a tally of each scenario. Returns that of all.
    """
    names = [name for name in SCENARIOS if scenario in {None, name} and (mode is None or mode in SCENARIOS[name].modes)]
    began = said = time.monotonic()
    tallies = {name: Tally() for name in names}
    stories = 0
    for done in _each_done(_parts(names, mode, start, seeds, seconds), jobs):
        tallies[done.scenario] += done.tally
        for seed, wrong in done.wrong:
            click.echo(f"{done.scenario}: seed {seed} goes wrong: {wrong}")
            if stories < _LONGEST_STORIES:
                stories += 1
                click.echo(_shortest(done.scenario, seed, mode).story())
        now = time.monotonic()
        if now - said >= _EVERY_SECONDS:
            said = now
            click.echo(_sum(tallies.values()).line(now - began), err=True)
    for name, tally in tallies.items():
        click.echo(f"{name}: {tally.line(time.monotonic() - began)}")
    total = _sum(tallies.values())
    for fault, times in total.met.most_common():
        click.echo(f"  {times:>12,}  {fault}")
    return total


def _parts(names: list[str], mode: str | None, start: int, seeds: int | None, seconds: float | None) -> Iterator[_Part]:
    """Yield the work, each scenario in turn; no more once the time is up."""
    began = time.monotonic()
    firsts = itertools.count(start, _TOGETHER) if seeds is None else range(start, start + seeds, _TOGETHER)
    for first in firsts:
        behind = first + _TOGETHER if seeds is None else min(first + _TOGETHER, start + seeds)
        for name in names:
            if seconds is not None and time.monotonic() - began >= seconds:
                return
            yield _Part(name, mode, range(first, behind))


def _each_done(parts: Iterator[_Part], jobs: int) -> Iterator[_Done]:
    if jobs == 1:
        yield from map(_run, parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as processes:
        running: set[Future[_Done]] = set()
        for part in parts:
            running.add(processes.submit(_run, part))
            if len(running) > jobs:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        yield from (future.result() for future in running)


def _run(part: _Part) -> _Done:
    scenario, done = SCENARIOS[part.scenario], _Done(part.scenario)
    for seed in part.seeds:
        report = scenario.simulate(seed, part.mode)
        done.tally.add(report)
        if report.violations:
            done.wrong.append((seed, report.violations[0]))
    return done


def _shortest(name: str, seed: int, mode: str | None) -> AnyReport:
    scenario = SCENARIOS[name]
    return scenario.shrink(scenario.plan_for(seed, mode))


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total += tally
    return total


@click.command()
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), help="What to simulate; else all, in turn.")
@click.option("--seed", type=int, help="Run this one of a scenario, tell its story and print its hash.")
@click.option("--start", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many histories of each scenario to run.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to run.")
@click.option("--mode", type=click.Choice(_MODES), help="One kind of history; else the seeds take them in turn.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many processes share the work; else one a core.")
def main(
    scenario: str | None,
    seed: int | None,
    start: int,
    seeds: int | None,
    seconds: float | None,
    mode: str | None,
    jobs: int | None,
) -> None:
    """Run simulated histories of the archive's protocol; exit with 1 if one goes wrong."""
    if scenario is not None and mode is not None and mode not in SCENARIOS[scenario].modes:
        raise click.UsageError(f"{scenario} has no mode {mode}; it has {', '.join(SCENARIOS[scenario].modes)}")
    if seed is not None:
        if scenario is None:
            raise click.UsageError(f"say of which scenario: {', '.join(SCENARIOS)}")
        report = _shortest(scenario, seed, mode)
        click.echo(report.story())
        click.echo(f"hash {report.digest()}")
        sys.exit(1 if report.violations else 0)
    if seeds is None and seconds is None:
        raise click.UsageError("say how long: --seeds, --seconds or both")
    tally = soak(
        start=start, seeds=seeds, seconds=seconds, mode=mode, scenario=scenario, jobs=jobs or os.cpu_count() or 1
    )
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
