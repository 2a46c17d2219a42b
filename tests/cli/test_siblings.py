"""`s3store artifacts`, `traces` and `show --all`."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from s3store.siblings.upload import PART

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli

HOSTILE = "a\x1b]0;owned\x07b\x1b[2J\u202e[red]d[/red]\n\tx"
SECOND = 1_000_000_000


def span(number: int, parent: int | None, start: float, seconds: float, **more: Any) -> dict[str, Any]:
    found = {
        "traceId": "t",
        "spanId": f"{number}",
        "name": f"span {number}",
        "startTimeUnixNano": str(int(start * SECOND)),
        "endTimeUnixNano": str(int((start + seconds) * SECOND)),
        **more,
    }
    return found if parent is None else {**found, "parentSpanId": f"{parent}"}


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    attributes = [{"key": "service.name", "value": {"stringValue": "agent"}}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def test_a_file_is_put_listed_got_and_removed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    file.write_text("# Report\n")
    [told] = cli.json("artifacts", "put", "s", file, "--tool", "writer", "--attribute", "score=0.5")
    assert (told["name"], told["media_type"], told["size"], told["tool"]) == ("report.md", "text/markdown", 9, "writer")
    assert told["attributes"] == {"score": 0.5}
    assert cli.json("artifacts", "ls", "s") == [told]
    assert cli.ok("artifacts", "ls", "s") == f"report.md\ttext/markdown\t9\twriter\t{told['sha256']}\n"
    assert cli.ok("artifacts", "get", "s", "report.md") == "# Report\n"
    out = tmp_path / "out.md"
    cli.ok("artifacts", "get", "s", "report.md", "-o", out)
    assert out.read_text() == "# Report\n"
    assert cli("artifacts", "get", "s", "report.md", "-o", out).exit_code == 2
    cli.ok("artifacts", "get", "s", "report.md", "-o", out, "--force")
    assert cli.ok("artifacts", "rm", "s", "report.md") == "removed report.md\n"
    assert cli("artifacts", "rm", "s", "report.md").exit_code == 3
    assert cli("artifacts", "get", "s", "report.md").exit_code == 3
    assert cli.ok("artifacts", "ls", "s") == ""


def test_the_input_can_be_put(cli: Cli) -> None:
    assert cli("artifacts", "put", "s", "-").exit_code == 2
    cli.ok("artifacts", "put", "s", "-", "--name", "notes", "--type", "text/x", stdin="read this")
    assert cli.ok("artifacts", "get", "s", "notes") == "read this"


def test_a_large_file_goes_up_and_comes_down(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(random.Random(6).randbytes(PART + 1))
    cli.ok("artifacts", "put", "s", file)
    cli.ok("artifacts", "get", "s", "large", "-o", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/../../b", "nul\x00byte", "..", "", "n" * 2000, HOSTILE])
def test_no_name_leads_out_of_the_folder(cli: Cli, store: SessionStore, tmp_path: Path, name: str) -> None:
    store.artifacts("s").put(name, "content")
    outer = tmp_path / "outer"
    folder = outer / "inner"
    told = cli.ok("artifacts", "get", "s", "--all", "--out", folder)
    assert [path.name for path in outer.iterdir()] == ["inner"]
    [file] = folder.iterdir()
    assert told == f"{file}\n"
    assert file.read_text() == "content"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_names_that_are_not_there_are_said_and_the_others_written(
    cli: Cli, store: SessionStore, tmp_path: Path
) -> None:
    store.artifacts("s").put("there", "x")
    result = cli("artifacts", "get", "s", "gone", "there", "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "gone" in result.stderr
    assert (tmp_path / "out" / "there").read_text() == "x"


@pytest.mark.parametrize(
    "words",
    [
        ("get", "s"),
        ("get", "s", "a", "b"),
        ("get", "s", "--all"),
        ("get", "s", "a", "--all", "--out", "d"),
        ("get", "s", "--out", "d"),
        ("get", "s", "a", "--out", "d", "-o", "f"),
        ("put", "s", "/nowhere", "--attribute", "x"),
    ],
)
def test_calls_that_make_no_sense_are_refused(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli("artifacts", *words).exit_code == 2


def test_a_file_that_is_not_there_is_named(cli: Cli) -> None:
    result = cli("artifacts", "put", "s", "/nowhere/at/all")
    assert result.exit_code == 1
    assert "/nowhere/at/all" in result.stderr


def test_traces_are_shown_as_a_tree(cli: Cli, store: SessionStore) -> None:
    assert cli("traces", "show", "s").exit_code == 3
    failed = {"status": {"code": 2}}
    given = request(
        span(3, 2, 1.5, 0.0012),
        span(2, 1, 1, 2, **failed),
        span(1, None, 0, 75),
        span(4, 1, 0.5, 0.25),
        span(5, 99, 9, 0),
    )
    store.traces("s").add_otlp(given)
    store.traces("s").append({"kind": "tool_execution", "name": "bash", "success": False, "duration_ms": 12})
    store.traces("s").append({"unknown": "event"})
    assert cli.ok("traces", "show", "s").splitlines() == [
        "span 1  1.25 min  [agent]",
        "  span 4  250.00 ms",
        "  ✗ span 2  2.00 s",
        "    span 3  1.20 ms",
        "span 5  0 ns  [agent]",
        "✗ tool_execution bash  12.00 ms",
        '{"unknown":"event"}',
    ]
    assert json.loads(cli.ok("traces", "show", "s", "--otlp")) == given
    assert len(cli.json("traces", "show", "s")) == 7
    assert cli("traces", "show", "s", "--otlp", "--json").exit_code == 2


def test_a_ring_of_parents_and_a_deep_chain_are_shown_once(cli: Cli, store: SessionStore) -> None:
    store.traces("ring").add_otlp(request(span(1, 2, 0, 1), span(2, 1, 1, 1), span(3, 3, 2, 1)))
    assert [line.split("  ")[0] for line in cli.ok("traces", "show", "ring").splitlines() if line[0] != " "] == [
        "span 1",
        "span 3",
    ]
    store.traces("deep").add_otlp(request(*(span(number, number - 1, number, 1) for number in range(1500))))
    assert len(cli.ok("traces", "show", "deep").splitlines()) == 1500


def test_traces_of_any_shape_are_shown_and_drive_no_terminal(cli: Cli, store: SessionStore) -> None:
    odd: list[dict[str, Any]] = [
        {"name": HOSTILE},
        {"spanId": {"a": 1}, "traceId": [1], "startTimeUnixNano": "x", "endTimeUnixNano": None},
        {"name": 5, "startTimeUnixNano": 1, "endTimeUnixNano": 5_000, "status": "bad"},
    ]
    store.traces("s").add_otlp(request(*odd))
    store.traces("s").extend([HOSTILE, 1, None, [HOSTILE * 50], {"name": HOSTILE, "duration_ms": "x"}])
    told = cli.ok("traces", "show", "s")
    assert len(told.splitlines()) == 8
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


def test_show_all_shows_what_stands_beside(cli: Cli, store: SessionStore) -> None:
    store.append("s", {"role": "user", "content": "hello"})
    plain = cli.ok("show", "s")
    assert cli.ok("show", "s", "--all") == plain
    store.artifacts("s").put(HOSTILE, "x", tool=HOSTILE)
    store.traces("s").add_otlp(request(span(1, None, 0, 1)))
    store.runs("s").extend([{"snapshot": {"id": "run-1", "status": "completed", "prompt": HOSTILE}}, 7])
    store.verification("s").extend([{"status": "passed", "subject": "tests"}, {}])
    told = cli.ok("show", "s", "--all")
    assert told.startswith(plain)
    for line in ("1 artifact", "traces: 1 event", "2 runs", "2 verification reports", "  passed · tests"):
        assert line in told.splitlines()
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    assert cli.ok("show", "s") == plain
    assert cli("show", "s", "--all", "--json").exit_code == 2
