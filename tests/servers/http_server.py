"""A small HTTP/1.1 server on loopback with keep-alive: a thread a connection, one function for answers.

werkzeug's own server closes the connection after each answer, which hides every fault that comes from
connections being used again; hence this one.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from .traffic import Exchange, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BODILESS = frozenset({204, 304})
_BETWEEN_BYTES = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to send. With `keep_bytes`, the connection closes after so much of the body.

    With `trickle`, it goes out byte by byte, a few each second, until that is set; the head at once with
    `whole_head`.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    keep_bytes: int | None = None
    trickle: threading.Event | None = None
    whole_head: bool = False


class DropConnectionError(Exception):
    """Raised by the answering function: close the connection and send nothing."""


class ResetConnectionError(Exception):
    """Raised by the answering function: break the connection off, so that the client is told of a reset."""


class LoopbackServer:
    """Answers HTTP on 127.0.0.1, on a port that the system chose, from entering it until leaving it."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.traffic = Traffic()
        self._server = _Server(answer, self.traffic)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="loopback-http",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address for `endpoint_url`."""
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, name: str) -> str:
        """Create a bucket and return its name."""
        make_bucket(self.port, name)
        return name

    def wait_until_left(self, *, seconds: float = 30) -> bool:
        """Wait until no client has a connection any more; False if one still has after so long."""
        return self._server.wait_until_left(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()


def make_bucket(port: int, name: str) -> None:
    """Create a bucket at the S3 server on a port of 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("PUT", f"/{name}", headers={"Content-Length": "0", "Host": f"127.0.0.1:{port}"})
        reply = connection.getresponse()
        reply.read()
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise RuntimeError(f"bucket {name} was not made: {reply.status}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply], traffic: Traffic) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.traffic = traffic
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Condition()

    def server_bind(self) -> None:
        # Without the reverse look-up of the host's name that HTTPServer does.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def opened(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)
            self._connections_lock.notify_all()

    def wait_until_left(self, seconds: float) -> bool:
        with self._connections_lock:
            return self._connections_lock.wait_for(lambda: not self._connections, seconds)

    def close_connections(self) -> None:
        with self._connections_lock:
            for connection in self._connections:
                _shut(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        try:
            super().finish()
        except OSError:
            pass  # the client went away, as clients do whose answer is late

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()  # the client sends no body before it has seen this
        return True

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        request = self._request()
        try:
            reply = self.server.answer(request)
        except DropConnectionError:
            self._record(request, None, 0)
            self.close_connection = True
            _shut(self.connection)
            return
        except ResetConnectionError:
            self._record(request, None, 0)
            self.close_connection = True
            _reset(self.connection)
            return
        sent = self._body(request, reply)
        # Recorded before it is sent: who has the answer must find the exchange.
        self._record(request, reply.status, len(sent))
        self._reply(reply, sent)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(self.command, self.path, headers, body)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _body(self, request: Request, reply: Reply) -> bytes:
        if request.method == "HEAD" or reply.status in _BODILESS:
            return b""
        return reply.body if reply.keep_bytes is None else reply.body[: reply.keep_bytes]

    def _reply(self, reply: Reply, sent: bytes) -> None:
        out = self.wfile
        slow = out if reply.trickle is None else _Trickle(out, reply.trickle)
        self.wfile = out if reply.whole_head else slow
        self.send_response(reply.status)
        names = set()
        for name, value in reply.headers:
            names.add(name.lower())
            self.send_header(name, value)
        if "content-length" not in names and reply.status not in _BODILESS:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        slow.write(sent)
        self.wfile = out
        self.wfile.flush()
        if reply.keep_bytes is not None:
            self.close_connection = True
            _shut(self.connection)

    def _record(self, request: Request, status: int | None, bytes_out: int) -> None:
        self.server.traffic.add(
            Exchange(request.method, request.target, status, len(request.body), bytes_out, dict(request.headers))
        )


class _Trickle(io.BufferedIOBase):
    """Hands on what is written to it byte by byte, until released."""

    def __init__(self, out: io.BufferedIOBase, released: threading.Event) -> None:
        self._out = out
        self._released = released

    def write(self, data: Any) -> int:
        for byte in bytes(data):
            self._out.write(bytes((byte,)))
            self._out.flush()
            self._released.wait(_BETWEEN_BYTES)
        return len(bytes(data))


def _reset(connection: socket.socket) -> None:
    # Closed without lingering, what was not read is answered by a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side was first
