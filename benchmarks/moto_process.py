"""moto's S3 behind one lock, until standard input is closed. Prints its address.

For each line that comes in, it prints a line of JSON: the requests since the last one, as `[method, target, status,
bytes up, bytes down]`.
"""

from __future__ import annotations

import sys

import orjson

from tests.servers import MotoServer


def main() -> None:
    """Serve until whoever started this closes the pipe, or ends."""
    with MotoServer() as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            seen = server.traffic.exchanges
            server.traffic.clear()
            found = [(each.method, each.target, each.status, each.bytes_in, each.bytes_out) for each in seen]
            print(orjson.dumps(found).decode(), flush=True)


if __name__ == "__main__":
    main()
