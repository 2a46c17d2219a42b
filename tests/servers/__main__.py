"""Runs the tests of real servers on each: `python -m tests.servers --installed FOLDER [NAME ...]`.

On a server that is fit: the conformance class, the check, the contracts' cases,
and the tests of the store, index, siblings and clean-up. On one that is not:
that the check refuses it. What could not be installed or started is said at the end, and loudly.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from .lanes import LANES, Lane, NotHereError

if TYPE_CHECKING:
    from .endpoint import Endpoint

_ROOT = Path(__file__).parent.parent.parent
_FIT = (
    "tests/real_servers",
    "tests/contracts",
    "tests/index",
    "tests/longterm",
    "tests/siblings",
    "tests/test_store.py",
    "--ignore=tests/real_servers/test_adversaries.py",
)
_UNFIT = ("tests/real_servers/test_adversaries.py",)


class Result(NamedTuple):
    """What came of a server: a line for the table, and whether that is bad."""

    name: str
    line: str
    bad: bool = False
    missing: bool = False


def run_lane(lane: Lane, installed: Path, pythons: tuple[str, ...]) -> Result:
    """Start a server and run its tests with each of the interpreters."""
    try:
        with lane.started(installed) as endpoint:
            lines = [_tests(python, lane, endpoint) for python in pythons]
    except (NotHereError, RuntimeError) as error:
        return Result(lane.name, f"NOT RUN: {error}", missing=True)
    return Result(lane.name, "; ".join(line for line, _ in lines), bad=any(bad for _, bad in lines))


def _tests(python: str, lane: Lane, endpoint: Endpoint) -> tuple[str, bool]:
    paths = _FIT if lane.fit else _UNFIT
    command = [python, "-m", "pytest", "-q", "-m", "(s3 or aioboto3) and not long", *paths]
    done = subprocess.run(
        command, cwd=_ROOT, env=os.environ | endpoint.environ(), stdout=subprocess.PIPE, text=True, check=False
    )
    click.echo(done.stdout)
    found = re.findall(r"^(?:=+ )?(\d+ \w+.*?)(?: =+)?$", done.stdout, re.MULTILINE)
    return (found[-1] if found else f"pytest ended with {done.returncode}"), done.returncode != 0


@click.command()
@click.option("--installed", type=click.Path(path_type=Path), required=True, help="Where servers are installed.")
@click.option("--python", "pythons", multiple=True, required=True, help="An interpreter to test with; several.")
@click.option("--strict", is_flag=True, help="A server that could not be had is a failure too.")
@click.argument("names", nargs=-1, type=click.Choice(list(LANES)))
def main(installed: Path, pythons: tuple[str, ...], names: tuple[str, ...], *, strict: bool) -> None:
    """Run the tests on the servers called NAMES, or on all; exit with 1 if some fail."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended too
    installed.mkdir(parents=True, exist_ok=True)
    results = [run_lane(LANES[name], installed.resolve(), pythons) for name in names or LANES]
    for result in results:
        click.secho(f"{result.name:<18} {result.line}", fg="red" if result.bad or result.missing else None)
    if any(result.bad or (strict and result.missing) for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
