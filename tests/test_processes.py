"""Several processes at one archive, some of them killed: what was acknowledged is there, and there once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore
from tests.archives import prepare, s3_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import MotoServer

pytest_plugins = ["tests.archive_fixtures"]

_ROOT = Path(__file__).parent.parent

# argv: location, endpoint or "-", the writer's name, the number of its first record, how many, the size of a part
_WRITER = """
import sys
from functools import partial
import s3store.blocking
from s3store.archive import Archive
from s3store.streams.draft import Sizes
from tests.archives import s3_options

location, endpoint, name, first, number, seal = sys.argv[1:]
s3store.blocking.Archive = partial(Archive, sizes=Sizes(seal=int(seal)))
options = None if endpoint == "-" else s3_options(endpoint)
policy = s3store.CommitPolicy(seconds=60, attempts=10_000, pause=0.001, longest_pause=0.02)
with s3store.SessionStore(location, s3=options, policy=policy) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for each in range(int(first), int(first) + int(number)):
        store.append("shared", f"{name}-{each}", key=f"{name}-{each}")
        print(f"{name}-{each}", flush=True)
"""


class Writer:
    """A process that appends to the session `shared`, and tells of each record once it is acknowledged."""

    def __init__(self, location: str, endpoint: str, name: str, first: int, number: int, seal: int) -> None:
        arguments = [location, endpoint, name, str(first), str(number), str(seal)]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _WRITER, *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def start(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def acknowledged(self, number: int) -> list[str]:
        """Wait for so many acknowledgements, or for the end, and return them."""
        found: list[str] = []
        while len(found) < number and (line := self._line()):
            found.append(line)
        return found

    def kill(self) -> list[str]:
        """Kill it, and return what was acknowledged and not read yet."""
        self.process.kill()
        return self.finish()

    def finish(self) -> list[str]:
        rest = self.acknowledged(1_000_000)
        self.process.wait(60)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return rest

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().removesuffix("\n")


def check_that_none_is_lost_or_doubled(store: SessionStore, acknowledged: list[str]) -> None:
    found = Counter(store.load("shared").messages)
    assert set(acknowledged) <= found.keys()
    assert set(found.values()) == {1}
    for name in {each.partition("-")[0] for each in found}:
        of_one = [each for each in store.load("shared").messages if each.startswith(f"{name}-")]
        assert of_one == sorted(of_one, key=lambda each: int(each.partition("-")[2]))


def race(location: str, endpoint: str, store: SessionStore) -> None:
    with ExitStack() as stack:
        writers = [Writer(location, endpoint, f"w{name}", 0, 25, 600) for name in range(4)]
        for writer in writers:
            stack.callback(writer.process.kill)
        for writer in writers:
            writer.start()
        acknowledged = [each for writer in writers for each in writer.finish()]
        assert [writer.process.returncode for writer in writers] == [0] * 4
    assert len(acknowledged) == 100
    assert store.info("shared").count == 100
    check_that_none_is_lost_or_doubled(store, acknowledged)


def test_four_processes_append_to_one_session_in_a_directory(tmp_path: Path) -> None:
    location = f"file://{tmp_path}/archive"
    with SessionStore(location) as store:
        race(location, "-", store)


@pytest.mark.long
@pytest.mark.s3
def test_four_processes_append_to_one_session_in_s3(moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    location = f"s3://{moto.make_bucket(bucket_name())}/agents"
    with SessionStore(location, s3=s3_options(moto.url)) as store:
        from s3store.objects.s3_blocking import S3BlockingStore
        from s3store.runtime import run

        objects = S3BlockingStore(location.split("/")[2], "agents", s3_options(moto.url))
        prepare(objects)
        run(objects.close())
        race(location, moto.url, store)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_writers_that_are_killed_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    location = f"file://{tmp_path}/archive"
    acknowledged: list[str] = []
    started = dict.fromkeys("abc", 0)
    with ExitStack() as stack:
        for _ in range(3):
            writers = {name: Writer(location, "-", name, first, 1000, 300) for name, first in started.items()}
            for writer in writers.values():
                stack.callback(writer.process.kill)
                writer.start()
            for name, writer in writers.items():
                seen = writer.acknowledged(chance.randrange(1, 12))
                seen += writer.kill()
                acknowledged += seen
                started[name] = int(seen[-1].partition("-")[2]) + 1
    with SessionStore(location) as store:
        check_that_none_is_lost_or_doubled(store, acknowledged)
        before = store.info("shared").count
        assert before - len(acknowledged) in range(len(started) * 3 + 1)
        assert store.append("shared", "z-0").count == before + 1
        assert store.delete("shared") is True
