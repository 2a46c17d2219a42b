"""moto's S3 behind one lock, until standard input is closed. Prints its address."""

from __future__ import annotations

import sys

from tests.servers import MotoServer


def main() -> None:
    """Serve until whoever started this closes the pipe, or ends."""
    with MotoServer() as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
