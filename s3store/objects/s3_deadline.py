"""When a request has to be over, however slowly its answer trickles in.

The SDKs bound the pause between two bytes, and not their sum. asyncio can break off any wait; `asyncio.timeout` is all
that the asyncio store needs. For the blocking one, each wait for the network is kept to what is left: the connections
that the SDK makes get a socket that looks at the `Deadline` of the calling thread.
"""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import StoreNotCapable
from .s3_errors import NotInTime

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

SLOWEST = 64 * 1024
"""Bytes a second below which a large body is given up."""


def seconds_for(size: int) -> float:
    """Return the seconds that so many bytes may take on their way."""
    return size / SLOWEST


class Deadline:
    """The moment at which the request of a thread has to be over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Move it, for a body that is larger than was known."""
        self._at += seconds

    def left(self) -> float:
        """Return the seconds until then. Raises `_TooLate` where there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise _TooLate
        return left


class _TooLate(BaseException):
    """The deadline has come. No `Exception`, as those the SDK takes for the network's, and sends again."""


_current: ContextVar[Deadline | None] = ContextVar("s3store_deadline", default=None)


@contextmanager
def within(seconds: float, key: str) -> Iterator[Deadline]:
    """Have all waits of this thread end within `seconds`, on the connections of clients that `keep_deadlines` knows.

    Raises `NotInTime`, which names `key`, where they would not.
    """
    deadline = Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    except _TooLate:
        raise NotInTime(key) from None
    finally:
        _current.reset(token)


def keep_deadlines(client: Any) -> None:
    """Have a new client of boto3 make its connections so that `within` bounds them.

    There is no public way to give botocore a class of connections. Raises `StoreNotCapable` where this one is gone.
    """
    try:
        client._endpoint.http_session._pool_classes_by_scheme.update(_pools())  # noqa: SLF001 - see above
    except AttributeError:
        raise StoreNotCapable("this version of botocore cannot be kept to a time for the whole of a request") from None


@cache
def _pools() -> dict[str, type]:
    from botocore.awsrequest import (
        AWSHTTPConnection,
        AWSHTTPConnectionPool,
        AWSHTTPSConnection,
        AWSHTTPSConnectionPool,
    )

    class Connection(_Bounded, AWSHTTPConnection):  # type: ignore[misc]
        pass

    class SecureConnection(_Bounded, AWSHTTPSConnection):  # type: ignore[misc]
        pass

    class Pool(AWSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Connection

    class SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


class _Bounded:
    """Mixed into a connection: what is sent and read on it keeps the thread's deadline."""

    sock: Any

    def connect(self) -> None:
        deadline = _current.get()
        if deadline is not None:
            deadline.left()  # no new connection for what is over; each has a time-out of its own
        super().connect()  # type: ignore[misc]
        self.sock = _Socket(self.sock)


class _Socket:
    """A socket as `http.client` uses it, plain or of TLS."""

    def __init__(self, socket: socket.socket) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        with _bounded_by(self._socket):
            self._socket.sendall(data)

    def makefile(self, mode: str, buffering: int = io.DEFAULT_BUFFER_SIZE) -> io.RawIOBase | io.BufferedReader:
        raw = _Incoming(self._socket, mode)
        return io.BufferedReader(raw, buffering) if buffering else raw


class _Incoming(io.RawIOBase):
    """The bytes that come in on a socket."""

    def __init__(self, socket: socket.socket, mode: str) -> None:
        self._socket = socket
        self._raw = socket.makefile(mode, buffering=0)  # type: ignore[call-overload]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with _bounded_by(self._socket):
            count: int | None = self._raw.readinto(buffer)
            return count

    def close(self) -> None:
        self._raw.close()
        super().close()


@contextmanager
def _bounded_by(socket: socket.socket) -> Iterator[None]:
    """Have a wait on a socket end with the thread's deadline, if there is one and it comes before its time-out."""
    deadline = _current.get()
    left = None if deadline is None else deadline.left()
    patience = socket.gettimeout()
    if left is None or (patience is not None and patience <= left):
        yield
        return
    socket.settimeout(left)
    try:
        yield
    except TimeoutError:
        raise _TooLate from None
    finally:
        if socket.fileno() >= 0:
            socket.settimeout(patience)
