"""Seeded histories of the real index code. `make soak` runs as many more as you like."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from s3store.testing.simulation import INDEX, SCENARIOS
from s3store.testing.soak import soak

if TYPE_CHECKING:
    from s3store.testing.simulation import AnyReport

_HISTORIES_OF_EACH_MODE = 12


@pytest.mark.parametrize("mode", INDEX.modes)
def test_no_listing_misses_or_makes_up_anything(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = INDEX.simulate(seed, mode)
        assert not report.violations, INDEX.shrink(report.plan).story()


@pytest.fixture(scope="module")
def reports() -> list[AnyReport]:
    return [INDEX.simulate(seed) for seed in range(100)]


def test_histories_meet_what_they_are_there_for(reports: list[AnyReport]) -> None:
    happened = [what for report in reports for _, _, what in report.trace]
    called = {call.what.split()[0] for report in reports for call in report.operations}
    told = {call.told for report in reports for call in report.operations}

    assert called >= {"append", "create", "update", "save", "delete", "close", "resolve"}
    assert called >= {"list", "page", "count", "running", "compact", "merge", "sweep", "rebuild", "mend"}
    assert told >= {"unknown", "StoreUnavailable", "SessionNotFound", "SessionExists", "IndexChanged", "OutcomeUnknown"}
    for request, answer in (
        ("get index/pages/", "is answered: NoSuchKey"),
        ("get index/manifest.json", "is answered: NotModified"),
        ("swap index/manifest.json", "is answered: PreconditionFailed"),
        ("swap index/manifest.json", "the answer was lost"),
        ("swap index/manifest.json", "long after the caller has given up"),
        ("delete index/log/", "is applied"),
        ("delete index/pages/", "is applied"),
    ):
        assert any(what.startswith(request) and what.endswith(answer) for what in happened), (request, answer)
    assert "crashes" in happened


def test_histories_merge_in_passing_and_publish_late(reports: list[AnyReport]) -> None:
    beside = [what for report in reports for _, who, what in report.trace if who.endswith("+")]

    assert any(what.startswith("swap index/manifest.json") for what in beside)
    assert any(what.startswith("put index/log/") for what in beside)


def test_listings_take_several_pages_and_processes_sleep_for_long(reports: list[AnyReport]) -> None:
    assert {report.plan.page for report in reports} > {1, 2}
    assert any(report.trace[-1][0] > 3600.0 for report in reports)


@pytest.mark.parametrize("mode", ["crowd", "relaxed", "rebuilds", "storm"])
def test_the_same_seed_gives_the_same_history(mode: str) -> None:
    for seed in range(8):
        assert INDEX.simulate(seed, mode).digest() == INDEX.simulate(seed, mode).digest()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_history_does_not_hang_on_the_hash_seed_of_the_process(scenario: str) -> None:
    program = (
        "import sys; from s3store.testing.simulation import SCENARIOS\n"
        "print([SCENARIOS[sys.argv[1]].simulate(seed).digest() for seed in range(10)])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, scenario],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    ]

    assert outputs[0] == outputs[1]


def test_other_seeds_give_other_histories() -> None:
    assert len({INDEX.simulate(seed).digest() for seed in range(20)}) == 20


def test_a_plan_can_be_run_again_with_less_in_it() -> None:
    plan = replace(INDEX.plan_for(3, "crashes"), crashes=((0, 5),))
    smaller = list(plan.smaller())

    assert len(smaller) == 1 + 2 * plan.steps
    assert smaller[0].crashes == ()
    assert smaller[1].steps == plan.steps - 1
    assert not INDEX.run(smaller[1]).violations


def test_a_soak_runs_every_scenario_on_several_cores(capsys: pytest.CaptureFixture[str]) -> None:
    tally = soak(start=0, seeds=12, seconds=None, mode="late", jobs=2)

    assert tally.histories == 12 * len(SCENARIOS)
    assert tally.failed == 0
    said = [line.split(" histories")[0] for line in capsys.readouterr().out.splitlines() if " histories" in line]
    assert said == [f"{name}: 12" for name in SCENARIOS]


def test_a_soak_prints_what_goes_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("s3store.index.view._is_sure", lambda entry: hasattr(entry, "fields"))

    tally = soak(start=0, seeds=5, seconds=None, mode="lossy", scenario="index")

    assert tally.failed > 0
    said = capsys.readouterr().out
    assert "index: seed 3 goes wrong" in said
    assert "VIOLATION" in said
