"""Events that come twice, to functions that are killed at any request: nothing is lost, nothing doubled."""

from __future__ import annotations

import pytest

from .killed import history


@pytest.mark.parametrize(
    ("turns", "seeds"),
    [(60, range(2)), pytest.param(1_000, range(2, 5), marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_no_turn_is_lost_or_doubled(turns: int, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in seeds:
        with monkeypatch.context() as patch:
            outcome = history(turns, seed, patch)
        assert (outcome.lost, outcome.doubled, outcome.wrong) == (0, 0, 0)
        assert outcome.bells <= outcome.kills
        assert outcome.deliveries >= 2 * turns
        assert outcome.kills >= turns // 10
        assert outcome.ran >= turns
