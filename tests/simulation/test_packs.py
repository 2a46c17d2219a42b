"""Seeded histories of packing beside those who write. That they would find mistakes is shown by `test_mutations`."""

import pytest

from s3store.testing.simulation import PACKS

_HISTORIES_OF_EACH_MODE = 15


@pytest.mark.parametrize("mode", PACKS.modes)
def test_nobody_is_told_anything_else_because_of_packs(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = PACKS.simulate(seed, mode)
        assert not report.violations, PACKS.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    happened = " ".join(what for seed in range(35) for _, _, what in PACKS.simulate(seed).trace)
    for met in ("swap cold/standard", "get cold/standard", "delete cold/standard", "swap cold/records", "crashes"):
        assert met in happened
    assert sum(PACKS.simulate(seed, "drops").met["a process slept"] for seed in range(5)) > 0
