"""A writer of the soak: appends until it is ended. Arguments: the location, its name, the folder for its file."""

from __future__ import annotations

import itertools
import os
import sys

from s3store import CommitPolicy, SessionStore

from .endpoint import Endpoint
from .soak import SESSIONS

_PATIENT = CommitPolicy(seconds=60, attempts=10_000, pause=0.001, longest_pause=0.05)


def main(location: str, name: str, folder: str) -> None:
    """Append records and write down each that was acknowledged, on the disk before the next is begun."""
    endpoint = Endpoint.from_environment()
    if endpoint is None:
        raise SystemExit("no server is named in the environment")
    file = os.open(os.path.join(folder, f"{name}.acknowledged"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with SessionStore(location, s3=endpoint.options(), policy=_PATIENT, cache=False) as store:
        for number in itertools.count():
            session, record = SESSIONS[number % len(SESSIONS)], f"{name}-{number}"
            store.append(session, record)
            os.write(file, f"{session} {record}\n".encode())
            os.fsync(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
