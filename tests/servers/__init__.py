"""S3 servers on loopback for the tests and benchmarks, and a proxy that makes them misbehave.

`Endpoint` is the server that the environment names, for the tests of real servers; `lanes` knows how each is started.
`MotoServer` runs in threads of the test process, `MinistackServer` in a process of its own; `FaultProxy`
stands between an SDK and one of them. moto's server and the proxy count what passes (`Traffic`).
"""

from .endpoint import Endpoint
from .fault_proxy import (
    Fault,
    FaultProxy,
    Hold,
    answer,
    cut_body,
    hold,
    in_order,
    lose_answer,
    lose_request,
    reset,
    trickle,
)
from .http_server import Reply, Request
from .ministack_server import MinistackServer
from .moto_server import MotoServer
from .traffic import Exchange, Traffic

__all__ = [
    "Endpoint",
    "Exchange",
    "Fault",
    "FaultProxy",
    "Hold",
    "MinistackServer",
    "MotoServer",
    "Reply",
    "Request",
    "Traffic",
    "answer",
    "cut_body",
    "hold",
    "in_order",
    "lose_answer",
    "lose_request",
    "reset",
    "trickle",
]
