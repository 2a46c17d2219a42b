"""What can be simulated, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .inbox import INBOX
from .index import INDEX
from .packs import PACKS
from .retention import RETENTION
from .sessions import SESSIONS
from .siblings import SIBLINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .scenario import Scenario

SCENARIOS: Mapping[str, Scenario[Any, Any]] = {
    scenario.name: scenario for scenario in (SESSIONS, INDEX, SIBLINGS, INBOX, PACKS, RETENTION)
}
