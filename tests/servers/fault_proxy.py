"""A proxy between an SDK and an S3 server that loses requests and answers as a script tells it to.

The script is a function from a request to a `Fault`, or to None to pass it on unharmed. `in_order` makes one
from a list. Nothing is left to chance or to time: what waits, waits for an event.

    with FaultProxy(moto.port) as proxy:
        proxy.script = in_order(lose_answer(), where=lambda request: request.method == "PUT")
        ...  # the first PUT is stored, and its answer lost
        assert len(proxy.traffic.of("PUT")) == 1
"""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .http_server import DropConnectionError, LoopbackServer, Reply, Request, ResetConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive"})
_HOLD_SECONDS = 60.0


class Hold:
    """A gate: a request that comes to it sets `reached` and goes on when somebody sets `released`."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def wait(self) -> None:
        """Stay until released. Gives up after a minute, so that a broken test ends."""
        self.reached.set()
        if not self.released.wait(_HOLD_SECONDS):
            raise DropConnectionError


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request. Made by the functions below."""

    forward: bool = True
    """Whether the server gets the request."""
    drop: bool = False
    """Whether the connection is closed without an answer."""
    reset: bool = False
    """Whether the connection is broken off, rather than closed."""
    reply: Reply | None = None
    """The answer instead of the server's."""
    keep_bytes: int | None = None
    """How many bytes of the answer's body are sent before the connection is closed."""
    hold_request: Hold | None = None
    """The gate before the server."""
    hold_answer: Hold | None = None
    """The gate behind the server."""
    trickle: Hold | None = None
    """The gate until which the answer goes out byte by byte."""
    whole_head: bool = False
    """Whether the head of such an answer goes out at once."""


def lose_request() -> Fault:
    """Close the connection; the server never sees the request."""
    return Fault(forward=False, drop=True)


def lose_answer() -> Fault:
    """Close the connection after the server has done what was asked."""
    return Fault(drop=True)


def reset(*, done: bool = False) -> Fault:
    """Break the connection off; with `done`, after the server has done what was asked."""
    return Fault(forward=done, reset=True)


def answer(status: int, code: str, *, done: bool = False) -> Fault:
    """Answer with an S3 error; with `done`, after the server has done what was asked all the same."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>scripted</Message></Error>'
    headers = (("Content-Type", "application/xml"),)
    return Fault(forward=done, reply=Reply(status, headers, body.encode()))


def cut_body(keep_bytes: int) -> Fault:
    """Send only the first bytes of the answer's body, with the full length promised."""
    return Fault(keep_bytes=keep_bytes)


def hold(gate: Hold, *, done: bool = False, drop: bool = False) -> Fault:
    """Keep the request at the gate: before the server sees it or, with `done`, before the answer goes back.

    A client that gives up meanwhile does not call the request back: released, it still reaches the server.
    With `drop`, the connection is then closed without an answer.
    """
    return Fault(drop=drop, hold_answer=gate) if done else Fault(drop=drop, hold_request=gate)


def trickle(gate: Hold, *, whole_head: bool = False) -> Fault:
    """Send the answer byte by byte, each soon and the last one late, or with `whole_head` only its body.

    What is left when `gate` is released goes out at once.
    """
    return Fault(trickle=gate, whole_head=whole_head)


def in_order(
    *faults: Fault | None, where: Callable[[Request], bool] = lambda request: True
) -> Callable[[Request], Fault | None]:
    """Return a script: the n-th request for which `where` holds meets the n-th fault; all others pass."""
    waiting = list(faults)
    lock = threading.Lock()

    def script(request: Request) -> Fault | None:
        if not where(request):
            return None
        with lock:
            return waiting.pop(0) if waiting else None

    return script


class FaultProxy(LoopbackServer):
    """Passes requests on to a server on a port of 127.0.0.1, and does to each what `script` says.

    `traffic` is what the SDK sent, also what the server never saw. Each request goes to the server through a
    connection of its own.
    """

    def __init__(self, server_port: int) -> None:
        super().__init__(self._answer)
        self._server_port = server_port
        self.script: Callable[[Request], Fault | None] = in_order()

    def _answer(self, request: Request) -> Reply:
        fault = self.script(request) or Fault()
        if fault.hold_request is not None:
            fault.hold_request.wait()
        reply = self._forward(request) if fault.forward else Reply(http.client.BAD_GATEWAY)
        if fault.hold_answer is not None:
            fault.hold_answer.wait()
        if fault.reset:
            raise ResetConnectionError
        if fault.drop:
            raise DropConnectionError
        if fault.reply is not None:
            return fault.reply
        trickle = None if fault.trickle is None else fault.trickle.released
        return replace(reply, keep_bytes=fault.keep_bytes, trickle=trickle, whole_head=fault.whole_head)

    def _forward(self, request: Request) -> Reply:
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        headers.pop("expect", None)
        headers["content-length"] = str(len(request.body))
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=_HOLD_SECONDS)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        kept = tuple((name, value) for name, value in reply.getheaders() if name.lower() not in _HOP_BY_HOP)
        return Reply(reply.status, kept, body)
