"""moto's S3 in this process, behind one lock, since moto checks a condition and then writes unguarded."""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from .http_server import LoopbackServer, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "date", "server"})


class MotoServer(LoopbackServer):
    """An S3 server by moto. Enter it to start it; `url`, `port` and `traffic` are then there.

    All servers of one process share moto's buckets, so use bucket names of your own.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._app: WSGIApplication = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        super().__init__(self._answer)

    def _answer(self, request: Request) -> Reply:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started.append((status, headers))

        with self._lock:
            chunks: Iterable[bytes] = self._app(_environ(request, self.port), start_response)
            body = b"".join(chunks)
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        status, headers = started[-1]
        kept = tuple((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)
        return Reply(int(status.split()[0]), kept, body)


def _environ(request: Request, port: int) -> WSGIEnvironment:
    url = urlsplit(request.target)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ
