"""Nasty inputs that are kept, each given to its decoder: only errors of ours, in bounded time and memory."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from s3store import CorruptObject, SessionStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.fuzz.decoders import TARGETS, archive, give, stored
from tests.fuzz.fuzz import CORPUS, by_chance, mutated, seeds

_MOST_BYTES = 512 * 2**20


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_gives_only_errors_of_ours(target: str) -> None:
    kept = [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]

    assert kept
    assert sum(give(target, data) > 0 for data in kept) >= len(kept) // 2


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_nothing_that_is_kept_takes_much_memory() -> None:
    """In a process of its own: bombs of half a gigabyte are among it."""
    # Not by getrusage, whose peak a process inherits from the one that started it.
    program = (
        "from tests.fuzz.decoders import give; from tests.fuzz.fuzz import CORPUS\n"
        "for target in ('head', 'page'): give(target, (CORPUS / target / 'bomb').read_bytes())\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert int(ran.stdout) * 1024 < _MOST_BYTES


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_of_what_is_stored_and_kept(target: str) -> None:
    chance = random.Random(target)
    known = seeds(target)
    # A bomb takes a second each time.
    small = [data for data in known if len(data) < 16_000]

    for _ in range(25):
        give(target, mutated(chance.choice(small), chance))


def test_the_archive_that_is_fuzzed_is_right_before() -> None:
    head = TARGETS["head"]()

    assert give("head", bytes([0]) + archive()[head]) == 0


def test_a_moment_of_fuzzing_counts_its_inputs() -> None:
    assert by_chance("manifest", 0.05, 1) > 0


def test_a_message_that_is_counted_and_not_there_is_damage() -> None:
    """Found by fuzzing: an inbox whose head counts a message that its tail does not hold."""
    data = (CORPUS / "inbox" / "nan-line").read_bytes()
    memory = MemoryStore()
    for key, body in {**archive(), TARGETS["inbox"](): stored("inbox", data)}.items():
        run(memory.put(key, body))
    with SessionStore(memory) as store, pytest.raises(CorruptObject, match="due there"):
        store.inbox("plain").receive()
