"""The seeded simulator: the real protocol code under a scheduler that chooses every interleaving and fault.

::

    from s3store.testing.simulation import simulate

    report = simulate(seed=4711)
    assert not report.violations, report.story()

A seed stands for one *history*: some processes with sessions in common, what each of them calls, how long each
request takes, which ones are lost, late, refused or answered 409 or 503, who crashes and whose clock jumps. The same
seed gives the same history. `simulate` runs it and judges what the callers were told; `shrink` looks for the shortest
part of a history that still goes wrong. `python -m s3store.testing.soak` runs many.

The histories here are about the records of sessions; `index` has those about listings, with callers and a judge of its
own, and `siblings` those about what stands beside a transcript, deletes and clean-ups. `scenarios` names them all.

From the ground up: `scheduler` (tasks and time), `runtime` and `network` (what the core is given), `bucket` (the
objects, and what must always hold of them), `plan` (a history that is to be), `client` (who calls),
`history` (what was called and answered), `model` and `judge` (what the answers may be), `simulator` (all of it).
"""

from .network import WEATHERS, Fate, Weather
from .plan import MODES, Mode, Plan, plan_for
from .simulator import Report, run_plan, shrink, simulate

__all__ = [
    "MODES",
    "WEATHERS",
    "Fate",
    "Mode",
    "Plan",
    "Report",
    "Weather",
    "plan_for",
    "run_plan",
    "shrink",
    "simulate",
]
