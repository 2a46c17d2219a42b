"""Simulated histories for as long as you say: `python -m s3store.testing.soak --seconds 600`.

Each seed is a history of the real protocol code in a world of lost answers, late writes and crashes (see
`s3store.testing.simulation`). A seed that goes wrong is printed, cut down to the shortest history that still does;
`--seed` runs it again, and nothing else.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass

import click

from .simulation import MODES, Report, plan_for, shrink, simulate

_LONGEST_STORIES = 3
_EVERY_SECONDS = 30.0


@dataclass(slots=True)
class Tally:
    """What a soak has seen so far."""

    histories: int = 0
    calls: int = 0
    unknown: int = 0
    requests: int = 0
    faults: int = 0
    failed: int = 0

    def add(self, report: Report) -> None:
        """Count a history."""
        self.histories += 1
        self.calls += len(report.operations)
        self.unknown += report.unknown
        self.requests += report.requests
        self.faults += report.faults
        self.failed += bool(report.violations)

    def line(self, seconds: float) -> str:
        """Return the tally as a line of text."""
        return (
            f"{self.histories:,} histories ({self.histories / max(seconds, 1e-9):,.0f} a second), {self.calls:,} calls "
            f"({self.unknown:,} of unknown outcome), {self.requests:,} requests, {self.faults:,} faults, "
            f"{self.failed:,} histories gone wrong"
        )


def soak(*, start: int, seeds: int | None, seconds: float | None, mode: str | None) -> Tally:
    """Run the histories of the seeds from `start` on, until there were `seeds` of them or the time is up.

    Prints what goes wrong: the seed of each history, and the shortest story of the first few.
    """
    began = said = time.monotonic()
    tally = Tally()
    for seed in itertools.count(start) if seeds is None else range(start, start + seeds):
        now = time.monotonic()
        if seconds is not None and now - began >= seconds:
            break
        if now - said >= _EVERY_SECONDS:
            said = now
            click.echo(tally.line(now - began), err=True)
        report = simulate(seed, mode)
        tally.add(report)
        if report.violations:
            click.echo(f"seed {seed} goes wrong: {report.violations[0]}")
            if tally.failed <= _LONGEST_STORIES:
                click.echo(shrink(report.plan).story())
    click.echo(tally.line(time.monotonic() - began))
    return tally


@click.command()
@click.option("--seed", type=int, help="Run this one, tell its story and print its hash.")
@click.option("--start", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many histories to run.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to run.")
@click.option("--mode", type=click.Choice(list(MODES)), help="One kind of history; else the seeds take them in turn.")
def main(seed: int | None, start: int, seeds: int | None, seconds: float | None, mode: str | None) -> None:
    """Run simulated histories of the archive's protocol; exit with 1 if one goes wrong."""
    if seed is not None:
        report = shrink(plan_for(seed, mode))
        click.echo(report.story())
        click.echo(f"hash {report.digest()}")
        sys.exit(1 if report.violations else 0)
    if seeds is None and seconds is None:
        raise click.UsageError("say how long: --seeds, --seconds or both")
    sys.exit(1 if soak(start=start, seeds=seeds, seconds=seconds, mode=mode).failed else 0)


if __name__ == "__main__":
    main()
