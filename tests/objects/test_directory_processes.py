from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import s3store
from s3store.objects import MIN_PART, NoSuchKey, NoSuchUpload, StoredObject
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run

from .writer_process import COUNTER, LARGE_BODY, SMALL_PART, body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).with_name("writer_process.py")
PACKAGE = Path(s3store.__path__[0]).parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def start(program: str, root: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), program, str(root), name],
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def race(program: str, root: Path, processes: int) -> list[str]:
    """Run a program in several processes side by side and return what each wrote."""
    with ExitStack() as stack:
        racers = [stack.enter_context(start(program, root, f"p{number}")) for number in range(processes)]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        output = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * processes
    return output


def keys(store: DirectoryStore, prefix: str) -> list[str]:
    return [found.key for found in run(store.list_page(prefix)).objects]


def test_processes_that_count_by_swaps_lose_nothing(root: Path) -> None:
    store = DirectoryStore(root)
    run(store.put(COUNTER, body_of(0)))
    race("count", root, 3)
    assert run(store.get(COUNTER)).body == body_of(300)


def test_of_processes_that_create_the_same_object_one_wins(root: Path) -> None:
    won = [json.loads(output) for output in race("create", root, 3)]
    assert sorted(number for numbers in won for number in numbers) == list(range(200))
    store = DirectoryStore(root)
    for name, numbers in enumerate(won):
        for number in numbers:
            assert run(store.get(f"race/{number}.json")).body == b"p%d" % name


def test_processes_that_fill_and_prune_one_folder_lose_nothing(root: Path) -> None:
    race("churn", root, 3)
    assert keys(DirectoryStore(root), "") == []
    assert [path.name for path in root.iterdir()] == [".s3store"]


def test_a_killed_writer_leaves_every_object_whole_and_every_acknowledged_write(root: Path) -> None:
    store = DirectoryStore(root)
    for key in (COUNTER, "own/w0.json", "own/w1.json"):
        run(store.put(key, body_of(0)))
    model = Model(store)
    for acknowledged in killed_writers(root, rounds=50):
        model.check(acknowledged)
    assert model.counted > 50


def killed_writers(root: Path, rounds: int) -> Iterator[list[list[tuple[str, int]]]]:
    with start("kills", root, "7") as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        for number in range(rounds):
            if number:
                killer.stdin.write("go on\n")
                killer.stdin.flush()
            yield json.loads(killer.stdout.readline())
        killer.communicate()
    assert killer.returncode == 0


class Model:
    """What must be in the store after all that the writers have acknowledged, killed or not."""

    def __init__(self, store: DirectoryStore) -> None:
        self.store = store
        self.counted = 0
        self.owned = [0, 0]
        self.logged: list[set[int]] = [set(), set()]

    def check(self, acknowledged: list[list[tuple[str, int]]]) -> None:
        for writer, acknowledgements in enumerate(acknowledged):
            removing = self.follow(writer, acknowledgements)
            self.check_own(writer)
            self.check_log(writer, removing)
        counter = self.number_in(COUNTER)
        # Each of the two writers may have written once more than it could tell.
        assert self.counted <= counter <= self.counted + 2
        self.counted = counter

    def follow(self, writer: int, acknowledgements: list[tuple[str, int]]) -> int | None:
        """Take over what a writer acknowledged; return the log entry that it may have been removing."""
        logged = [number for what, number in acknowledgements if what == "logged"]
        removed = [number for what, number in acknowledgements if what == "removed"]
        counted = [number for what, number in acknowledgements if what == "counted"]
        owned = [number for what, number in acknowledgements if what == "owned"]
        self.counted = max([self.counted, *counted])
        self.owned[writer] = max([self.owned[writer], *owned])
        self.logged[writer] = (self.logged[writer] | set(logged)) - set(removed)
        return logged[-2] if len(logged) >= 2 and len(removed) < len(logged) - 1 else None

    def check_own(self, writer: int) -> None:
        number = self.number_in(f"own/w{writer}.json")
        assert self.owned[writer] <= number <= self.owned[writer] + 1
        self.owned[writer] = number

    def check_log(self, writer: int, removing: int | None) -> None:
        found = {self.log_entry(key) for key in keys(self.store, f"log/w{writer}/")}
        assert self.logged[writer] - {removing} <= found
        assert found <= self.logged[writer] | {self.owned[writer]}
        self.logged[writer] = found

    def log_entry(self, key: str) -> int:
        number = self.number_in(key)
        assert key.split("/")[2] == str(number)
        return number

    def number_in(self, key: str) -> int:
        body = run(self.store.get(key)).body
        assert body == body_of(int(body[:8]))
        return int(body[:8])


@pytest.mark.parametrize("operation", ["create", "overwrite", "delete"])
def test_a_writer_killed_before_any_system_call_leaves_the_old_state_or_the_new(root: Path, operation: str) -> None:
    key = "a/b/c.json"
    with start("steps", root, operation) as writer:
        survived = int(writer.communicate()[0])
    assert writer.returncode == 0
    assert survived >= 5
    before = None if operation == "create" else body_of(1)
    after = None if operation == "delete" else body_of(2)
    states: list[bytes | None] = []
    for step in range(survived + 1):
        store = DirectoryStore(root / str(step))
        try:
            states.append(run(store.get(key)).body)
        except NoSuchKey:
            states.append(None)
        assert keys(store, "") == ([] if states[-1] is None else [key])
        run(store.put(key, body_of(3)))
        assert run(store.get(key)).body == body_of(3)
        assert [path.name for path in (root / str(step) / "a" / "b").iterdir()] == ["c.json"]
    changed = states.index(after)
    assert states == [before] * changed + [after] * (survived + 1 - changed)


@pytest.mark.parametrize("operation", ["begin", "part", "finish", "abort"])
def test_an_upload_killed_before_any_system_call_can_be_gone_on_with_or_given_up(root: Path, operation: str) -> None:
    with start("steps", root, operation) as writer:
        survived = int(writer.communicate()[0])
    assert writer.returncode == 0
    assert survived >= 5
    whole = LARGE_BODY + SMALL_PART
    seen = []
    for step in range(survived + 1):
        store = DirectoryStore(root / str(step))
        objects = {key: run(store.get(key)).body for key in keys(store, "")}
        assert objects in ({}, {"a/b/c.json": whole})
        uploads = run(store.list_uploads(""))
        seen.append((bool(objects), bool(uploads)))
        if operation == "part" or (operation == "finish" and not objects):
            upload = uploads[0].upload
            parts = [run(store.put_part(upload, n, body)) for n, body in enumerate((LARGE_BODY, SMALL_PART), 1)]
            assert run(store.parts(upload)) == parts
            run(store.finish_upload(upload, parts))
            assert run(store.get("a/b/c.json")).body == whole
        for started in run(store.list_uploads("")):
            run(store.abort_upload(started.upload))
        assert run(store.list_uploads("")) == []
        assert not [path for path in (root / str(step) / ".s3store").rglob("data") if path.stat().st_size]
    before, after = {
        "begin": ((False, False), (False, True)),
        "part": ((False, True), (False, True)),
        "finish": ((False, True), (True, False)),
        "abort": ((False, True), (False, False)),
    }[operation]
    assert (seen[0], seen[-1]) == (before, after)
    assert (False, False) not in seen or operation in {"begin", "abort"}


def test_parts_of_one_upload_may_come_from_several_processes_and_a_late_one_harms_no_object(root: Path) -> None:
    store = DirectoryStore(root)
    upload = run(store.begin_upload("key", part_size=MIN_PART))
    first = run(store.put_part(upload, 1, LARGE_BODY))
    last = run(DirectoryStore(root).put_part(upload, 2, SMALL_PART))
    etag = run(DirectoryStore(root).finish_upload(upload, [first, last]))
    with pytest.raises(NoSuchUpload):
        run(store.put_part(upload, 1, bytes(MIN_PART)))
    assert run(store.get("key")) == StoredObject(LARGE_BODY + SMALL_PART, etag)
