"""What came of the tests on each server, as a table: a row a server, a column a kind of case.

The counts are read from the report that pytest writes as XML, not from its text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CASES = {
    "tests.real_servers.test_conformance": "conformance",
    "tests.real_servers.test_check": "check",
    "tests.real_servers.test_packs": "packs in parts",
    "tests.contracts": "contracts",
    "tests.index": "index",
    "tests.longterm": "long term",
    "tests.siblings": "siblings",
    "tests.test_store": "sessions",
    "tests.real_servers.test_adversaries": "refusal",
}
"""The kinds of cases, in the order of the columns, by where their tests stand."""
_WORDS = ("passed", "differ", "skipped", "FAILED")


@dataclass(slots=True)
class Result:
    """What came of a server's tests: how many ended how, by the kind of case. `missing` is why none could be run."""

    name: str
    fit: bool
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What went wrong beside a test that failed."""
    missing: str | None = None

    def add(self, report: Path) -> None:
        """Count the tests of a report of pytest."""
        for case, outcome in _outcomes(report):
            self.counts.setdefault(case, Counter())[outcome] += 1

    @property
    def bad(self) -> bool:
        """Whether something failed."""
        return bool(self.problems) or any(counts["FAILED"] for counts in self.counts.values())


def table(results: Sequence[Result]) -> str:
    """Return a table in Markdown. A number alone has passed; what differs does so as `differences` says."""
    present = [case for case in _CASES.values() if any(case in result.counts for result in results)]
    rows = [["server", *present], ["---"] * (len(present) + 1)]
    for result in results:
        said = "NOT RUN" if result.missing is not None else ""
        rows.append([result.name, *(_cell(result, case) or said for case in present)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(result: Result, case: str) -> str:
    counts = result.counts.get(case)
    if counts is None:
        return ""
    if not result.fit and set(counts) == {"passed"}:
        return "refused"
    return ", ".join(f"{counts[word]} {word}".removesuffix(" passed") for word in _WORDS if counts[word])


def _outcomes(report: Path) -> Iterator[tuple[str, str]]:
    for test in ET.parse(report).iter("testcase"):
        where = test.get("classname", "")
        case = next((case for start, case in _CASES.items() if f"{where}.".startswith(f"{start}.")), where)
        yield case, _outcome(test)


def _outcome(test: ET.Element) -> str:
    if test.find("failure") is not None or test.find("error") is not None:
        return "FAILED"
    skipped = test.find("skipped")
    if skipped is None:
        return "passed"
    return "differ" if skipped.get("type") == "pytest.xfail" else "skipped"
