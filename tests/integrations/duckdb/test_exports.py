"""DuckDB reads exports as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from s3store import SessionStore

from ..examples import example

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[3] / "examples" / "duckdb_tools.py"


def use(tool: str) -> dict[str, object]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": tool, "input": {}}]}


@pytest.fixture
def store() -> Iterator[SessionStore]:
    with SessionStore("memory://") as opened:
        opened.extend(
            "a", [{"role": "user", "content": "go"}, use("grep"), use("grep"), use("edit")], keys=list("1234")
        )
        opened.extend("b", [use("grep")])
        opened.extend("c", [{"role": "user", "content": "no tool"}])
        yield opened


def test_who_used_which_tool_how_often(store: SessionStore, tmp_path: Path) -> None:
    store.export(tmp_path / "out", form="chat")
    assert example("duckdb_tools").tools(tmp_path / "out") == [("grep", 3, 2), ("edit", 1, 1)]
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "out")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.split() for line in printed] == [
        ["tool", "calls", "sessions"],
        ["grep", "3", "2"],
        ["edit", "1", "1"],
    ]


def test_parquet_gives_back_each_message(store: SessionStore, tmp_path: Path) -> None:
    store.export(tmp_path / "out")
    files = str(tmp_path / "out" / "data" / "*.parquet")
    columns = [name for name, *_ in duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [files]).fetchall()]
    assert {"session", "stream", "seq"} <= set(columns)
    rows = duckdb.execute("SELECT * FROM read_parquet(?) ORDER BY session, seq", [files]).fetchall()
    assert len(rows) == 6
    line = next(value for value in rows[0] if isinstance(value, bytes | str) and value.strip()[:1] in {b"{", "{"})
    assert json.loads(line)["message"] == {"role": "user", "content": "go"}


def test_records_as_lines_and_summaries_are_read_too(store: SessionStore, tmp_path: Path) -> None:
    store.export(tmp_path / "lines", form="jsonl.zst")
    files = str(tmp_path / "lines" / "data" / "*.jsonl.zst")
    query = "SELECT session, count(*) FROM read_json(?, format='newline_delimited') GROUP BY ALL ORDER BY ALL"
    assert duckdb.execute(query, [files]).fetchall() == [("a", 4), ("b", 1), ("c", 1)]
    store.export(tmp_path / "csv", form="csv")
    query = "SELECT id, count FROM read_csv(?) ORDER BY id"
    assert duckdb.execute(query, [str(tmp_path / "csv" / "data" / "*.csv")]).fetchall() == [
        ("a", 4),
        ("b", 1),
        ("c", 1),
    ]
