"""What a function pays when it starts, and what each event costs once it is warm; medians.

Cold: a fresh process imports, opens, and reads one session of 40 messages from an S3 server (moto, in a process of its
own, without delay), beside bare boto3 that GETs the same object. The modules are compiled beforehand. Warm: the handler
of an agent that echoes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from s3store import IndexPolicy, SessionStore
from s3store.keys import MAIL, transcript_head
from s3store.serverless import agent_handler

from .common import (
    MotoProcess,
    Table,
    arguments,
    counting_moto,
    interleaved,
    milliseconds,
    report,
    s3_options,
    sdk_environment,
)

_BUCKET = "archive"
_END = "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM:')) // 1024)"
"""Prints the most memory that the process has taken, in MiB."""
_JOBS = {
    "interpreter alone": "pass",
    "boto3: one GET": f"""
import boto3
boto3.client("s3").get_object(Bucket="{_BUCKET}", Key="{transcript_head("s")}")["Body"].read()
""",
    "s3store: load a session": f"""
from s3store import SessionStore
SessionStore("s3://{_BUCKET}", cache=False).load("s")
""",
    "s3store.serverless: answer a message": f"""
from s3store import IndexPolicy, SessionStore
from s3store.serverless import agent_handler
store = SessionStore("s3://{_BUCKET}", index=IndexPolicy(compact_after=None))
agent_handler(lambda turn: ["answer"], store=store)({{"session_id": "t", "message": "x"}}, None)
""",
}


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="fresh processes of each kind (default: 15)")
    parser.add_argument("--turns", type=int, default=50, help="warm invocations of each kind (default: 50)")
    options = parser.parse_args()
    with counting_moto() as moto, tempfile.TemporaryDirectory() as folder:
        sdk_environment(moto.url)
        os.environ["XDG_CACHE_HOME"] = folder
        store = SessionStore(f"s3://{_BUCKET}", s3=s3_options(moto.url), index=IndexPolicy(compact_after=None))
        _client().create_bucket(Bucket=_BUCKET)
        with store:
            store.create("s", [{"role": "user", "content": f"message {number} " * 20} for number in range(40)])
            tables = [_cold(options.rounds, folder), _warm(moto, store, options.turns)]
    report("cold_start", [*tables, _zip()], as_json=options.json)


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _cold(rounds: int, folder: str) -> Table:
    memory: dict[str, int] = {}

    def start(name: str, code: str) -> None:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-c", f"{code}\n{_END}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
        memory[name] = int(done.stdout)

    taken = interleaved({name: partial(start, name, code) for name, code in _JOBS.items()}, rounds)
    table = Table("Cold: a fresh process", ("process", "ms", "MiB, at most"))
    for name, seconds in taken.items():
        table.add(name, milliseconds(seconds), memory[name])
    return table


def _warm(moto: MotoProcess, store: SessionStore, turns: int) -> Table:
    table = Table("Warm: one message", ("woken by", "ms", "PUT", "GET", "LIST", "DELETE"))
    handler = agent_handler(lambda turn: [f"answer to {turn.message}"], store=store)

    def letter(session: str, number: int) -> dict[str, object]:
        return {"session_id": session, "message": f"message {number}"}

    def bell(session: str, number: int) -> dict[str, object]:
        with SessionStore(f"s3://{_BUCKET}", s3=s3_options(moto.url), cache=False) as sender:
            sender.inbox(session).send(f"message {number}")
        found = _client().list_objects_v2(Bucket=_BUCKET, Prefix=MAIL)["Contents"]
        keys = [quote_plus(each["Key"]) for each in found]
        return {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": key}}} for key in keys]}

    for name, event_of in {"a message in the event": letter, "the bell of an inbox": bell}.items():
        taken: list[float] = []
        requests: list[tuple[str, bool]] = []
        for number in range(-3, turns):
            event = event_of(name, number)
            moto.taken()
            began = time.perf_counter()
            handler(event, None)
            if number >= 0:
                taken.append(time.perf_counter() - began)
                requests = [(method, "list-type" in target) for method, target, *_ in moto.taken()]
        counts = [requests.count(kind) for kind in (("PUT", False), ("GET", False), ("GET", True), ("DELETE", False))]
        table.add(name, milliseconds(taken), *counts)
    return table


def _zip() -> Table:
    table = Table("The zip of a function", ("zip", "bytes", "what builds it says"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "function.zip"
        command = [sys.executable, "terraform/build_zip.py", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        table.add("maintenance", path.stat().st_size, done.stdout.strip().rpartition(", ")[2])
    return table


if __name__ == "__main__":
    main()
