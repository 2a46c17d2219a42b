"""Objects in S3 through aioboto3, which the extra `s3store[async]` brings. It suspends on the event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import InvalidOption, StoreNotCapable
from .s3_deadline import seconds_for
from .s3_errors import CutBody, NotInTime
from .s3_sender import Answer, client_config
from .s3_store import Credentials, S3Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiobotocore.config import AioConfig

    from .s3_options import S3Options
    from .s3_requests import Operation, S3Request


class _Body(AbstractAsyncContextManager["_Body"], Protocol):
    async def read(self) -> bytes: ...


class _BodyAnswer(Answer):
    Body: _Body


class _Client(Protocol):
    """What is used of aioboto3's untyped S3 client, beside the methods that `Operation.method` names."""

    get_object: Callable[..., Awaitable[_BodyAnswer]]
    generate_presigned_url: Callable[..., Awaitable[str]]


class _Session(Protocol):
    profile_name: str
    client: Callable[..., AbstractAsyncContextManager[_Client]]
    get_credentials: Callable[[], Awaitable[Credentials | None]]


class S3AsyncStore(S3Store):
    """A prefix of an S3 bucket through aioboto3; for the tasks of one event loop.

    `bucket` and `prefix` say where, `options` how. Clients are made when first needed: one that lets the
    SDK try again (reads, listings, writes without a condition), one that sends once (conditional writes), and
    one that signs URLs.
    The first operation loads the SDK, which holds up the loop for some tenths of a second.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        super().__init__(bucket, prefix, options)
        self._lock = asyncio.Lock()
        self._exits = AsyncExitStack()
        self._session: _Session | None = None
        self._clients: dict[tuple[bool, bool], _Client] = {}
        self._closed = False

    async def close(self) -> None:
        """Close the connections of all clients. Closing again does nothing."""
        async with self._lock:
            self._closed = True
            self._clients.clear()
            await self._exits.aclose()

    async def _who(self) -> tuple[str, Credentials | None]:
        async with self._lock:
            self._session = self._session or _session(self._options)
            return self._session.profile_name, await self._session.get_credentials()

    async def _send(self, request: S3Request) -> Answer:
        client = await self._client(request.operation)
        send: Callable[..., Awaitable[Answer]] = getattr(client, request.operation.method)
        async with _within(self._seconds(request), request.key):
            return await send(**request.parameters)

    async def _read(self, request: S3Request) -> tuple[Answer, bytes]:
        from aiohttp import ClientError

        client = await self._client(request.operation)
        async with _within(self._seconds(request), request.key) as timeout:
            answer = await client.get_object(**request.parameters)
            _extend(timeout, seconds_for(answer.get("ContentLength", 0)))
            body = answer["Body"]
            async with body:  # so that a cancelled read does not keep its connection
                try:
                    return answer, await body.read()
                except ClientError as error:
                    # aiobotocore knows some of aiohttp's errors; any other means as well that bytes are missing.
                    raise CutBody(request.key) from error

    async def _sign(self, request: S3Request, seconds: int) -> str:
        client = await self._client(request.operation)
        sign = client.generate_presigned_url
        return await sign(request.operation.method, Params=request.parameters, ExpiresIn=seconds)

    def _connect_failures(self) -> tuple[type[BaseException], ...]:
        from aiohttp import ClientConnectorError

        return ClientConnectorError, socket.gaierror

    async def _client(self, operation: Operation) -> _Client:
        async with self._lock:
            if self._closed:
                raise RuntimeError(f"{self!r} is closed")
            if operation.client not in self._clients:
                self._session = self._session or _session(self._options)
                self._clients[operation.client] = await self._new_client(self._session, operation)
            return self._clients[operation.client]

    async def _new_client(self, session: _Session, operation: Operation) -> _Client:
        config, http = _config(self._options, operation)
        client = await self._exits.enter_async_context(
            session.client(
                "s3",
                region_name=self._options.region,
                endpoint_url=self._options.endpoint_url,
                config=config,
            )
        )
        http.check()
        return client


@asynccontextmanager
async def _within(seconds: float, key: str) -> AsyncIterator[asyncio.Timeout]:
    """Break off what is awaited after `seconds`. Raises `NotInTime` then."""
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield timeout
    except TimeoutError:  # the SDK's own time-outs are such errors too
        if timeout.expired():
            raise NotInTime(key) from None
        raise


def _extend(timeout: asyncio.Timeout, seconds: float) -> None:
    until = timeout.when()
    if until is not None and not timeout.expired():
        timeout.reschedule(until + seconds)


class _HttpSessions:
    """Makes aiobotocore's HTTP session for a client that sends once.

    aiohttp itself sends a PUT or DELETE again, unasked, when the connection breaks before an answer: below
    the SDK, where `total_max_attempts=1` does not reach. It calls these methods idempotent; with a condition
    they are not. The switch for it is aiohttp's own attribute `_retry_connection`; there is no public one.
    """

    def __init__(self, *, once: bool) -> None:
        self._once = once
        self._made = False

    def __call__(self, **settings: object) -> object:
        from aiobotocore.httpsession import AIOHTTPSession

        class SendsOnce(AIOHTTPSession):  # type: ignore[misc]
            async def _get_session(self, proxy_url: str | None) -> object:
                session = await super()._get_session(proxy_url)
                if not hasattr(session, "_retry_connection"):
                    raise StoreNotCapable("this version of aiohttp cannot be kept from sending a write twice")
                session._retry_connection = False  # noqa: SLF001 - see above
                return session

        self._made = True
        return SendsOnce(**settings) if self._once else AIOHTTPSession(**settings)

    def check(self) -> None:
        """Make sure that the client really uses what was made here."""
        if not self._made:
            raise StoreNotCapable("aiobotocore did not take the HTTP session that sends a write only once")


def _session(options: S3Options) -> _Session:
    try:
        import aioboto3
    except ImportError:
        raise InvalidOption("the asyncio store on S3 needs aioboto3: install `s3store[async]`") from None
    session = options.session
    if session is None:
        return cast("_Session", aioboto3.Session(profile_name=options.profile))
    if not isinstance(session, aioboto3.Session):
        raise InvalidOption("session: the asyncio store takes an aioboto3.Session")
    return cast("_Session", session)


def _config(options: S3Options, operation: Operation) -> tuple[AioConfig, _HttpSessions]:
    from aiobotocore.config import AioConfig

    sessions = _HttpSessions(once=operation.once)
    connector_args = getattr(options.client_config, "connector_args", None)
    config = AioConfig(connector_args).merge(client_config(options, operation))
    config.http_session_cls = sessions  # set last: merging drops it
    return config, sessions
