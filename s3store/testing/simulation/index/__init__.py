"""Histories of the index: writers who tell it, readers who list, and those who keep it, in every weather.

::

    from s3store.testing.simulation import INDEX

    report = INDEX.simulate(seed=4711)
    assert not report.violations, report.story()

From the ground up: `plan` (a history that is to be), `truth` (what the sessions were, and who was told), `bucket`
(writes that down, and watches the pages), `filters` and `judge` (what a listing may show), `calls` (what is called and
answered), `reader`, `writer` and `client` (who calls), `final` (what must hold in the end), `world` (all of it).
"""

from ..scenario import Scenario
from .plan import INDEX_MODES, index_plan_for
from .world import IndexWorld

INDEX = Scenario("index", tuple(INDEX_MODES), index_plan_for, IndexWorld)
"""The scenario."""

__all__ = ["INDEX"]
