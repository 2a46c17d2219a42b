"""LocalStack's S3 in a process of its own: the server that is checked against AWS itself, answer by answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Its server takes the port of GATEWAY_LISTEN and ignores the address: it would listen on all of them.
_ON_LOOPBACK = """
from functools import partial
from twisted.internet import endpoints
endpoints.TCP4ServerEndpoint = partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
from localstack.runtime.main import main
main()
"""


class LocalstackServer(ServerProcess):
    """An S3 server by LocalStack, installed in the environment `venv`; what it stores goes below `folder`."""

    start_seconds = 90.0

    def __init__(self, venv: Path, folder: Path) -> None:
        super().__init__(log=folder / "localstack.log")
        self._python = venv / "bin" / "python"
        self._folder = folder

    def _command(self) -> Sequence[str | Path]:
        return [self._python, "-c", _ON_LOOPBACK]

    def _environ(self) -> Mapping[str, str]:
        return {
            "SERVICES": "s3",
            "STRICT_SERVICE_LOADING": "1",
            "EAGER_SERVICE_LOADING": "1",
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "FILESYSTEM_ROOT": str(self._folder),
            "PERSISTENCE": "0",
            "DNS_ADDRESS": "0",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "LS_LOG": "error",
        }
