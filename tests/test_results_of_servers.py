"""The table of servers and cases says what the reports say, and hides no failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.results import Result, table

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite>
<testcase classname="tests.real_servers.test_conformance.TestBlocking" name="a"/>
<testcase classname="tests.real_servers.test_conformance.TestBlocking" name="b">
<skipped type="pytest.xfail"/></testcase>
<testcase classname="tests.contracts.zeroclaw.test_core" name="c"/>
<testcase classname="tests.contracts.zeroclaw.test_core" name="d"><skipped type="pytest.skip"/></testcase>
<testcase classname="tests.index.test_view" name="e">{}</testcase>
</testsuite></testsuites>"""


def result(folder: Path, of_the_index: str = "") -> Result:
    report = folder / "report.xml"
    report.write_text(REPORT.format(of_the_index))
    found = Result("one", fit=True)
    found.add(report)
    return found


def test_each_kind_of_case_is_counted(tmp_path: Path) -> None:
    twice = result(tmp_path)
    twice.add(tmp_path / "report.xml")
    missing = Result("other", fit=True, missing="it needs root")
    assert table([twice, missing]).splitlines() == [
        "| server | conformance | contracts | index |",
        "| --- | --- | --- | --- |",
        "| one | 2, 2 differ | 2, 2 skipped | 2 |",
        "| other | NOT RUN | NOT RUN | NOT RUN |",
    ]
    assert not twice.bad


@pytest.mark.parametrize("how", ["<failure/>", "<error/>"])
def test_a_failure_is_said(tmp_path: Path, how: str) -> None:
    failed = result(tmp_path, how)
    assert table([failed]).splitlines()[-1].endswith("| 1 FAILED |")
    assert failed.bad


def test_a_server_is_refused_only_where_all_its_tests_passed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    test = '<testcase classname="tests.real_servers.test_adversaries" name="a">{}</testcase>'
    cells = []
    for outcome in ("", "<failure/>"):
        report.write_text(f"<testsuites><testsuite>{test.format(outcome)}</testsuite></testsuites>")
        unfit = Result("rclone", fit=False)
        unfit.add(report)
        cells.append(table([unfit]).splitlines()[-1])
    assert cells == ["| rclone | refused |", "| rclone | 1 FAILED |"]
