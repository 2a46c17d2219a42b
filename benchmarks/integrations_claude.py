"""What the Claude Agent SDK's sessions cost in S3: our store, and the SDK's own example of one, in one run.

The store is moto in a process of its own, which counts requests and bytes. A turn is one append, as the SDK sends by
default, of a tenth of a made-up coding session of about 100 KB. The SDK's example stands in its source
distribution alone: unpack that and name the folder, else ours is measured by itself.

    pip download --no-deps --no-binary :all: claude-agent-sdk && tar xzf claude_agent_sdk-*.tar.gz
    python -m benchmarks.integrations_claude --sources claude_agent_sdk-0.2.188
"""

from __future__ import annotations

import importlib.util
import sys
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
from claude_agent_sdk import list_sessions_from_store, project_key_for_directory

from s3store.integrations.claude_agent_sdk import ClaudeSessionStore

from .common import Table, arguments, report
from .content import coding_session
from .places import ASKED, BUCKET, Moto, moto_with_bucket, opened, tabulated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .common import MotoProcess

_DIRECTORY = "/home/mia/weather"
_TURNS = 10
_SESSIONS = 20
"""Sessions that are listed beside the one that is measured."""
_BYTES = 100_000
"""About how large a session is, before the SDK's envelopes."""


def main() -> None:
    """Measure, and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sources", type=Path, metavar="DIR", help="the SDK's unpacked source distribution")
    given = parser.parse_args()
    table = Table(
        f"{_TURNS} turns, then a new process each time; {_SESSIONS + 1} sessions are listed",
        ("store", "what", *ASKED),
    )
    with moto_with_bucket() as moto:
        makers: dict[str, Callable[[], Any]] = {"s3store": lambda: ours(moto)}
        if given.sources is not None:
            makers["the SDK's example"] = example(given.sources)
        for name, make in makers.items():
            anyio.run(measure, name, make, moto, table)
    report("integrations_claude", [table], as_json=given.json)


def ours(moto: MotoProcess) -> ClaudeSessionStore:
    """Return our store as a new process would open it, without what this machine keeps."""
    return ClaudeSessionStore(opened(Moto(moto, "ours")))


def example(sources: Path) -> Callable[[], Any]:
    """Return what makes the SDK's example store."""
    import boto3

    path = sources / "examples" / "session_stores" / "s3_session_store.py"
    spec = importlib.util.spec_from_file_location("s3_session_store", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    client = boto3.client("s3")
    return lambda: module.S3SessionStore(BUCKET, "theirs", client)


async def measure(name: str, make: Callable[[], Any], moto: MotoProcess, table: Table) -> None:
    """Add the rows of one store."""
    for number in range(_SESSIONS):
        store = make()
        for turn in turns_of(number):
            await store.append(key_of(number), turn)
    store, key = make(), key_of(_SESSIONS)
    await store.load(key)
    turns = turns_of(_SESSIONS)

    async def write() -> None:
        for turn in turns:
            await store.append(key, turn)

    sub = {**key, "subpath": "subagents/agent-1"}
    await step(table, moto, name, f"{_TURNS} turns", write)
    await step(table, moto, name, "a turn of a sub-agent", lambda: store.append(sub, turns[0]))
    fresh = make()
    await step(table, moto, name, "resume", lambda: fresh.load(key))
    fresh = make()
    await step(table, moto, name, "list with titles", lambda: list_sessions_from_store(fresh, directory=_DIRECTORY))
    fresh = make()
    await step(table, moto, name, "delete", lambda: fresh.delete(key))


async def step(table: Table, moto: MotoProcess, name: str, what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do something, and add what was asked of S3 for it."""
    with tabulated(table, moto, name, what):
        await work()


def key_of(number: int) -> Any:
    """Return the key of a session of the project."""
    return {"project_key": project_key_for_directory(_DIRECTORY), "session_id": str(UUID(int=number, version=4))}


def turns_of(number: int) -> list[list[Any]]:
    """Return a made-up session of entries, cut into as many turns for each."""
    uuids = (str(UUID(int=(number << 64) + at, version=4)) for at in count())
    messages = [message for turn in coding_session(number, _BYTES) for message in turn]
    cuts = [at * len(messages) // _TURNS for at in range(_TURNS + 1)]
    return [[entry(number, next(uuids), message) for message in messages[first:end]] for first, end in pairwise(cuts)]


def entry(number: int, uuid: str, message: Any) -> Any:
    """Return one entry."""
    return {
        "type": message.get("role", "user") if isinstance(message, dict) else "user",
        "uuid": uuid,
        "sessionId": key_of(number)["session_id"],
        "cwd": _DIRECTORY,
        "timestamp": "2026-11-20T09:30:00.000Z",
        "message": message,
    }


if __name__ == "__main__":
    main()
