"""The seeded simulator: the real protocol code under a scheduler that chooses every interleaving and fault.

::

    from s3store.testing.simulation import SESSIONS

    report = SESSIONS.simulate(seed=4711)
    assert not report.violations, report.story()

A seed stands for one *history*: some processes with sessions in common, what each of them calls, how long each
request takes, which ones are lost, late, refused or answered 409 or 503, who crashes and whose clock jumps. The same
seed gives the same history. `Scenario.simulate` runs it and judges what the callers were told; `Scenario.shrink` looks
for the shortest part of a history that still goes wrong. `python -m s3store.testing.soak` runs many.

There is a scenario for each thing that histories are about, with callers and a judge of its own: `sessions` for the
records of sessions, `index` for listings, `siblings` for what stands beside a transcript, deletes and clean-ups,
`inbox` for messages that are sent and worked off, `packs` for sessions that move into packs and back, `retention` for
holds and the rules that delete. `scenarios` names them all.

From the ground up: `scheduler` (tasks and time), `runtime` and `network` (what the core is given), `bucket` (the
objects, and what must always hold of them), `machine` (the cache of a machine), `history` (what was called and
answered), `model` and `judge` (what the answers may be), `report` (what came of a history), `processes` (plans and
clients of processes that take steps), `world` (processes that live and crash, up to the verdict), `calls` (a world in
which each client judges what it was told), `scenario` (what a scenario consists of), and the scenarios.
"""

from .inbox import INBOX
from .index import INDEX
from .network import WEATHERS, Fate, Weather
from .packs import PACKS
from .report import AnyReport, Report
from .retention import RETENTION
from .scenario import Scenario
from .scenarios import SCENARIOS
from .sessions import SESSIONS
from .siblings import SIBLINGS

__all__ = [
    "INBOX",
    "INDEX",
    "PACKS",
    "RETENTION",
    "SCENARIOS",
    "SESSIONS",
    "SIBLINGS",
    "WEATHERS",
    "AnyReport",
    "Fate",
    "Report",
    "Scenario",
    "Weather",
]
