"""What sessions of Google's ADK cost in S3: ours, and ADK's own in a SQLite file that is put to S3 after each turn.

ADK has no sessions in object storage. Of those that it keeps, the ones in memory are lost with the process, and those
in SQLite stay on one machine: so the file is fetched by each new process, and put whole after each turn. That is what
one writes first, and of two such processes the last one wins. Without SQLAlchemy its `DatabaseSessionService` is left
out; the `SqliteSessionService` is always there. The store is moto in a process of its own, which counts requests and
bytes. A turn is what ADK's runner asks of a service: the session, then an event for what the user said and one for
each thing that came of it, a tenth of a made-up coding session of about 100 KB.

    pip install "google-adk[db]"
    python -m benchmarks.integrations_adk
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.events.event import Event
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types

from s3store.integrations.google_adk import ArchiveSessionService

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
_FATES = ("events taken", "writers told to get it again", "events that are there")
_OF: dict[str, Any] = {"app_name": "benchmark", "user_id": "mia"}


class Ours:
    """A process with our service: nothing is fetched before, and nothing put after."""

    def __init__(self, moto: MotoProcess) -> None:
        self.service: Any = ArchiveSessionService(opened(Moto(moto, "ours")))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def put(self) -> None:
        """Do nothing: an event is stored when `append_event` returns."""


class SqliteOnS3:
    """A process with one of ADK's services in a file of its own, fetched when it starts and put after each turn."""

    def __init__(self, name: str, open_service: Callable[[Path], Any]) -> None:
        import boto3

        self._client = boto3.client("s3")
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "sessions.db"
        self._key = f"theirs/{name}.db"
        try:
            self._path.write_bytes(self._client.get_object(Bucket=BUCKET, Key=self._key)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            pass  # The first process has nothing to fetch.
        self.service = open_service(self._path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if hasattr(self.service, "close"):
            await self.service.close()
        self._folder.cleanup()

    def put(self) -> None:
        """Put the file, whole."""
        self._client.put_object(Bucket=BUCKET, Key=self._key, Body=self._path.read_bytes())


Process: TypeAlias = Ours | SqliteOnS3


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__).parse_args()
    turns = Table(f"{_TURNS} turns, then a new process each time", ("session service", "what", *ASKED))
    growth = Table("all turns of a session, 2 KB each", ("session service", "turns", *ASKED))
    with moto_with_bucket() as moto:
        for name, make in makers(moto).items():
            asyncio.run(measure(name, make, moto, turns))
        for number in _GROWTH:
            for name, make in makers(moto, f"growth-{number}-").items():
                with tabulated(growth, moto, name, number):
                    asyncio.run(converse(make, f"growth-{number}", [[words(at), words(at)] for at in range(number)]))
        lost = Table("two processes that had the session before either wrote", ("session service", *_FATES))
        for name, make in makers(moto, "writers-").items():
            lost.add(name, *asyncio.run(raced(make)))
    report("integrations_adk", [turns, growth, lost], as_json=given.json)


def makers(moto: MotoProcess, prefix: str = "") -> dict[str, Callable[[], Process]]:
    """Return what makes a new process with each service; those of a prefix share nothing with others."""
    found: dict[str, Callable[[], Process]] = {
        "s3store": lambda: Ours(moto),
        "SqliteSessionService, its file in S3": lambda: SqliteOnS3(
            prefix + "sqlite", lambda path: SqliteSessionService(str(path))
        ),
    }
    if importlib.util.find_spec("sqlalchemy") and importlib.util.find_spec("greenlet"):
        found["DatabaseSessionService, its file in S3"] = lambda: SqliteOnS3(prefix + "database", database)
    return found


def database(path: Path) -> Any:
    """Open ADK's service for databases on a file of SQLite."""
    from google.adk.sessions.database_session_service import DatabaseSessionService

    return DatabaseSessionService(f"sqlite+aiosqlite:///{path}")


async def measure(name: str, make: Callable[[], Process], moto: MotoProcess, table: Table) -> None:
    """Add the rows of one service."""
    for number in range(_SESSIONS):
        await converse(make, f"session-{number}", [texts_of(number)[:4]])
    key, texts = f"session-{_SESSIONS}", texts_of(_SESSIONS)
    size = -(-len(texts) // _TURNS)
    with tabulated(table, moto, name, f"{_TURNS} turns"):
        await converse(make, key, [texts[at : at + size] for at in range(0, len(texts), size)])
    with tabulated(table, moto, name, "resume"):
        assert await texts_in(make, key) == texts
    with tabulated(table, moto, name, "the latest 10 events"):
        assert await texts_in(make, key, GetSessionConfig(num_recent_events=10)) == texts[-10:]
    with tabulated(table, moto, name, f"list of {_SESSIONS + 1}"):
        async with make() as process:
            assert len((await process.service.list_sessions(**_OF)).sessions) == _SESSIONS + 1
    with tabulated(table, moto, name, "delete"):
        async with make() as process:
            await process.service.delete_session(**_OF, session_id=key)
            process.put()


async def texts_in(make: Callable[[], Process], session_id: str, config: GetSessionConfig | None = None) -> list[str]:
    """Return what a new process reads of a session."""
    async with make() as process:
        found = await process.service.get_session(**_OF, session_id=session_id, config=config)
        return [event.content.parts[0].text for event in found.events]


async def converse(make: Callable[[], Process], session_id: str, turns: list[list[str]]) -> None:
    """Do what ADK's runner does, turn by turn, in one process."""
    async with make() as process:
        await process.service.create_session(**_OF, session_id=session_id)
        for turn in turns:
            session = await process.service.get_session(**_OF, session_id=session_id)
            for author, text in zip(("user", *["agent"] * len(turn)), turn, strict=False):
                await process.service.append_event(session, event(author, text))
            process.put()


async def raced(make: Callable[[], Process]) -> tuple[int, int, int]:
    """Let each of two processes add an event to a session that both have, and return what became of the events.

    A process that is told that its session is stale gets it again and adds its event to that.
    """
    await converse(make, "raced", [[]])
    told = 0
    async with make() as one, make() as other:
        sessions = [(each, await each.service.get_session(**_OF, session_id="raced")) for each in (one, other)]
        for process, session in sessions:
            try:
                await process.service.append_event(session, event("user", "mine"))
            except StaleSessionError:
                told += 1
                again = await process.service.get_session(**_OF, session_id="raced")
                await process.service.append_event(again, event("user", "mine"))
            process.put()
    return len(sessions), told, len(await texts_in(make, "raced"))


def event(author: str, text: str) -> Event:
    """Return an event that says something."""
    content = types.Content(role="user" if author == "user" else "model", parts=[types.Part(text=text)])
    return Event(author=author, invocation_id="i", content=content)


def texts_of(number: int, size: int = _BYTES) -> list[str]:
    """Return the messages of a made-up session of about `size` bytes as texts."""
    return [json.dumps(message) for turn in coding_session(number, size) for message in turn]


def words(number: int) -> str:
    """Return a text of about 1 KB, another for each number."""
    return "".join(texts_of(number, 1024))[:1024]


if __name__ == "__main__":
    main()
