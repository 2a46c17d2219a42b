"""Seeded histories of the real protocol code. `make soak` runs as many more as you like."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from s3store.testing.simulation import SESSIONS
from s3store.testing.soak import soak

if TYPE_CHECKING:
    from s3store.testing.simulation import AnyReport

_HISTORIES_OF_EACH_MODE = 60


@pytest.mark.parametrize("mode", SESSIONS.modes)
def test_every_answer_of_a_history_is_explained_by_an_order_of_its_calls(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = SESSIONS.simulate(seed, mode)
        assert not report.violations, SESSIONS.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    reports = [SESSIONS.simulate(seed) for seed in range(300)]

    told = {type(operation.outcome).__name__ for report in reports for operation in report.operations}
    errors = {
        operation.outcome.error
        for report in reports
        for operation in report.operations
        if hasattr(operation.outcome, "error")
    }
    happened = " ".join(what for report in reports for _, _, what in report.trace)

    assert told == {"Wrote", "Read", "Deleted", "Failed", "Unknown"}
    assert errors == {
        "Conflict",
        "CorruptObject",
        "SessionDeleted",
        "SessionExists",
        "SessionNotFound",
        "StoreUnavailable",
    }
    assert {operation.resolved for report in reports for operation in report.operations} == {None, False, True}
    for fate in ("crashes", "the answer was lost", "long after", "or never", "409", "503", "cut or flipped"):
        assert fate in happened
    assert "delete sessions/ec/s0/transcript/" in happened
    assert _segments_read(reports) > 100


def _segments_read(reports: list[AnyReport]) -> int:
    requests = [what for report in reports for _, _, what in report.trace]
    return sum(what.startswith("get sessions/ec/s0/transcript/") and what.endswith("is applied") for what in requests)


@pytest.mark.parametrize("mode", ["lossy", "sweeps", "storm"])
def test_the_same_seed_gives_the_same_history(mode: str) -> None:
    for seed in range(10):
        assert SESSIONS.simulate(seed, mode).digest() == SESSIONS.simulate(seed, mode).digest()


def test_a_history_does_not_hang_on_the_hash_seed_of_the_process() -> None:
    program = (
        "from s3store.testing.simulation import SESSIONS; print([SESSIONS.simulate(s).digest() for s in range(30)])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert outputs[0] == outputs[1]


def test_other_seeds_give_other_histories() -> None:
    assert len({SESSIONS.simulate(seed).digest() for seed in range(50)}) == 50


def test_a_plan_can_be_run_again_with_less_in_it() -> None:
    plan = SESSIONS.plan_for(3, "crashes")
    smaller = plan.without_step(0, 0)

    assert smaller.steps == plan.steps - 1
    assert not SESSIONS.run(smaller).violations


def test_a_soak_counts_what_it_ran(capsys: pytest.CaptureFixture[str]) -> None:
    tally = soak(start=0, seeds=20, seconds=None, mode="lossy", scenario="sessions")

    assert tally.histories == 20
    assert tally.failed == 0
    assert tally.faults > 0
    assert "20 histories" in capsys.readouterr().out
