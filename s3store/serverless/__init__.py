"""What runs in a function: an agent that is woken by messages, and the upkeep of an archive on a schedule.

::

    from s3store.serverless import Turn, agent_handler, maintenance_handler

    def run_turn(turn: Turn) -> list[object]:
        return [{"role": "assistant", "content": answer_to(turn.history, turn.message)}]

    handler = agent_handler(run_turn)    # the archive is that of S3STORE_URL
    upkeep = maintenance_handler()

Written for AWS Lambda, which needs nothing of it: any host that calls `handler(event, context)` will do.
"""

from .agent import agent_handler
from .events import Bell, Letter, Wake, wakes_of
from .maintenance import maintenance_handler
from .timeleft import Context, TimeLeft
from .turns import Answer, Turn, TurnsLeft

__all__ = [
    "Answer",
    "Bell",
    "Context",
    "Letter",
    "TimeLeft",
    "Turn",
    "TurnsLeft",
    "Wake",
    "agent_handler",
    "maintenance_handler",
    "wakes_of",
]
