"""Who used which tool how often: one query with DuckDB over an export of conversations.

::

    s3store export --all --format chat --out export
    pip install duckdb
    python examples/duckdb_tools.py export
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

QUERY = """
WITH calls AS (
    SELECT session, unnest(message.tool_calls) AS call
    FROM (SELECT session, unnest(messages) AS message FROM read_json(
        $files,
        format = 'newline_delimited',
        maximum_object_size = 268435456,
        columns = {
            session: 'VARCHAR',
            messages: 'STRUCT(role VARCHAR, tool_calls STRUCT("function" STRUCT("name" VARCHAR))[])[]'
        }
    ))
)
SELECT call."function"."name" AS tool, count(*) AS calls, count(DISTINCT session) AS sessions
FROM calls GROUP BY ALL ORDER BY calls DESC, tool
"""


def tools(folder: Path) -> list[tuple[str, int, int]]:
    """Return each tool, how often it was called, and in how many sessions; the one that is used most first."""
    return duckdb.execute(QUERY, {"files": str(folder / "data" / "*.jsonl")}).fetchall()


def main() -> None:
    """Print the tools of an export."""
    sys.stdout.write(f"{'tool':<24}{'calls':>10}{'sessions':>10}" + "\n")
    for tool, calls, sessions in tools(Path(sys.argv[1])):
        sys.stdout.write(f"{tool:<24}{calls:>10,}{sessions:>10,}\n")


if __name__ == "__main__":
    main()
