"""ministack in a process of its own: a second S3; its one event loop makes each request atomic."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from .http_server import make_bucket

_START_SECONDS = 30.0
_POLL_SECONDS = 0.02


class MinistackServer:
    """An S3 server by ministack, with other `services` of AWS too if named. Enter it to start it and wait for it.

    ministack pins a botocore of its own, which the environment with aioboto3 cannot have: there, name the
    command of another environment in `S3STORE_TEST_MINISTACK`.
    """

    def __init__(self, services: str = "s3") -> None:
        self._services = services
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @staticmethod
    def command() -> str | None:
        """Return the path of the ministack command, or None if there is none here."""
        named = os.environ.get("S3STORE_TEST_MINISTACK")
        if named:
            return named
        beside = Path(sys.executable).with_name("ministack")
        return str(beside) if beside.exists() else shutil.which("ministack")

    @property
    def url(self) -> str:
        """The address for `endpoint_url`."""
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, name: str) -> str:
        """Create a bucket and return its name."""
        make_bucket(self.port, name)
        return name

    def __enter__(self) -> Self:
        command = self.command()
        if command is None:
            raise RuntimeError("ministack is not installed here, and S3STORE_TEST_MINISTACK names none")
        self.port = _free_port()
        environ = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": self._services,
            "LOG_LEVEL": "ERROR",
        }
        self._process = subprocess.Popen(
            [command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(self.port, self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ministack ended at once, with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause.wait(_POLL_SECONDS)
        else:
            return
    raise RuntimeError(f"ministack did not answer within {_START_SECONDS} s")
