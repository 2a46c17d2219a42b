"""Runs the tests of real servers on each: `python -m tests.servers --installed FOLDER [NAME ...]`.

On a server that is fit: the conformance class, the check, the contracts' cases,
and the tests of the store, index, siblings and clean-up. On one that is not:
that the check refuses it. At the end stands a table of all, and loudly what could not be installed or started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .lanes import LANES, Lane, NotHereError
from .results import Result, table

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
_ENDINGS = (0, 1)
"""What pytest ends with when all tests passed, and when some failed."""


def run_lane(lane: Lane, installed: Path, pythons: tuple[str, ...]) -> Result:
    """Start a server and run its tests with each of the interpreters."""
    result = Result(lane.name, lane.fit)
    try:
        with lane.started(installed) as endpoint:
            for python in pythons:
                _test(python, lane, endpoint, result)
    except (NotHereError, RuntimeError) as error:
        result.missing = str(error)
    return result


def _test(python: str, lane: Lane, endpoint: Endpoint, result: Result) -> None:
    paths = _FIT if lane.fit else _UNFIT
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", "-q", f"--junit-xml={report}", "-m", _marks(python), *paths]
        done = subprocess.run(command, cwd=_ROOT, env=os.environ | endpoint.environ(), check=False)
        if report.exists():
            result.add(report)
    if done.returncode not in _ENDINGS:
        result.problems.append(f"{python} -m pytest ended with {done.returncode}")


def _marks(python: str) -> str:
    """Return which tests an interpreter runs: those of the asyncio store where it has aioboto3, the long ones too."""
    has_aioboto3 = subprocess.run([python, "-c", "import aioboto3"], stderr=subprocess.DEVNULL, check=False)
    return "s3 and not aioboto3 and not long" if has_aioboto3.returncode else "(s3 and not long) or aioboto3"


def _say(result: Result) -> None:
    for problem in result.problems:
        click.secho(f"{result.name}: {problem}", fg="red", bold=True)
    if result.missing is not None:
        click.secho(f"NOT RUN: {result.name}: {result.missing}", fg="red", bold=True)


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
    click.echo(table(results))
    for result in results:
        _say(result)
    missing = [result.name for result in results if result.missing is not None]
    if missing:
        click.secho(f"{len(missing)} of {len(results)} servers could not be had: {', '.join(missing)}", fg="red")
    if any(result.bad for result in results) or (strict and missing):
        sys.exit(1)


if __name__ == "__main__":
    main()
