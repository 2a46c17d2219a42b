"""Breaks each rule of the protocol and looks for it: `python -m s3store.testing.mutations`."""

from __future__ import annotations

import sys

import click

from . import MUTATIONS


@click.command()
@click.option(
    "--seeds", type=click.IntRange(min=1), default=3000, show_default=True, help="The most histories of each."
)
@click.option("--only", type=click.Choice(list(MUTATIONS)), help="One of them.")
def main(seeds: int, only: str | None) -> None:
    """Print which mutations the simulator catches, as a table; exit with 1 if one is not caught."""
    missed = 0
    click.echo("| rule | broken by | scenario, mode | histories it took |\n|---|---|---|---|")
    for each in MUTATIONS.values():
        if only in {None, each.name}:
            report = each.search(range(seeds))
            missed += report is None
            took = f"not caught in {seeds}" if report is None else f"{report.plan.seed + 1}"
            click.echo(f"| {each.rule} | {each.name} | {each.scenario.name}, `{each.mode}` | {took} |")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
