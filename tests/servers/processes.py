"""Servers in processes of their own on loopback: started, waited for, and ended however the test ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.02
_END_SECONDS = 10


class ServerProcess:
    """A process that answers HTTP on a port of 127.0.0.1, from entering it until leaving it.

    `command` and `environ` are asked for once `port` is known. Raises `RuntimeError` where the process ends, or does
    not answer within `start_seconds`; what it printed last is told then if it was given a `log`.
    """

    start_seconds = 30.0

    def __init__(self, *, log: Path | None = None) -> None:
        self.port = 0
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for `endpoint_url`."""
        return f"http://127.0.0.1:{self.port}"

    def _command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def _environ(self) -> Mapping[str, str]:
        return {}

    def __enter__(self) -> Self:
        self.port = free_port()
        self._process = start(self._command(), environ=self._environ(), log=self._log)
        try:
            wait_until(lambda: answers(self.port), self._process, self.start_seconds, self._log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    command: Sequence[str | Path], *, environ: Mapping[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process, and those that it starts, as a group of its own; what it prints goes to `log` or nowhere."""
    output = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command,
            env=os.environ | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def end(process: subprocess.Popen[bytes], seconds: float = _END_SECONDS) -> None:
    """End a process that `start` started, with its group: kindly, and after `seconds` by force."""
    process.terminate()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def answers(port: int) -> bool:
    """Return whether there is an answer to HTTP, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float, log: Path | None = None
) -> None:
    """Wait until a process is ready. Raises `RuntimeError` if it ends before, or after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    name = str(process.args)
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended at once, with status {process.returncode}{_last_of(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not answer within {seconds} s{_last_of(log)}")
        pause.wait(_POLL_SECONDS)


def _last_of(log: Path | None) -> str:
    return f"; it printed last: {log.read_text(errors='replace')[-2000:]}" if log else ""
