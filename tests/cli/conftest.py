"""A command line that knows nothing of the machine it runs on, and an archive of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from s3store import SessionStore
from s3store.cli.app import cli as commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_LONGEST_SECONDS = 30


class Cli:
    """Runs commands in this process, or in one of their own."""

    def __init__(self, home: Path) -> None:
        directory = home / "archive"
        directory.mkdir()
        self.url = directory.as_uri()
        self._timers: list[threading.Timer] = []
        self.env = {"S3STORE_URL": self.url, "XDG_CONFIG_HOME": str(home / "config"), "NO_COLOR": "1"}

    def __call__(self, *args: object, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
        words = [str(arg) for arg in args]
        return CliRunner(env=self.env | (env or {})).invoke(commands, words, input=stdin, prog_name="s3store")

    def ok(self, *args: object, stdin: str | None = None) -> str:
        """Run a command that must succeed, and return its output."""
        result = self(*args, stdin=stdin)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *args: object) -> list[Any]:
        """Run a command that must succeed and prints JSON lines."""
        return [json.loads(line) for line in self.ok(*args, "--json").split("\n")[:-1]]

    def start(
        self,
        *args: object,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a command in a process of its own. One that hangs is ended, so that no test waits for ever."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("S3STORE_")} | self.env
        words = [sys.executable, "-m", "s3store.cli", *map(str, args)]
        process = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environ,
            # Whoever runs the tests in the background of a shell has them start with the signal of Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        timer = threading.Timer(_LONGEST_SECONDS, process.kill)
        timer.start()
        self._timers.append(timer)
        return process

    def close(self) -> None:
        """Wait for no process any more."""
        for timer in self._timers:
            timer.cancel()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    for name in [name for name in os.environ if name.startswith("S3STORE_")]:
        monkeypatch.delenv(name)
    made = Cli(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(cli: Cli) -> Iterator[SessionStore]:
    """The archive that the command line works on."""
    with SessionStore(cli.url) as opened:
        yield opened
