"""Inputs for every decoder, as long as you say: `python -m tests.fuzz.fuzz --seconds 600`, or `make fuzz`.

Where atheris is installed it chooses them by the branches that they take (`pip install atheris`; one target at a time,
each in a process of its own); else they are seeded mutations of what is stored and of the corpus. What raises anything
but an error of ours, or takes longer than a minute or more than a gigabyte, is printed, and belongs in `corpus/`.
"""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.fuzz.decoders import TARGETS, archive, give, input_of

CORPUS = Path(__file__).parent / "corpus"


def seeds(target: str) -> list[bytes]:
    """Return the inputs that are kept for a target, and what is stored there."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    stored = archive().get(TARGETS[target](), b"")
    return [*kept, input_of(0, stored), input_of(1, stored[-200:]), input_of(2, stored[8:])]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some of them flipped, cut out, doubled or replaced."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(changed) + 1)
        length = chance.randrange(1, 16)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case _:
                changed[at:at] = chance.randbytes(length)
    return bytes(changed)


def by_chance(target: str, seconds: float, seed: int) -> int:
    """Give a target mutations for so long; return how many. Raises what it raises, with the input in a note."""
    chance, known, given = random.Random(seed), seeds(target), 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        data = mutated(chance.choice(known), chance)
        given += 1
        try:
            give(target, data)
        except BaseException as error:
            error.add_note(f"{target}: input {data.hex()}")
            raise
    return given


def by_branches(target: str, seconds: float) -> str:
    """Let atheris look for inputs, in a process of its own; return the last line that it says."""
    command = [sys.executable, "-m", "tests.fuzz.with_atheris", target, f"-max_total_time={max(1, int(seconds))}"]
    limits = ["-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1", "-max_len=4096"]
    # What it finds goes to the first folder; what is kept is only read.
    with TemporaryDirectory() as found:
        folders = [f"-artifact_prefix={found}/", found, str(CORPUS / target)]
        ended = subprocess.run([*command, *limits, *folders], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise click.ClickException(f"{target}:\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}")
    said = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
    return said[-1].rpartition(":")[2].strip()


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=600, show_default=True, help="How long, in all.")
@click.option("--target", type=click.Choice(list(TARGETS)), help="One of them; else all, in turn.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the mutations, without atheris.")
def main(seconds: float, target: str | None, seed: int) -> None:
    """Fuzz the decoders, and print how many inputs each was given."""
    chosen = [target] if target else list(TARGETS)
    atheris = importlib.util.find_spec("atheris") is not None
    click.echo(f"inputs chosen {'by atheris' if atheris else 'by chance: atheris is not installed'}")
    total = 0
    for each in chosen:
        share = seconds / len(chosen)
        given = int(by_branches(each, share)) if atheris else by_chance(each, share, seed)
        total += given
        click.echo(f"{each}: {given:,} inputs")
    click.echo(f"{total:,} inputs, and only errors of ours")


if __name__ == "__main__":
    main()
