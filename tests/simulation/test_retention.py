"""Seeded histories of holds, of rules that delete, and of maintainers whose clocks jump."""

from __future__ import annotations

import pytest

from s3store.testing.simulation import RETENTION

_HISTORIES_OF_EACH_MODE = 25


@pytest.mark.parametrize("mode", RETENTION.modes)
def test_what_is_held_or_not_due_stays_and_all_else_goes(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = RETENTION.simulate(seed, mode)
        assert not report.violations, RETENTION.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    reports = [RETENTION.simulate(seed) for seed in range(140)]

    told = " ".join(str(operation.told) for report in reports for operation in report.operations)
    met = {fault for report in reports for fault in report.met}

    for fate in ("'planned'", "'deleted'", "'held'", "'not due'", "'gone'", "'changed'", "SessionHeld", "taken off"):
        assert fate in told
    assert {"a clock jumped", "a process crashed", "a process slept"} <= met


def test_the_same_seed_gives_the_same_history() -> None:
    for seed in range(14):
        assert RETENTION.simulate(seed).digest() == RETENTION.simulate(seed).digest()
