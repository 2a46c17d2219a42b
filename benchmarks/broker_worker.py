"""A worker of `benchmarks.broker`: an echo that answers whatever is sent to any session.

Prints a line when it is ready, begins when it reads one, and ends when nothing came for a while: then it prints how
many messages it handled, and when (Unix time) the last of them was answered.
"""

from __future__ import annotations

import sys
import time

import s3store
from s3store.contracts.broker import Broker

from .common import s3_options


def main() -> None:
    """Work: the arguments are the location, the endpoint or `-`, seconds of a lease, and seconds to wait."""
    location, endpoint, lease, wait = sys.argv[1:]
    options = None if endpoint == "-" else s3_options(endpoint)
    handled, last = 0, 0.0
    with s3store.SessionStore(location, s3=options) as store:
        store.exists("nobody")  # connected
        print("ready", flush=True)
        sys.stdin.readline()
        for mail in Broker(store).watch(lease=float(lease), wait=float(wait), poll=0.2):
            answer = {"role": "assistant", "content": mail.message["content"]}
            store.extend(mail.session_id, [mail.message, answer], keys=[mail.id, f"{mail.id}-answer"])
            handled, last = handled + 1, time.time()
    print(handled, last, flush=True)


if __name__ == "__main__":
    main()
