"""moto's S3 behind one lock, until standard input is closed. Prints its address.

With a number of milliseconds as its argument, every answer is put off by so much, as S3 itself would take.

For each line that comes in, it prints a line of JSON: the requests since the last one, as `[method, target, status,
bytes up, bytes down]`.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import orjson

from tests.servers import FaultProxy, MotoServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Request


def main() -> None:
    """Serve until whoever started this closes the pipe, or ends."""
    with ExitStack() as running:
        moto = running.enter_context(MotoServer())
        server: MotoServer | FaultProxy = moto
        if len(sys.argv) > 1:
            server = running.enter_context(FaultProxy(moto.port))
            server.script = _put_off(float(sys.argv[1]) / 1000)
        print(server.url, flush=True)
        for _ in sys.stdin:
            seen = server.traffic.exchanges
            server.traffic.clear()
            found = [(each.method, each.target, each.status, each.bytes_in, each.bytes_out) for each in seen]
            print(orjson.dumps(found).decode(), flush=True)


def _put_off(seconds: float) -> Callable[[Request], None]:
    return lambda _request: time.sleep(seconds)


if __name__ == "__main__":
    main()
