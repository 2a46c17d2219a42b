"""Processes that race for sessions on a real server, and are killed: `python -m tests.servers.soak ceph-20`.

Each writes down every acknowledged record in a file of its own, flushed to the disk, before it goes on; one after
another is killed with SIGKILL and replaced. At the end every record that was written down is found, and found once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from s3store import SessionStore

from .lanes import LANES
from .processes import end, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from .endpoint import Endpoint

SESSIONS = [f"session-{number}" for number in range(4)]
_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Totals:
    """What came of a soak. `problems` is empty where every promise was kept."""

    acknowledged: int
    stored: int
    killed: int
    problems: tuple[str, ...]


def soak(endpoint: Endpoint, *, seconds: float, processes: int = 8, kill_every: float = 1.0, seed: int = 0) -> Totals:
    """Have `processes` writers race for `seconds`, killing one every `kill_every` seconds, and look what is there."""
    location = f"s3://{endpoint.bucket}/soak-{time.time_ns()}"
    with SessionStore(location, s3=endpoint.options()) as store:
        for session in SESSIONS:
            store.create(session)
    with tempfile.TemporaryDirectory() as folder:
        killed = _race(endpoint, location, Path(folder), seconds, processes, kill_every, random.Random(seed))
        acknowledged = Counter(line for path in Path(folder).glob("*.acknowledged") for line in _whole_lines(path))
    return _found(endpoint, location, acknowledged, killed)


def _race(
    endpoint: Endpoint,
    location: str,
    folder: Path,
    seconds: float,
    processes: int,
    kill_every: float,
    chance: random.Random,
) -> int:
    started = 0

    def new_writer() -> subprocess.Popen[bytes]:
        nonlocal started
        started += 1
        command = [sys.executable, "-m", "tests.servers.soak_writer", location, f"w{started}", str(folder)]
        return start(command, environ=endpoint.environ() | {"PYTHONPATH": str(_ROOT)}, log=folder / "log")

    writers = [new_writer() for _ in range(processes)]
    killed = 0
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            time.sleep(kill_every)
            place = chance.randrange(processes)
            if writers[place].poll() is not None:
                raise RuntimeError(f"a writer ended by itself: {(folder / 'log').read_text()[-2000:]}")
            writers[place].kill()
            writers[place].wait()
            killed += 1
            writers[place] = new_writer()
    finally:
        for writer in writers:
            end(writer)
    return killed


def _whole_lines(path: Path) -> Iterator[str]:
    # The last may have been cut by the kill: then nobody was told.
    yield from path.read_text().split("\n")[:-1]


def _found(endpoint: Endpoint, location: str, acknowledged: Counter[str], killed: int) -> Totals:
    problems: list[str] = []
    stored: Counter[str] = Counter()
    with SessionStore(location, s3=endpoint.options(), cache=False) as store:
        for session in SESSIONS:
            messages = store.load(session).messages
            stored.update(f"{session} {message}" for message in messages)
        listed = {info.id for info in store.list()}
        problems += [f"{session} is not listed" for session in SESSIONS if session not in listed]
    problems += broken_promises(acknowledged, stored)
    return Totals(acknowledged.total(), stored.total(), killed, tuple(problems))


def broken_promises(acknowledged: Counter[str], stored: Counter[str]) -> list[str]:
    """Return a sentence for each record that was acknowledged and is not stored, and for each that is more than once.

    What was stored and not acknowledged breaks nothing: its writer was killed before it was told.
    """
    lost = [f"{record} was acknowledged and is lost" for record in acknowledged.keys() - stored.keys()]
    return lost + [f"{record} is there {times} times" for record, times in stored.items() if times > 1]


@click.command()
@click.option("--installed", type=click.Path(path_type=Path), required=True, help="Where servers are installed.")
@click.option("--seconds", type=click.FloatRange(min=1), default=600, show_default=True, help="How long to run.")
@click.option("--processes", type=click.IntRange(min=1), default=8, show_default=True, help="How many race.")
@click.option(
    "--kill-every", type=click.FloatRange(min=0.1), default=1, show_default=True, help="Seconds between kills."
)
@click.option("--seed", type=int, default=os.getpid, help="Chooses who is killed.")
@click.argument("name", type=click.Choice([lane.name for lane in LANES.values() if lane.fit]))
def main(installed: Path, seconds: float, processes: int, kill_every: float, seed: int, name: str) -> None:
    """Race on the server called NAME; exit with 1 if a promise was broken."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended too
    with LANES[name].started(installed.resolve()) as endpoint:
        totals = soak(endpoint, seconds=seconds, processes=processes, kill_every=kill_every, seed=seed)
    for problem in totals.problems[:20]:
        click.secho(problem, fg="red")
    click.echo(
        f"{name}: {processes} processes, {seconds:g} s, seed {seed}: {totals.acknowledged:,} acknowledged, "
        f"{totals.stored:,} stored, {totals.killed:,} killed, {len(totals.problems):,} problems"
    )
    if totals.problems or not totals.acknowledged:
        sys.exit(1)


if __name__ == "__main__":
    main()
