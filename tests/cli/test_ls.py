"""`s3store ls` in a pipe and as JSON: filters, parts put together, columns, counts, turns under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore, Turn
from s3store.cli import moments
from s3store.runtime import BlockingRuntime

if TYPE_CHECKING:
    from .conftest import Cli

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class Clock:
    """What the archive and the command line take for the time of day."""

    def __init__(self) -> None:
        self.now = NOW

    def at(self, age: timedelta) -> None:
        self.now = NOW - age


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(BlockingRuntime, "now", lambda _: clock.now)
    monkeypatch.setattr(moments, "utc_now", lambda: clock.now)
    return clock


@pytest.fixture
def five(clock: Clock, store: SessionStore) -> None:
    """Sessions a to e, e the newest; each came a day after the one before."""
    clock.at(timedelta(days=4))
    store.create("a", ["1"], name="First", agent="claude", channel="mail", labels={"x"})
    clock.at(timedelta(days=3))
    store.create("b", ["1", "2"], name="Second", agent="codex", state="idle", room="r", labels={"x", "y"})
    clock.at(timedelta(days=2))
    store.create("c/1", agent="codex", sender="mia", parent="b")
    clock.at(timedelta(days=1))
    store.create("c/2", agent="codex", name="ÜBER", state="running", turn=Turn("t-1", NOW - timedelta(hours=5)))
    clock.at(timedelta())
    store.create("e", agent="pi", state="running", turn=Turn("t-2", NOW - timedelta(seconds=30)))


def ids(cli: Cli, *args: object) -> list[str]:
    return [found["id"] for found in cli.json("ls", *args)]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("args", "found"),
    [
        ("", "e c/2 c/1 b a"),
        ("--oldest", "a b c/1 c/2 e"),
        ("--limit 2", "e c/2"),
        ("--limit 2 --oldest", "a b"),
        ("--offset 3", "b a"),
        ("--limit 2 --offset 1", "c/2 c/1"),
        ("--agent codex", "c/2 c/1 b"),
        ("--channel mail", "a"),
        ("--room r", "b"),
        ("--sender mia", "c/1"),
        ("--parent b", "c/1"),
        ("--state idle", "b"),
        ("--label x", "b a"),
        ("--label x --label y", "b"),
        ("--prefix c/", "c/2 c/1"),
        ("--name über", "c/2"),
        ("--name second", "b"),
        ("--name cond", ""),
        ("--place hot --limit 1", "e"),
        ("--place cold", ""),
        ("--since 2d", "e c/2 c/1"),
        ("--until 36h", "c/1 b a"),
        ("--since 2026-03-11 --until 2026-03-13", "c/1 b"),
        ("--since 2026-03-12T12:00Z --until 2026-03-13T13:00+01:00", "c/1"),
        ("--since 11:59", "e"),
        ("--agent codex --oldest --limit 1 --offset 1", "c/1"),
        ("--running", "e c/2"),
        ("--running --agent codex", "c/2"),
        ("--running --limit 1", "e"),
        ("--stuck 0", "c/2 e"),
        ("--stuck 60", "c/2"),
        ("--stuck 4h --prefix c/", "c/2"),
        ("--stuck 1d", ""),
    ],
)
def test_filters_and_order(cli: Cli, args: str, found: str) -> None:
    assert ids(cli, *args.split()) == found.split()
    assert cli.ok("ls", *args.split(), "--columns", "id").splitlines() == found.split()


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("args", "number"), [("", 5), ("--agent codex", 3), ("--since 2d", 3), ("--running", 2), ("--stuck 1m", 1)]
)
def test_counts(cli: Cli, args: str, number: int) -> None:
    assert cli.ok("ls", "--count", *args.split()) == f"{number}\n"
    assert cli.json("ls", "--count", *args.split()) == [{"count": number}]


@pytest.mark.parametrize("order", [(), ("--oldest",)])
def test_parts_put_together_are_the_list(cli: Cli, store: SessionStore, order: tuple[str, ...]) -> None:
    for number in range(11):
        store.create(f"s{number}")
    parts: list[str] = []
    args: tuple[str, ...] = ()
    while True:
        part = cli.json("ls", "--limit", 4, *order, *args)
        parts += [found["id"] for found in part]
        assert all("cursor" not in found for found in part[:-1])
        if "cursor" not in part[-1]:
            break
        args = ("--cursor", part[-1]["cursor"])
    assert parts == ids(cli, *order)
    assert len(parts) == 11


@pytest.mark.usefixtures("five")
def test_a_cursor_goes_on_without_a_limit_as_well(cli: Cli) -> None:
    [*_, last] = cli.json("ls", "--limit", 2)
    assert ids(cli, "--cursor", last["cursor"]) == ["c/1", "b", "a"]
    assert ids(cli, "--cursor", last["cursor"], "--agent", "claude") == ["a"]


@pytest.mark.usefixtures("five")
def test_the_last_part_has_no_cursor(cli: Cli) -> None:
    assert "cursor" not in cli.json("ls", "--limit", 5)[-1]
    assert "cursor" in cli.json("ls", "--limit", 4)[-1]


@pytest.mark.usefixtures("five")
def test_a_cursor_of_the_other_order_or_of_nobody_is_a_wrong_call(cli: Cli) -> None:
    [found] = cli.json("ls", "--limit", 1)
    assert cli("ls", "--oldest", "--cursor", found["cursor"]).exit_code == 2
    assert cli("ls", "--cursor", "nonsense").exit_code == 2


@pytest.mark.usefixtures("five")
def test_json_says_all_that_a_listing_knows(cli: Cli, store: SessionStore) -> None:
    [found] = cli.json("ls", "--prefix", "c/2")
    info = store.info("c/2")
    assert found == {
        "id": "c/2",
        "incarnation": info.incarnation,
        "version": 1,
        "count": 0,
        "size": info.size,
        "created_at": "2026-03-13T12:00:00.000000Z",
        "updated_at": "2026-03-13T12:00:00.000000Z",
        "name": "ÜBER",
        "agent": "codex",
        "state": "running",
        "turn": {"id": "t-1", "started_at": "2026-03-14T07:00:00.000000Z"},
        "place": "hot",
    }
    assert cli.json("ls", "--prefix", "b")[0]["labels"] == ["x", "y"]


@pytest.mark.usefixtures("five")
def test_lines_in_a_pipe(cli: Cli, store: SessionStore) -> None:
    size = store.info("b").size
    updated = "2026-03-11T12:00:00.000000Z"
    assert cli.ok("ls", "--prefix", "b") == f"b\t2\t{size}\t{updated}\tSecond\n"
    long = f"b\t2\t{size}\t{updated}\t{updated}\t1\tcodex\t\tr\t\t\tidle\t\t\tx,y\thot\tSecond\n"
    assert cli.ok("ls", "--prefix", "b", "--long") == long
    assert cli.ok("ls", "--stuck", "1h", "--columns", "turn,started,place") == "t-1\t2026-03-14T07:00:00.000000Z\thot\n"


def test_an_unknown_column_is_a_wrong_call_that_names_those_there_are(cli: Cli) -> None:
    result = cli("ls", "--columns", "id,colour")
    assert result.exit_code == 2
    assert "'colour'" in result.stderr
    assert "updated" in result.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("", "the archive has no session yet"),
        ("--agent x", "no session is like that"),
        ("--offset 1", "no session stands there any more"),
        ("--running", "no session is running"),
        ("--stuck 1h --agent x", "no session like that is stuck"),
    ],
)
def test_nothing_is_told_beside_the_output(cli: Cli, args: str, told: str) -> None:
    for form in ((), ("--json",)):
        result = cli("ls", *args.split(), *form)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"s3store: {told}\n")


@pytest.mark.parametrize(
    "args",
    [
        "--count --limit 1",
        "--count --columns id",
        "--columns id --json",
        "--running --stuck 5",
        "--running --state idle",
        "--stuck 5 --oldest",
        "--watch",
        "--watch 5 --json",
        "--limit 0",
        "--stuck soon",
        "--stuck=-5",
        "--since yesterday",
        "--since 2026",
        "--since 99999999999d",
        "--since 25:00",
        "--until 2026-13-01",
    ],
)
def test_a_wrong_call_ends_with_2(cli: Cli, args: str) -> None:
    assert cli("ls", *args.split()).exit_code == 2


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01 07:30", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
        ("2026-03-01T07:30:00.5+02:00", datetime(2026, 3, 1, 5, 30, 0, 500000, tzinfo=UTC)),
        ("09:26", datetime(2026, 3, 14, 9, 26, tzinfo=UTC)),
        ("23:00-02:00", datetime(2026, 3, 15, 1, 0, tzinfo=UTC)),
    ],
)
def test_times(text: str, meant: datetime) -> None:
    assert moments.moment(text) == meant


def test_a_listing_in_a_pipe_comes_as_it_goes(cli: Cli, store: SessionStore) -> None:
    for number in range(20):
        store.create(f"s{number}", name="x" * 1000)
    with cli.start("ls", "--columns", "name,name,name,name,name,name,name") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=20) == 141
