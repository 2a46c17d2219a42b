"""What sessions of the OpenAI Agents SDK cost in S3: ours, and an object of JSON that each call writes again.

The SDK has no session on S3; the object of JSON is what one writes first. The store is moto in a process of its own,
which counts requests and bytes. A turn is what the SDK's runner asks of a session: the history, then what the user
said is added, then what came of it, a tenth of a made-up coding session of about 100 KB.

    python -m benchmarks.integrations_openai
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from agents.memory import SessionABC

from s3store.integrations.openai_agents import NAMESPACE, ArchiveSession

from .common import Table, arguments, report
from .content import coding_session
from .places import ASKED, BUCKET, Moto, moto_with_bucket, opened, tabulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from .common import MotoProcess

_TURNS = 10
_SESSIONS = 20
"""Sessions that are listed beside the one that is measured."""
_BYTES = 100_000
_GROWTH = (50, 200)
"""Turns of which the sums are compared."""


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__).parse_args()
    turns = Table(f"{_TURNS} turns, then a new process each time", ("session", "what", *ASKED))
    growth = Table("all turns of a session, 2 KB each", ("session", "turns", *ASKED))
    with moto_with_bucket() as moto:
        for name, make in makers(moto).items():
            asyncio.run(measure(name, make, moto, turns))
            for number in _GROWTH:
                with tabulated(growth, moto, name, number):
                    asyncio.run(converse(make(f"growth-{number}"), [[item, item] for item in small(number)]))
        with tabulated(turns, moto, "s3store", f"list of {_SESSIONS + 1}"):
            found = list(opened(Moto(moto, "ours")).list(id_prefix=f"{NAMESPACE}/session-"))
        assert len(found) == _SESSIONS + 1
    report("integrations_openai", [turns, growth], as_json=given.json)


def makers(moto: MotoProcess) -> dict[str, Callable[[str], SessionABC]]:
    """Return what opens a session of each kind as a new process would."""
    return {
        "s3store": lambda session_id: ArchiveSession(session_id, opened(Moto(moto, "ours"))),
        "an object of JSON": JsonSession,
    }


async def measure(name: str, make: Callable[[str], SessionABC], moto: MotoProcess, table: Table) -> None:
    """Add the rows of one kind of session."""
    for number in range(_SESSIONS):
        await make(f"session-{number}").add_items(items_of(number))
    key, items = f"session-{_SESSIONS}", items_of(_SESSIONS)
    size = -(-len(items) // _TURNS)
    with tabulated(table, moto, name, f"{_TURNS} turns"):
        await converse(make(key), [items[at : at + size] for at in range(0, len(items), size)])
    with tabulated(table, moto, name, "resume"):
        assert await make(key).get_items() == items
    with tabulated(table, moto, name, "the latest 10 items"):
        await make(key).get_items(10)
    with tabulated(table, moto, name, "take the last item"):
        await make(key).pop_item()
    with tabulated(table, moto, name, "clear"):
        await make(key).clear_session()


async def converse(session: SessionABC, turns: list[list[Any]]) -> None:
    """Do what the SDK's runner does, turn by turn."""
    for first, *others in turns:
        await session.get_items()
        await session.add_items([first])
        await session.add_items(others)


def items_of(number: int) -> list[Any]:
    """Return the messages of a made-up session that are items."""
    return [message for turn in coding_session(number, _BYTES) for message in turn if isinstance(message, dict)]


def small(number: int) -> list[Any]:
    """Return that many items of about 1 KB."""
    lines = (line for seed in range(number) for item in items_of(seed) for line in str(item).split("\\n") if line)
    return [{"role": "user", "content": "\n".join(islice(lines, 16))[:1024]} for _ in range(number)]


class JsonSession(SessionABC):
    """A session as one object of JSON, written whole each time; of two writers the last one wins."""

    def __init__(self, session_id: str) -> None:
        import boto3

        self.session_id = session_id
        self._client = boto3.client("s3")
        self._key = f"theirs/{session_id}.json"

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """Read the whole object, whatever the limit."""
        return await asyncio.to_thread(self._read, limit)

    async def add_items(self, items: list[Any]) -> None:
        """Read, and write with the items added."""
        await self._write([*await self.get_items(), *items])

    async def pop_item(self) -> Any | None:
        """Read, and write without the last item."""
        items = await self.get_items()
        await self._write(items[:-1])
        return items[-1] if items else None

    async def clear_session(self) -> None:
        """Write an empty list."""
        await self._write([])

    async def _write(self, items: list[Any]) -> None:
        await asyncio.to_thread(self._client.put_object, Bucket=BUCKET, Key=self._key, Body=orjson.dumps(items))

    def _read(self, limit: int | None) -> list[Any]:
        try:
            stored = self._client.get_object(Bucket=BUCKET, Key=self._key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return []
        items: list[Any] = orjson.loads(stored)
        return items if limit is None else items[len(items) - min(limit, len(items)) :]


if __name__ == "__main__":
    main()
