"""Seeded histories of packing beside those who write; and the mistakes that they would find."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from s3store.longterm.packs import swaps
from s3store.streams.change import propose_head
from s3store.streams.draft import within_key_budget
from s3store.streams.frames import compress
from s3store.streams.terms import living
from s3store.testing.simulation import run_plan, shrink
from s3store.testing.simulation.packs import PACKS_MODES, packs_plan_for

if TYPE_CHECKING:
    from s3store.streams.commit import Known, Proposal
    from s3store.streams.head import Head

_HISTORIES_OF_EACH_MODE = 30
_MOST_SEEDS = 400


@pytest.mark.parametrize("mode", PACKS_MODES)
def test_nobody_is_told_anything_else_because_of_packs(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = run_plan(packs_plan_for(seed, mode))
        assert not report.violations, shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    happened = " ".join(what for seed in range(60) for _, _, what in run_plan(packs_plan_for(seed)).trace)
    for met in ("swap cold/standard", "get cold/standard", "delete cold/standard", "swap cold/records", "crashes"):
        assert met in happened


def _finds_a_violation() -> bool:
    return any(run_plan(packs_plan_for(seed, "drops")).violations for seed in range(_MOST_SEEDS))


async def _straight(self: swaps.Naming, base: Known[Head]) -> Proposal[Head] | None:
    head = living(base.state)
    if head is None or head.commits[-1] != self._packed_at:
        return None
    thin = replace(
        swaps._moved(head, self.commit_id),
        segments=within_key_budget(self._segments),
        tail=b"",
        tail_frame=compress(b""),
        tail_count=0,
        tail_keys=frozenset(),
        fence=head.fence + 1,
    )
    return propose_head(self._place.keys, thin)


def test_one_swap_instead_of_two_loses_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps.Naming, "propose", _straight)
    assert _finds_a_violation()
