"""A tool's home with sessions in it, and an archive to keep them in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from s3store import SessionStore
from s3store.sync.keep import Kept, keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = "-home-mia-weather-cli"
SESSION = "5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11"
ID = f"claude-code/{PROJECT}/{SESSION}"


def line(number: int, **more: object) -> bytes:
    """Return a line as Claude Code writes them."""
    message = {"role": "user", "content": f"Words {number}"}
    fields = {"type": "user", "uuid": f"u-{number}", "sessionId": SESSION, "message": message, **more}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def lines(*numbers: int) -> bytes:
    """Return lines, one after the other."""
    return b"".join(map(line, numbers))


class Home:
    """The home of Claude Code."""

    def __init__(self, root: Path, store: SessionStore) -> None:
        self.root = root
        self._store = store
        self.session = self.file(f"{SESSION}.jsonl")

    def file(self, name: str) -> Path:
        """Return a place in the project's folder, which is there then."""
        path = self.root / "projects" / PROJECT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, path: Path | None = None) -> Kept:
        """Bring a file in."""
        path = path or self.session
        return keep(self._store, "claude-code", path, path.relative_to(self.root).as_posix())

    def grow(self, more: bytes) -> None:
        """Add to the session's file."""
        with self.session.open("ab") as file:
            file.write(more)


def numbers(store: SessionStore, session_id: str = ID) -> list[Any]:
    """Return the numbers of the lines that a session holds; what is no such line as it is."""
    return [
        int(message["uuid"][2:]) if isinstance(message, dict) and "uuid" in message else message
        for message in store.load(session_id).messages
    ]


@pytest.fixture
def store() -> Iterator[SessionStore]:
    with SessionStore("memory://") as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path, store: SessionStore) -> Home:
    return Home(tmp_path / "claude", store)
