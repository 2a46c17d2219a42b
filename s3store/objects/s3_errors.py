"""What S3's error codes and the SDK's exceptions mean to the archive. Written once, as tables.

Both SDKs raise the exceptions of botocore. What only one of them raises its store turns into these first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import (
    AccessDenied,
    BucketNotFound,
    InvalidOption,
    S3StoreError,
    StoreNotCapable,
    StoreUnavailable,
    TooLarge,
)
from .base import InvalidPart, NoSuchKey, NoSuchUpload, NotModified, ObjectAnswer, PreconditionFailed, WriteRaced
from .s3_requests import HEAD
from .tiers import Archived

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from .s3_requests import S3Request


class RangeBehindEnd(ObjectAnswer):
    """416: the range starts behind the object's end. Never leaves the S3 stores."""


class DamagedBody(ObjectAnswer):
    """An object's bytes do not have the checksum that the store gave. Never leaves the S3 stores."""


class CutBody(DamagedBody):
    """The connection ended before all of an object's bytes had come. Never leaves the S3 stores."""


class NotInTime(Exception):
    """The time for the whole of a request was over. Never leaves the S3 stores."""


@dataclass(frozen=True, slots=True)
class _Fault:
    error: type[S3StoreError]
    hint: str


_CREDENTIALS = _Fault(
    AccessDenied,
    "there are no credentials that the store takes: look whether they were found, have expired, belong to "
    "this store, and whether this machine's clock is right",
)
_REGION = _Fault(InvalidOption, "region: the bucket is in another region, or behind another endpoint_url")
_NOT_STORED = _Fault(StoreUnavailable, "the body was damaged on its way, and refused")
_LATER = _Fault(StoreUnavailable, "the store cannot serve now")
_RESTORE = _Fault(
    Archived,
    "the object was moved to an archive storage class and must be restored before it can be read",
)
_KMS = _Fault(AccessDenied, "the KMS key cannot be used: look at its state, and at kms:GenerateDataKey and kms:Decrypt")
_REFUSED = _Fault(
    StoreNotCapable,
    "the store does not take this request: is the endpoint an S3, and do the options suit it?",
)

_BY_CODE: dict[str, type[ObjectAnswer] | _Fault] = {
    "NoSuchKey": NoSuchKey,
    "NoSuchUpload": NoSuchUpload,
    "InvalidPart": InvalidPart,
    "PreconditionFailed": PreconditionFailed,
    "ConditionalRequestConflict": WriteRaced,
    "OperationAborted": WriteRaced,
    "ConcurrentModification": WriteRaced,  # Ceph's word for it
    "InvalidRange": RangeBehindEnd,
    "NoSuchBucket": _Fault(BucketNotFound, "there is no such bucket"),
    "EntityTooLarge": _Fault(TooLarge, "the object is larger than the store takes"),
    "KeyTooLongError": _Fault(InvalidOption, "prefix: the key is longer than the store takes"),
    "InvalidObjectState": _RESTORE,
    "ObjectAlreadyInActiveTierError": _Fault(StoreNotCapable, "the object's class reads at once, and is not restored"),
    "InvalidStorageClass": _Fault(InvalidOption, "storage_class: the store does not know it"),
    "InvalidBucketName": _Fault(InvalidOption, "bucket: the store does not take this name"),
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "AuthFailure": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "RequestTimeTooSkewed": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "TokenRefreshRequired": _CREDENTIALS,
    "BadDigest": _NOT_STORED,
    "IncompleteBody": _NOT_STORED,
    "XAmzContentChecksumMismatch": _NOT_STORED,
    "XAmzContentSHA256Mismatch": _NOT_STORED,
    "InternalError": _LATER,
    "RequestLimitExceeded": _LATER,
    "RequestTimeout": _LATER,
    "ServiceUnavailable": _LATER,
    "SlowDown": _LATER,
    "Throttling": _LATER,
    "ThrottlingException": _LATER,
    "TooManyRequests": _LATER,
}
_BY_STATUS: dict[int, type[ObjectAnswer] | _Fault] = {
    301: _REGION,
    304: NotModified,
    401: _CREDENTIALS,
    408: _LATER,
    409: WriteRaced,
    412: PreconditionFailed,
    416: RangeBehindEnd,
    429: _LATER,
    501: _REFUSED,
}
_FORBIDDEN = 403
_NOT_FOUND = 404
_SERVER_ERROR = 500

_NO_CREDENTIALS = (
    "CredentialRetrievalError",
    "LoginError",
    "MetadataRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "SSOError",
    "TokenRetrievalError",
    "UnknownCredentialError",
)
_TRANSPORT = ("ConnectionError", "HTTPClientError")
_CUT = ("IncompleteReadError", "ResponseStreamingError")


def translate(
    error: Exception, request: S3Request, *, where: str, connect_failures: tuple[type[BaseException], ...]
) -> Exception | None:
    """Return what an exception of the SDK, or `NotInTime`, means; None if it is another one.

    `where` is the bucket and prefix, for the message. `connect_failures` are the causes that prove that no
    connection was made, where the SDK says that it could not reach the endpoint: aiobotocore says so of
    broken connections too.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    subject = f"{request.operation.name} of {where}{request.key}"
    if isinstance(error, NotInTime):
        return _unavailable(request, f"{subject}: no whole answer in time (request_timeout)")
    if isinstance(error, ClientError):
        return _of_answer(error, request, subject)
    if isinstance(error, BotoCoreError):
        return _of_sdk(error, request, subject, connect_failures)
    if isinstance(error, ResponseParserError):
        return _unavailable(request, f"{subject}: the answer is not one of S3's")
    return None


def _of_answer(error: ClientError, request: S3Request, subject: str) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if error.operation_name != request.operation.name:
        return _of_credential_service(error, status, subject)
    meaning = _meaning(code, status, request)
    if not isinstance(meaning, _Fault):
        return meaning(request.key)
    message = f"{subject}: {meaning.hint} ({status} {code})"
    if meaning.error is StoreUnavailable:
        return _unavailable(request, message, surely_not_stored=meaning is _NOT_STORED)
    return meaning.error(message)


def _meaning(code: str, status: int, request: S3Request) -> type[ObjectAnswer] | _Fault:
    by_code = _BY_CODE.get(code)
    if by_code is NoSuchKey and "UploadId" in request.parameters:
        return NoSuchUpload  # Ceph's word for it
    if by_code is not None:
        return by_code
    if code.startswith("KMS."):
        return _KMS
    by_status = _BY_STATUS.get(status)
    if by_status is not None:
        return by_status
    if status == _FORBIDDEN:
        return _Fault(AccessDenied, f"access denied; it needs {request.operation.rights}")
    if status == _NOT_FOUND and request.operation is HEAD:
        return NoSuchKey  # an answer to HEAD has no body that could name the code
    # A 404 without S3's own word for a missing key may come from anything on the way: it is not absence.
    return _LATER if status >= _SERVER_ERROR else _REFUSED


def _of_credential_service(error: ClientError, status: int, subject: str) -> S3StoreError:
    message = f"{subject}: could not get credentials, {error.operation_name} failed ({status})"
    if status >= _SERVER_ERROR:
        return StoreUnavailable(message, may_have_landed=False)
    return AccessDenied(message)


def _of_sdk(
    error: BotoCoreError,
    request: S3Request,
    subject: str,
    connect_failures: tuple[type[BaseException], ...],
) -> Exception:
    kind = type(error).__name__
    if _is_a(error, _CUT):
        return CutBody(request.key)
    if _is_a(error, ("FlexibleChecksumError",)):
        return DamagedBody(request.key)
    if _is_a(error, _NO_CREDENTIALS):
        return AccessDenied(f"{subject}: {_CREDENTIALS.hint} ({kind})")
    if _is_a(error, _TRANSPORT):
        unsent = _surely_unsent(error, connect_failures)
        return _unavailable(request, f"{subject}: no answer ({kind})", surely_not_stored=unsent)
    if _is_a(error, ("NoRegionError",)):
        return InvalidOption("region: none is set, neither as an option nor in the SDK's configuration")
    if _is_a(error, ("ProfileNotFound",)):
        return InvalidOption("profile: there is no such profile in the AWS configuration files")
    return InvalidOption(f"{subject}: the SDK refuses its configuration or a parameter ({kind})")


def _surely_unsent(error: BotoCoreError, connect_failures: tuple[type[BaseException], ...]) -> bool:
    if _is_a(error, ("ConnectTimeoutError", "ProxyConnectionError")):
        return True
    if _is_a(error, ("EndpointConnectionError",)):
        return isinstance(error.kwargs.get("error"), connect_failures)
    return False


def _unavailable(request: S3Request, message: str, *, surely_not_stored: bool = False) -> StoreUnavailable:
    # The last of several sendings proves nothing about those before it.
    refused = surely_not_stored and request.operation.once
    return StoreUnavailable(message, may_have_landed=request.operation.writes and not refused)


def _is_a(error: BotoCoreError, names: tuple[str, ...]) -> bool:
    """Tell whether the error is of one of botocore's classes; a version may lack some of them."""
    import botocore.exceptions as known

    return isinstance(error, tuple(getattr(known, name) for name in names if hasattr(known, name)))
