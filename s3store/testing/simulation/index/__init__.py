"""Histories of the index: writers who tell it, readers who list, and those who keep it, in every weather.

::

    from s3store.testing.simulation.index import simulate_index

    report = simulate_index(seed=4711)
    assert not report.violations, report.story()

As in `s3store.testing.simulation`, whose scheduler, network and runtime they use: the same seed gives the same history,
and `shrink_index` looks for the shortest part of one that still goes wrong. From the ground up: `plan` (a history that
is to be), `truth` (what the sessions were, and who was told), `bucket` (writes that down, and watches the pages),
`filters` and `judge` (what a listing may show), `calls` (what is called and answered), `reader`, `writer` and `client`
(who calls), `final` (what must hold in the end), `world` (all of it).
"""

from .plan import INDEX_MODES, IndexMode, IndexPlan, index_plan_for
from .world import IndexReport, run_index_plan, shrink_index, simulate_index

__all__ = [
    "INDEX_MODES",
    "IndexMode",
    "IndexPlan",
    "IndexReport",
    "index_plan_for",
    "run_index_plan",
    "shrink_index",
    "simulate_index",
]
