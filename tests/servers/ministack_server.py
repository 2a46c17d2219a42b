"""ministack in a process of its own: a second S3; its one event loop makes each request atomic."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .http_server import make_bucket
from .processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MinistackServer(ServerProcess):
    """An S3 server by ministack, with other `services` of AWS too if named. Enter it to start it and wait for it.

    ministack pins a botocore of its own, which the environment with aioboto3 cannot have: there, name the
    command of another environment in `S3STORE_TEST_MINISTACK`.
    """

    def __init__(self, services: str = "s3") -> None:
        super().__init__()
        self._services = services

    @staticmethod
    def command() -> str | None:
        """Return the path of the ministack command, or None if there is none here."""
        named = os.environ.get("S3STORE_TEST_MINISTACK")
        if named:
            return named
        beside = Path(sys.executable).with_name("ministack")
        return str(beside) if beside.exists() else shutil.which("ministack")

    def make_bucket(self, name: str) -> str:
        """Create a bucket and return its name."""
        make_bucket(self.port, name)
        return name

    def _command(self) -> Sequence[str]:
        command = self.command()
        if command is None:
            raise RuntimeError("ministack is not installed here, and S3STORE_TEST_MINISTACK names none")
        return [command]

    def _environ(self) -> Mapping[str, str]:
        # By itself it would listen on every address.
        return {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": self._services,
            "LOG_LEVEL": "ERROR",
        }
