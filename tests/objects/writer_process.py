"""Programs that share a directory store with others of their kind. Each is run by `test_directory_processes`.

`kills` and `steps` fork their writers themselves: this process has one thread and everything imported, so that
a new writer costs a millisecond.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from s3store.objects import MIN_PART, NoSuchKey, PreconditionFailed
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.objects import Part, Upload

COUNTER = "shared/counter.json"


def body_of(number: int) -> bytes:
    """A body that is surely whole if it is equal."""
    return b"%08d" % number * 8192


def count_up(store: DirectoryStore) -> int:
    while True:
        found = run(store.get(COUNTER))
        number = int(found.body[:8]) + 1
        with suppress(PreconditionFailed):
            run(store.put(COUNTER, body_of(number), if_match=found.etag))
            return number


def tell(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


# Racers: wait for the word, do their work, tell what they won


def count(root: str, name: str) -> None:
    store = DirectoryStore(root)
    input()
    for _ in range(100):
        count_up(store)


def create(root: str, name: str) -> None:
    store = DirectoryStore(root)
    input()
    won = []
    for number in range(200):
        with suppress(PreconditionFailed):
            run(store.put(f"race/{number}.json", name.encode(), if_absent=True))
            won.append(number)
    tell(won)


def churn(root: str, name: str) -> None:
    store = DirectoryStore(root, durable=False)
    input()
    for number in range(400):
        key, body = f"churn/in/one/folder/{name}.json", body_of(number)
        etag = run(store.put(key, body))
        assert run(store.get(key)).body == body
        assert key in [found.key for found in run(store.list_page("churn/")).objects]
        run(store.delete(key, if_match=etag))
        with suppress(NoSuchKey):
            run(store.get(key))
            raise AssertionError(key)


# Writers that are killed while they work


def kills(root: str, name: str) -> None:
    """Start two writers, kill them at a moment of chance, tell what they had acknowledged; and again, when told."""
    chance = random.Random(int(name))
    while True:
        writers = [start_writer(root, number) for number in range(2)]
        for _, acknowledged in writers:
            for _ in range(chance.randrange(1, 12)):
                acknowledged.readline()
        for _ in range(chance.randrange(20_000)):
            pass  # spreads the kills over the operation that is under way
        for pid, _ in writers:
            os.kill(pid, signal.SIGKILL)
        for pid, _ in writers:
            os.waitpid(pid, 0)
        tell([[json.loads(line) for line in acknowledged] for _, acknowledged in writers])
        if not sys.stdin.readline():
            return


class Acknowledged:
    """What a writer has acknowledged so far, from its pipe. A line is written in one piece, so none is torn."""

    def __init__(self, pipe: int) -> None:
        self._file = os.fdopen(pipe)
        self._lines: list[str] = []

    def readline(self) -> None:
        self._lines.append(self._file.readline())

    def __iter__(self) -> itertools.chain[str]:
        with self._file:
            return itertools.chain(self._lines, self._file.readlines())


def start_writer(root: str, number: int) -> tuple[int, Acknowledged]:
    readable, writable = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writable)
        return pid, Acknowledged(readable)
    try:
        write_on(root, f"w{number}", writable)
    finally:
        os._exit(1)


def write_on(root: str, name: str, pipe: int) -> None:
    def acknowledge(what: str, number: int) -> None:
        os.write(pipe, json.dumps([what, number]).encode() + b"\n")

    store = DirectoryStore(root)
    previous = None
    for number in itertools.count(int(run(store.get(f"own/{name}.json")).body[:8]) + 1):
        acknowledge("counted", count_up(store))
        run(store.put(f"own/{name}.json", body_of(number)))
        acknowledge("owned", number)
        run(store.put(f"log/{name}/{number}/entry.json", body_of(number), if_absent=True))
        acknowledge("logged", number)
        if previous is not None:
            run(store.delete(f"log/{name}/{previous}/entry.json"))
            acknowledge("removed", previous)
        previous = number


# Writers that are killed before each of their system calls in turn

CALLS = (
    "open",
    "mkdir",
    "chmod",
    "fchmod",
    "fdopen",
    "fsync",
    "utime",
    "replace",
    "rename",
    "unlink",
    "rmdir",
    "close",
)
SMALL_PART, LARGE_BODY = b"last", b"1" * MIN_PART


def overwrite(store: DirectoryStore) -> Callable[[], object]:
    run(store.put("a/b/c.json", body_of(1)))
    return lambda: run(store.put("a/b/c.json", body_of(2)))


def remove(store: DirectoryStore) -> Callable[[], object]:
    run(store.put("a/b/c.json", body_of(1)))
    return lambda: run(store.delete("a/b/c.json"))


def part(store: DirectoryStore) -> Callable[[], object]:
    upload = run(store.begin_upload("a/b/c.json", part_size=MIN_PART))
    run(store.put_part(upload, 1, b"a former part"))
    return lambda: run(store.put_part(upload, 1, SMALL_PART))


def begun(store: DirectoryStore) -> tuple[Upload, list[Part]]:
    upload = run(store.begin_upload("a/b/c.json", part_size=MIN_PART))
    return upload, [run(store.put_part(upload, n, body)) for n, body in enumerate((LARGE_BODY, SMALL_PART), 1)]


def finish(store: DirectoryStore) -> Callable[[], object]:
    upload, parts = begun(store)
    return lambda: run(store.finish_upload(upload, parts))


def abort(store: DirectoryStore) -> Callable[[], object]:
    upload, _ = begun(store)
    return lambda: run(store.abort_upload(upload))


OPERATIONS: dict[str, Callable[[DirectoryStore], Callable[[], object]]] = {
    "create": lambda store: lambda: run(store.put("a/b/c.json", body_of(2))),
    "overwrite": overwrite,
    "delete": remove,
    "begin": lambda store: lambda: run(store.begin_upload("a/b/c.json", part_size=MIN_PART)),
    "part": part,
    "finish": finish,
    "abort": abort,
}


def steps(root: str, name: str) -> None:
    """Run the operation `name` on a store of its own for each step, killed at that step; tell how many there were."""
    for step in itertools.count():
        folder = f"{root}/{step}"
        store = DirectoryStore(folder)
        work = OPERATIONS[name](store)
        pid = os.fork()
        if not pid:
            die_at(step)
            work()
            os._exit(0)
        if os.waitpid(pid, 0)[1] == 0:
            tell(step)
            return


def die_at(step: int) -> None:
    number = itertools.count()

    def deadly(call: object) -> object:
        def wrapper(*args: object, **options: object) -> object:
            if next(number) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            assert callable(call)
            return call(*args, **options)

        return wrapper

    for call in CALLS:
        setattr(os, call, deadly(getattr(os, call)))


if __name__ == "__main__":
    programs = {"count": count, "create": create, "churn": churn, "kills": kills, "steps": steps}
    programs[sys.argv[1]](str(Path(sys.argv[2])), sys.argv[3])
