"""Objects in S3 through boto3. It blocks the calling thread and never suspends."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import InvalidOption
from .s3_deadline import keep_deadlines, seconds_for, within
from .s3_errors import CutBody
from .s3_sender import Answer, client_config
from .s3_store import Credentials, S3Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from .s3_options import S3Options
    from .s3_requests import Operation, S3Request


class _Body(Protocol):
    def read(self) -> bytes: ...

    def close(self) -> None: ...


class _BodyAnswer(Answer):
    Body: _Body


class _Client(Protocol):
    """What is used of boto3's untyped S3 client, beside the methods that `Operation.method` names."""

    get_object: Callable[..., _BodyAnswer]
    generate_presigned_url: Callable[..., str]

    def close(self) -> None: ...


class _Session(Protocol):
    profile_name: str
    client: Callable[..., _Client]
    get_credentials: Callable[[], Credentials | None]


class S3BlockingStore(S3Store):
    """A prefix of an S3 bucket through boto3; safe to share between threads, not to carry through a fork.

    `bucket` and `prefix` say where, `options` how. Clients are made when first needed: one that lets the
    SDK try again (reads, listings, writes without a condition), one that sends once (conditional writes), and
    one that signs URLs.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        super().__init__(bucket, prefix, options)
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._clients: dict[tuple[bool, bool], _Client] = {}
        self._closed = False

    async def close(self) -> None:
        """Close the connections of all clients. Closing again does nothing."""
        with self._lock:
            self._closed = True
            while self._clients:
                self._clients.popitem()[1].close()

    async def _who(self) -> tuple[str, Credentials | None]:
        with self._lock:
            self._session = self._session or _session(self._options)
            return self._session.profile_name, self._session.get_credentials()

    async def _send(self, request: S3Request) -> Answer:
        send: Callable[..., Answer] = getattr(self._client(request.operation), request.operation.method)
        with within(self._seconds(request), request.key):
            return send(**request.parameters)

    async def _read(self, request: S3Request) -> tuple[Answer, bytes]:
        from urllib3.exceptions import HTTPError

        client = self._client(request.operation)
        with within(self._seconds(request), request.key) as deadline:
            answer = client.get_object(**request.parameters)
            deadline.extend(seconds_for(answer.get("ContentLength", 0)))
            body = answer["Body"]
            try:
                return answer, body.read()
            except HTTPError as error:
                # botocore knows two of urllib3's errors; any other means as well that bytes are missing.
                raise CutBody(request.key) from error
            finally:
                body.close()

    async def _sign(self, request: S3Request, seconds: int) -> str:
        client = self._client(request.operation)
        return client.generate_presigned_url(request.operation.method, Params=request.parameters, ExpiresIn=seconds)

    def _connect_failures(self) -> tuple[type[BaseException], ...]:
        from urllib3.exceptions import NewConnectionError

        return NewConnectionError, socket.gaierror

    def _client(self, operation: Operation) -> _Client:
        # Making a client is slow and not safe in two threads at once, so the lock is held meanwhile.
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self!r} is closed")
            if operation.client not in self._clients:
                self._session = self._session or _session(self._options)
                client = self._session.client(
                    "s3",
                    region_name=self._options.region,
                    endpoint_url=self._options.endpoint_url,
                    config=client_config(self._options, operation),
                )
                keep_deadlines(client)
                self._clients[operation.client] = client
            return self._clients[operation.client]


def _session(options: S3Options) -> _Session:
    import boto3

    session = options.session
    if session is None:
        return cast("_Session", boto3.Session(profile_name=options.profile))
    aioboto3 = sys.modules.get("aioboto3")  # its sessions are boto3's by inheritance, yet give other clients
    if not isinstance(session, boto3.Session) or (aioboto3 and isinstance(session, aioboto3.Session)):
        raise InvalidOption("session: the blocking store takes a boto3.Session")
    return cast("_Session", session)
