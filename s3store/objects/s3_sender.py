"""What the S3 stores send through: the SDK's clients with their settings, and the meaning of its answers.

It is the same device as the archive's core: `async def` throughout, awaiting nothing but a few methods that
each store brings. Those of the blocking store never suspend, so neither does anything here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict, cast

from ..errors import StoreNotCapable
from .s3_deadline import seconds_for
from .s3_errors import translate
from .s3_options import S3Options
from .s3_requests import S3Requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from botocore.config import Config

    from .s3_requests import Operation, S3Request

_SDK_ATTEMPTS = 4
_REQUEST_SECONDS = 120.0


class Listed(TypedDict):
    """An object in an answer."""

    Key: str
    Size: int
    LastModified: datetime


class ListedPart(TypedDict):
    """A part in an answer."""

    PartNumber: int
    ETag: str
    Size: int


class ListedUpload(TypedDict):
    """An unfinished upload in an answer."""

    Key: str
    UploadId: str
    Initiated: datetime


class ListedMarker(TypedDict):
    """A delete marker in an answer."""

    Key: str
    VersionId: str
    IsLatest: bool
    LastModified: datetime


class ListedVersion(ListedMarker):
    """A version of an object in an answer."""

    Size: int


class Answer(TypedDict, total=False):
    """The fields of the SDK's answers that are used here."""

    ETag: str
    ContentLength: int
    ContentRange: str
    StorageClass: str
    ArchiveStatus: str
    Restore: str
    Contents: list[Listed]
    IsTruncated: bool
    Status: str
    UploadId: str
    Parts: list[ListedPart]
    NextPartNumberMarker: int
    Uploads: list[ListedUpload]
    Versions: list[ListedVersion]
    DeleteMarkers: list[ListedMarker]
    NextKeyMarker: str
    NextUploadIdMarker: str
    NextVersionIdMarker: str


class S3Sender(ABC):
    """A prefix of a bucket, and the way to it. `S3BlockingStore` and `S3AsyncStore` bring the abstract methods."""

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        self._options = options or S3Options()
        self._requests = S3Requests(bucket, prefix, self._options)
        self._where = f"s3://{bucket}/{self._requests.prefix}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._where!r})"

    @abstractmethod
    async def close(self) -> None:
        """See `ObjectStore.close`."""

    @abstractmethod
    async def _send(self, request: S3Request) -> Answer:
        """Send a request whose answer has no body of its own. Raises `NotInTime` as `_seconds` says."""

    @abstractmethod
    async def _read(self, request: S3Request) -> tuple[Answer, bytes]:
        """Send a GET and read the whole body, giving back the connection whatever happens.

        Raises `NotInTime` as `_seconds` says, with the seconds for the body on top.
        """

    @abstractmethod
    async def _sign(self, request: S3Request, seconds: int) -> str:
        """Return a URL that stands for the request; nothing is sent."""

    @abstractmethod
    def _connect_failures(self) -> tuple[type[BaseException], ...]:
        """Return the errors of the HTTP library that prove that no connection was made."""

    async def _ask(self, request: S3Request) -> Answer:
        """Send a request, and raise what its failure means."""
        with self._translated(request):
            return await self._send(request)

    def _seconds(self, request: S3Request) -> float:
        """Return the seconds that a request may take in all, before the body of its answer."""
        given = self._options.request_timeout
        body = request.parameters.get("Body")
        size = len(body) if isinstance(body, bytes) else 0
        return (_REQUEST_SECONDS if given is None else given) + seconds_for(size)

    def _etag(self, answer: Answer, request: S3Request) -> str:
        etag = answer.get("ETag")
        if not etag:
            message = f"{request.operation.name} of {self._where}{request.key}: no ETag in the answer"
            raise StoreNotCapable(message)
        return etag

    @contextmanager
    def _translated(self, request: S3Request) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            meaning = translate(error, request, where=self._where, connect_failures=self._connect_failures())
            if meaning is None:
                raise
            try:
                raise meaning from error
            finally:
                # Else the error would hold this frame, which holds the error, and with it the SDK's answer and its
                # connection, until the garbage collector came by.
                del meaning


def client_config(options: S3Options, operation: Operation) -> Config:
    """Return the SDK's configuration for the client that sends this kind of operation.

    Later ones win: our defaults, the user's `client_config`, the options, and what the protocol demands.
    """
    from botocore.config import Config

    config = Config(connect_timeout=10, read_timeout=60, max_pool_connections=50)
    user = cast("Config | None", options.client_config)
    if user is not None:
        config = config.merge(user)
    if operation.presigned and getattr(user, "signature_version", None) is None:
        # The SDK's own choice for URLs is an older signature, which newer regions and SSE-KMS refuse.
        config = config.merge(Config(signature_version="s3v4"))
    attempts = 1 if operation.once else _SDK_ATTEMPTS
    return config.merge(
        Config(
            **_set_options(options, getattr(user, "s3", None) or {}),
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
    )


def _set_options(options: S3Options, s3: Mapping[str, object]) -> dict[str, object]:
    chosen: dict[str, object] = {
        "connect_timeout": options.connect_timeout,
        "read_timeout": options.read_timeout,
        "max_pool_connections": options.max_connections,
        "request_checksum_calculation": options.checksums,
        "response_checksum_validation": options.checksums,
    }
    if options.addressing_style != "auto":
        chosen["s3"] = {**s3, "addressing_style": options.addressing_style}
    return {name: value for name, value in chosen.items() if value is not None}
