"""A simulator that finds nothing proves nothing: each rule of the protocol, broken in the product, must be found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from s3store.streams import change
from s3store.testing.mutations import MUTATIONS
from s3store.testing.simulation import SESSIONS

_SHRUNK = ("a 412 taken for somebody else", "a provisional entry that is taken at its word")


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_found_in_the_history_that_is_told(name: str) -> None:
    broken = MUTATIONS[name]

    assert not broken.scenario.simulate(broken.seed, broken.mode).violations
    assert broken.search([broken.seed]) is not None


@pytest.mark.long
@pytest.mark.parametrize("name", MUTATIONS)
def test_no_earlier_history_finds_it(name: str) -> None:
    broken = MUTATIONS[name]

    assert broken.search(range(broken.seed)) is None


@pytest.mark.parametrize("name", _SHRUNK)
def test_a_history_that_goes_wrong_is_cut_down_to_a_short_one(name: str) -> None:
    broken = MUTATIONS[name]
    with pytest.MonkeyPatch.context() as patch:
        broken.apply(patch)
        whole = broken.scenario.simulate(broken.seed, broken.mode)
        short = broken.scenario.shrink(whole.plan)

    assert short.violations
    assert short.plan.steps <= whole.plan.steps // 2
    assert f"seed {whole.plan.seed}:" in short.story()
    assert "VIOLATION" in short.story()


def test_a_short_history_costs_answers_and_not_safety(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> int:
        reports = [SESSIONS.simulate(seed, "late") for seed in range(150)]
        assert not any(report.violations for report in reports)
        return sum(report.unknown for report in reports)

    usual = unknown()
    monkeypatch.setattr(change, "HISTORY", 1)

    assert unknown() > usual


def test_an_error_of_a_mutation_itself_is_no_find() -> None:
    """Or a mutation whose product has changed under it would go on looking good for ever."""
    broken = MUTATIONS["a resolve that only looks"]

    def clumsy(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("s3store.session.SessionCore.load", lambda self, unknown: None)

    assert replace(broken, apply=clumsy).search(range(20)) is None


def test_the_table_names_each_and_fails_where_one_is_missed() -> None:
    command = [sys.executable, "-m", "s3store.testing.mutations", "--only", "a resolve that only looks", "--seeds"]

    found = subprocess.run([*command, "20"], capture_output=True, text=True, check=False)
    missed = subprocess.run([*command, "1"], capture_output=True, text=True, check=False)

    assert (found.returncode, missed.returncode) == (0, 1)
    assert found.stdout.splitlines()[-1].endswith("| a resolve that only looks | sessions, `late` | 5 |")
    assert missed.stdout.splitlines()[-1].endswith("not caught in 1 |")
