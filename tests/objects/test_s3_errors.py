"""What each answer of S3 and each exception of the SDK becomes: the table, as data."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from s3store.errors import (
    AccessDenied,
    BucketNotFound,
    InvalidOption,
    S3StoreError,
    StoreNotCapable,
    StoreUnavailable,
    TooLarge,
)
from s3store.objects import (
    MIN_PART,
    InvalidPart,
    NoSuchKey,
    NoSuchUpload,
    NotModified,
    Part,
    PreconditionFailed,
    Upload,
    WriteRaced,
)
from s3store.objects.s3_errors import translate
from s3store.objects.s3_options import S3Options
from s3store.objects.s3_requests import S3Requests
from s3store.objects.tiers import Archived, tiered
from tests.servers import Fault, FaultProxy, Reply, answer, in_order

from .s3_cases import BOTH

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from s3store.objects import ObjectStore
    from s3store.objects.s3_requests import S3Request
    from tests.servers import MotoServer

    from .s3_cases import Case


@dataclass(frozen=True)
class Row:
    operation: str
    status: int
    code: str
    meaning: type[Exception]
    says: str | None = None

    def __str__(self) -> str:
        return f"{self.operation}-{self.status}-{self.code}"


OPERATIONS: dict[str, Callable[[ObjectStore], Coroutine[Any, Any, object]]] = {
    "get": lambda store: store.get("key"),
    "list": lambda store: store.list_page("key"),
    "create": lambda store: store.put("key", b"content", if_absent=True),
    "swap": lambda store: store.put("key", b"content", if_match='"etag"'),
    "put": lambda store: store.put("key", b"content"),
    "delete": lambda store: store.delete("key"),
    "begin": lambda store: store.begin_upload("key", part_size=MIN_PART),
    "part": lambda store: store.put_part(Upload("key", "id"), 1, b"content"),
    "parts": lambda store: store.parts(Upload("key", "id")),
    "finish": lambda store: store.finish_upload(Upload("key", "id"), [Part(1, '"etag"', 7)]),
    "abort": lambda store: store.abort_upload(Upload("key", "id")),
    "uploads": lambda store: store.list_uploads("key"),
    "versions": lambda store: store.list_versions("key"),
    "delete-version": lambda store: store.delete_version("key", "version"),
    "restore": lambda store: tiered(store).restore("key", days=1, tier="bulk"),
    "delete-if": lambda store: store.delete("key", if_match='"etag"'),
}

TABLE = [
    Row("get", 404, "NoSuchKey", NoSuchKey),
    Row("swap", 404, "NoSuchKey", NoSuchKey),
    Row("delete-if", 404, "NoSuchKey", NoSuchKey),
    Row("get", 404, "NoSuchBucket", BucketNotFound, "no such bucket"),
    Row("list", 404, "NoSuchBucket", BucketNotFound, "no such bucket"),
    Row("create", 404, "NoSuchBucket", BucketNotFound, "no such bucket"),
    Row("get", 404, "NotFound", StoreNotCapable, "is the endpoint an S3"),
    Row("create", 412, "PreconditionFailed", PreconditionFailed),
    Row("swap", 412, "PreconditionFailed", PreconditionFailed),
    Row("delete-if", 412, "Unheard", PreconditionFailed),
    Row("create", 409, "ConditionalRequestConflict", WriteRaced),
    Row("put", 409, "OperationAborted", WriteRaced),
    Row("swap", 409, "ConcurrentModification", WriteRaced),
    Row("delete-if", 409, "Unheard", WriteRaced),
    Row("get", 403, "AccessDenied", AccessDenied, "s3:GetObject .*s3:ListBucket"),
    Row("list", 403, "AccessDenied", AccessDenied, "ListObjectsV2 .*s3:ListBucket"),
    Row("create", 403, "AccessDenied", AccessDenied, r"s3:PutObject \("),
    Row("swap", 403, "AccessDenied", AccessDenied, "s3:PutObject and, for If-Match, s3:GetObject"),
    Row("delete", 403, "AccessDenied", AccessDenied, r"s3:DeleteObject \("),
    Row("delete-if", 403, "AccessDenied", AccessDenied, "s3:DeleteObject and, for If-Match, s3:GetObject"),
    Row("get", 403, "AllAccessDisabled", AccessDenied, "s3:GetObject"),
    Row("get", 403, "InvalidAccessKeyId", AccessDenied, "no credentials"),
    Row("get", 403, "SignatureDoesNotMatch", AccessDenied, "no credentials"),
    Row("get", 403, "RequestTimeTooSkewed", AccessDenied, "clock"),
    Row("get", 400, "ExpiredToken", AccessDenied, "expired"),
    Row("create", 400, "InvalidToken", AccessDenied, "no credentials"),
    Row("get", 401, "Unauthorized", AccessDenied, "no credentials"),
    Row("create", 400, "KMS.DisabledException", AccessDenied, "kms:GenerateDataKey"),
    Row("get", 403, "InvalidObjectState", Archived, "must be restored"),
    Row("restore", 403, "ObjectAlreadyInActiveTierError", StoreNotCapable, "reads at once"),
    Row("restore", 403, "AccessDenied", AccessDenied, "s3:RestoreObject"),
    Row("restore", 404, "NoSuchKey", NoSuchKey),
    Row("restore", 503, "GlacierExpeditedRetrievalNotAvailable", StoreUnavailable, "cannot serve now"),
    Row("create", 400, "EntityTooLarge", TooLarge, "larger"),
    Row("create", 400, "KeyTooLongError", InvalidOption, "prefix"),
    Row("create", 400, "InvalidStorageClass", InvalidOption, "storage_class"),
    Row("get", 400, "InvalidBucketName", InvalidOption, "bucket"),
    Row("create", 400, "AuthorizationHeaderMalformed", InvalidOption, "region"),
    Row("create", 501, "NotImplemented", StoreNotCapable, "does not take"),
    Row("create", 400, "InvalidRequest", StoreNotCapable, "does not take"),
    Row("get", 405, "MethodNotAllowed", StoreNotCapable, "does not take"),
    Row("create", 500, "InternalError", StoreUnavailable, "cannot serve"),
    Row("create", 503, "SlowDown", StoreUnavailable, "cannot serve"),
    Row("part", 404, "NoSuchUpload", NoSuchUpload),
    Row("parts", 404, "NoSuchUpload", NoSuchUpload),
    Row("finish", 404, "NoSuchUpload", NoSuchUpload),
    # Ceph's word for it.
    Row("part", 404, "NoSuchKey", NoSuchUpload),
    Row("parts", 404, "NoSuchKey", NoSuchUpload),
    Row("finish", 404, "NoSuchKey", NoSuchUpload),
    Row("finish", 400, "InvalidPart", InvalidPart),
    Row("begin", 403, "AccessDenied", AccessDenied, r"s3:PutObject \("),
    Row("part", 403, "AccessDenied", AccessDenied, r"s3:PutObject \("),
    Row("parts", 403, "AccessDenied", AccessDenied, "s3:ListMultipartUploadParts"),
    Row("finish", 403, "AccessDenied", AccessDenied, r"s3:PutObject \("),
    Row("abort", 403, "AccessDenied", AccessDenied, "s3:AbortMultipartUpload"),
    Row("uploads", 403, "AccessDenied", AccessDenied, "s3:ListBucketMultipartUploads"),
    Row("versions", 403, "AccessDenied", AccessDenied, "s3:ListBucketVersions"),
    Row("delete-version", 403, "AccessDenied", AccessDenied, "s3:DeleteObjectVersion.*Object Lock"),
    Row("versions", 501, "NotImplemented", StoreNotCapable, "does not take"),
    Row("create", 429, "TooManyRequests", StoreUnavailable, "cannot serve"),
    Row("create", 400, "RequestTimeout", StoreUnavailable, "cannot serve"),
    Row("create", 408, "Unheard", StoreUnavailable, "cannot serve"),
    Row("create", 599, "Unheard", StoreUnavailable, "cannot serve"),
    Row("create", 400, "BadDigest", StoreUnavailable, "damaged"),
]


@pytest.fixture(scope="module")
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


@pytest.mark.parametrize("case", BOTH)
def test_the_answers_of_s3(case: Case, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each answer comes once: what the SDK may send again would be answered by the server behind the proxy.
    monkeypatch.setattr("s3store.objects.s3_sender._SDK_ATTEMPTS", 1)
    wrong = []
    with case.opened("bucket", "agents", endpoint_url=proxy.url) as (driver, store):
        for row in TABLE:
            proxy.script = in_order(answer(row.status, row.code))
            with pytest.raises(row.meaning, match=row.says) as answered:
                driver.run(OPERATIONS[row.operation](store))
            if isinstance(answered.value, S3StoreError):
                text = str(answered.value)
                if "s3://bucket/agents/key" not in text or row.code not in text or "content" in text:
                    wrong.append((str(row), text))
            elif type(answered.value) is not row.meaning or answered.value.args != ("key",):
                wrong.append((str(row), repr(answered.value)))
    assert wrong == []


@pytest.mark.parametrize("case", BOTH)
def test_304_is_not_modified(case: Case, proxy: FaultProxy) -> None:
    proxy.script = in_order(Fault(forward=False, reply=Reply(304, (("ETag", '"e"'),))))
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store), pytest.raises(NotModified):
        driver.run(store.get("key", if_none_match='"e"'))


@pytest.mark.parametrize("case", BOTH)
def test_to_delete_what_is_missing_is_success_also_where_s3_says_404(case: Case, proxy: FaultProxy) -> None:
    proxy.script = in_order(answer(404, "NoSuchKey"))
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        driver.run(store.delete("key"))


@pytest.mark.parametrize("code", ["NoSuchUpload", "NoSuchKey"])
@pytest.mark.parametrize("case", BOTH)
def test_to_abort_what_is_over_is_success(case: Case, proxy: FaultProxy, code: str) -> None:
    proxy.script = in_order(answer(404, code))
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        driver.run(store.abort_upload(Upload("key", "id")))


REQUESTS = S3Requests("bucket", "", S3Options())
GET = REQUESTS.get("key", if_none_match=None, byte_range=None)
PUT = REQUESTS.put("key", b"", if_match=None, if_absent=False)
CREATE = REQUESTS.put("key", b"", if_match=None, if_absent=True)
URL = {"endpoint_url": "http://store"}


@pytest.mark.parametrize(
    ("name", "details", "request_", "may_have_landed"),
    [
        ("ConnectionClosedError", URL, CREATE, True),
        ("ReadTimeoutError", URL, CREATE, True),
        ("HTTPClientError", {"error": "?"}, CREATE, True),
        ("SSLError", {**URL, "error": "?"}, CREATE, True),
        ("EndpointConnectionError", {**URL, "error": ConnectionResetError()}, CREATE, True),
        ("EndpointConnectionError", {**URL, "error": socket.gaierror()}, CREATE, False),
        ("ConnectTimeoutError", URL, CREATE, False),
        ("ProxyConnectionError", {"proxy_url": "http://proxy"}, CREATE, False),
        ("ConnectTimeoutError", URL, PUT, True),
        ("EndpointConnectionError", {**URL, "error": socket.gaierror()}, PUT, True),
        ("ReadTimeoutError", URL, GET, False),
        ("ConnectionClosedError", URL, GET, False),
    ],
)
def test_a_broken_connection_is_an_outage_that_tells_whether_the_write_may_have_landed(
    name: str, details: dict[str, Any], request_: S3Request, *, may_have_landed: bool
) -> None:
    import botocore.exceptions

    error = getattr(botocore.exceptions, name)(**details)
    meaning = translate(error, request_, where="s3://bucket/", connect_failures=(socket.gaierror,))
    assert isinstance(meaning, StoreUnavailable)
    assert meaning.may_have_landed is may_have_landed


@pytest.mark.parametrize(
    ("name", "details", "kind"),
    [
        ("NoCredentialsError", {}, AccessDenied),
        ("PartialCredentialsError", {"provider": "env", "cred_var": "key"}, AccessDenied),
        ("CredentialRetrievalError", {"provider": "sso", "error_msg": "?"}, AccessDenied),
        ("SSOTokenLoadError", {"error_msg": "?"}, AccessDenied),
        ("UnauthorizedSSOTokenError", {}, AccessDenied),
        ("TokenRetrievalError", {"provider": "sso", "error_msg": "?"}, AccessDenied),
        ("NoRegionError", {}, InvalidOption),
        ("ProfileNotFound", {"profile": "work"}, InvalidOption),
        ("ParamValidationError", {"report": "secret"}, InvalidOption),
        ("InvalidProxiesConfigError", {}, InvalidOption),
    ],
)
def test_what_the_sdk_finds_wrong_before_it_sends(name: str, details: dict[str, str], kind: type[Exception]) -> None:
    import botocore.exceptions

    error = getattr(botocore.exceptions, name)(**details)
    meaning = translate(error, CREATE, where="s3://bucket/", connect_failures=())
    assert type(meaning) is kind
    assert "secret" not in str(meaning)


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (400, AccessDenied), (503, StoreUnavailable)])
def test_a_failure_of_the_service_that_gives_credentials_is_not_an_answer_of_s3(
    status: int, kind: type[Exception]
) -> None:
    from botocore.exceptions import ClientError

    said = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = ClientError(said, "AssumeRoleWithWebIdentity")
    meaning = translate(error, CREATE, where="s3://bucket/", connect_failures=())
    assert type(meaning) is kind
    assert "AssumeRoleWithWebIdentity" in str(meaning)
    assert not getattr(meaning, "may_have_landed", False)


def test_an_answer_that_cannot_be_read_is_an_outage() -> None:
    from botocore.parsers import ResponseParserError

    meaning = translate(ResponseParserError("?"), CREATE, where="s3://bucket/", connect_failures=())
    assert isinstance(meaning, StoreUnavailable)
    assert meaning.may_have_landed


def test_an_exception_that_is_not_the_sdks_is_let_through() -> None:
    assert translate(KeyError("?"), GET, where="s3://bucket/", connect_failures=()) is None
