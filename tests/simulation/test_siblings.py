"""Seeded histories of siblings, deletes and clean-ups; and the mistakes that they would find."""

from __future__ import annotations

import pytest

from s3store.testing.simulation import SIBLINGS

_HISTORIES_OF_EACH_MODE = 30


@pytest.mark.parametrize("mode", SIBLINGS.modes)
def test_nothing_named_is_lost_and_nothing_deleted_is_left(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = SIBLINGS.simulate(seed, mode)
        assert not report.violations, SIBLINGS.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    reports = [SIBLINGS.simulate(seed) for seed in range(150)]

    happened = " ".join(what for report in reports for _, _, what in report.trace)
    told = {type(operation.outcome).__name__ for report in reports for operation in report.operations}

    assert told == {"Wrote", "Read", "Deleted", "Failed", "Unknown"}
    for removed in ("'segment'", "'body'", "'upload'", "'sibling'", "'young'"):
        assert removed in happened
    for fate in ("crashes", "the answer was lost", "long after", "or never", "409", "503"):
        assert fate in happened


def test_the_same_seed_gives_the_same_history() -> None:
    for seed in range(8):
        assert SIBLINGS.simulate(seed).digest() == SIBLINGS.simulate(seed).digest()
