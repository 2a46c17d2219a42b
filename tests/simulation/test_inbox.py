"""Seeded histories of inboxes. That they would find mistakes is shown by `test_mutations`."""

from __future__ import annotations

from collections import Counter

import pytest

from s3store.testing.simulation import INBOX

_HISTORIES_OF_EACH_MODE = 20


@pytest.mark.parametrize("mode", INBOX.modes)
def test_no_history_loses_a_message_or_does_it_twice(mode: str) -> None:
    for seed in range(_HISTORIES_OF_EACH_MODE):
        report = INBOX.simulate(seed, mode)
        assert not report.violations, INBOX.shrink(report.plan).story()


def test_histories_meet_what_they_are_there_for() -> None:
    reports = [INBOX.simulate(seed) for seed in range(80)]

    calls = Counter((call.what.split()[0], call.told) for report in reports for call in report.operations)
    told = {told for _, told in calls}
    met = {fault for report in reports for fault in report.met}

    for what in ("post", "send", "resolve", "serve", "watch", "receive", "extend", "release", "look"):
        assert any(name == what and end not in {None, "StoreUnavailable", "Conflict"} for name, end in calls), what
    assert calls["done", "None"] > 100
    assert calls["done", "LeaseLost"] > 5  # leases did run out, and others took over
    assert {"OutcomeUnknown", "StoreUnavailable"} <= told
    assert ("resolve", "True") in calls
    assert ("resolve", "False") in calls
    assert {"a process crashed", "a process slept", "a clock jumped", "the cache was old, wrong or empty"} <= met
    assert any("delete mail/" in what for report in reports for _, _, what in report.trace)


def test_the_same_seed_gives_the_same_history() -> None:
    for seed in range(16):
        assert INBOX.simulate(seed).digest() == INBOX.simulate(seed).digest()
