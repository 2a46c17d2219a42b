"""What processes do to a cache that others use at the same time. Every body says in its first bytes what it must be."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import sys
import threading
from typing import TYPE_CHECKING

from s3store.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (50, 2_000, 20_000, 40_000, 100_000)
NAMES = 40


def body_of(name: str, tag: str) -> bytes:
    """Return the only body that is right for a name and a tag."""
    seed = hashlib.sha256(f"{name} {tag}".encode()).digest()
    size = SIZES[seed[0] % len(SIZES)]
    return (seed * (size // len(seed) + 1))[:size]


def hammer(cache: Cache, seed: str, rounds: int) -> int:
    """Do this and that; return how many reads found something, all of it right."""
    dice = random.Random(seed)
    found = 0
    for number in range(rounds):
        name = f"name {dice.randrange(NAMES)}"
        if dice.random() < 0.4:
            tag = f"{seed} {number}"
            cache.put(name, tag, body_of(name, tag))
        elif dice.random() < 0.1:
            cache.forget(name)
        cached = cache.get(name)
        if cached is not None:
            found += 1
            assert cached.body == body_of(name, cached.tag), "a wrong body"
            cache.confirm(name, cached.tag)
    return found


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def run_hammer(directory: str) -> None:
    """Use the cache with others and say how often something was found."""
    sys.stdin.readline()
    cache = Cache(directory, size_limit=2 << 20)
    found = hammer(cache, f"p{os.getpid()}", 30)
    say(found, cache.info().usable)


def run_forever(directory: str) -> None:
    """Write until somebody kills this process; a line for each write."""
    cache = Cache(directory, size_limit=2 << 20)
    number = 0
    while True:
        number += 1
        name = f"name {number % NAMES}"
        cache.put(name, str(number), body_of(name, str(number)))
        say(number)


def run_fork(directory: str) -> None:
    """Fork while another thread uses the same object; children and parent go on with it."""
    cache = Cache(directory)
    cache.put("before", "t", b"of the parent")
    stop = threading.Event()

    def use() -> None:
        while not stop.is_set():
            hammer(cache, "thread", 5)

    thread = threading.Thread(target=use)
    thread.start()
    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                cached = cache.get("before")
                cache.put(f"child {number}", "t", b"of a child")
                hammer(cache, f"child {number}", 20)
                status = 0 if cached is not None and cached.body == b"of the parent" else 2
            finally:
                os._exit(status)
        children.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    stop.set()
    thread.join()
    assert statuses == [0] * 8, statuses
    assert all(cache.get(f"child {number}") is not None for number in range(8))
    say("done", cache.verify().dropped)


def run_full(directory: str) -> None:
    """Let no file grow over 200 KB, so that writes fail as on a full disk; what is found must be right all the same."""
    cache = Cache(directory)
    cache.put("before", "t", b"kept")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    for number in range(100):
        for size in (3_000, 300_000):
            cache.put(f"{number} {size}", "t", bytes([number]) * size)
    for number in range(100):
        for size in (3_000, 300_000):
            cached = cache.get(f"{number} {size}")
            assert cached is None or cached.body == bytes([number]) * size
    faulty = cache.info().fault is not None
    assert cache.get("99 300000") is None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    cache.close()
    cache.put("after", "t", b"x" * 300_000)
    say(faulty, cache.get("before") is not None, cache.get("after") is not None, cache.verify().dropped)


PROGRAMS: dict[str, Callable[[str], None]] = {
    "hammer": run_hammer,
    "forever": run_forever,
    "fork": run_fork,
    "full": run_full,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](sys.argv[2])
