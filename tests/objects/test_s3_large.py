"""Large objects on S3: what is sent, lost answers, versions and presigned URLs; by both SDKs."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from s3store.errors import AccessDenied, InvalidOption, StoreNotCapable, StoreUnavailable
from s3store.objects import MIN_PART, NoSuchKey, NoSuchUpload, Part, StartedUpload, Upload
from tests.servers import Fault, FaultProxy, Reply, answer, in_order, lose_answer

from .s3_cases import BOTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.objects.s3_store import S3Store
    from s3store.testing import Driver
    from tests.servers import MinistackServer, MotoServer, Request

    from .s3_cases import Case

_OWNER = "123456789012"  # moto's own account
_FIRST, _LAST = b"1" * MIN_PART, b"last"
_FAILED = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>late</Message></Error>'


class SmallPages(FaultProxy):
    """Asks for two entries in each page of a listing."""

    def _forward(self, request: Request) -> Reply:
        asked = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        limits = {"uploadId": "max-parts", "versions": "max-keys"}
        limit = "".join(f"&{limits[word]}=2" for word in asked if word in limits and request.method == "GET")
        return super()._forward(replace(request, target=request.target + limit))


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(moto: MotoServer, bucket_name: Callable[[], str]) -> str:
    return moto.make_bucket(bucket_name())


def finishes(request: Request) -> bool:
    return request.method == "POST" and "uploadId" in request.target


def started(driver: Driver, store: S3Store) -> tuple[Upload, list[Part]]:
    upload = driver.run(store.begin_upload("key", part_size=MIN_PART))
    return upload, [driver.run(store.put_part(upload, n, body)) for n, body in enumerate((_FIRST, _LAST), 1)]


@pytest.mark.parametrize("case", BOTH)
def test_how_it_is_stored_is_said_at_the_start_and_parts_carry_checksums(
    case: Case, proxy: FaultProxy, bucket: str
) -> None:
    options: dict[str, Any] = {"sse": "aws:kms", "kms_key_id": "alias/a", "storage_class": "STANDARD_IA"}
    with case.opened(bucket, endpoint_url=proxy.url, **options) as (driver, store):
        started(driver, store)
    begin, part = proxy.traffic.of("POST")[-1].headers, proxy.traffic.of("PUT")[-1].headers
    assert begin["x-amz-server-side-encryption"] == "aws:kms"
    assert begin["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/a"
    assert begin["x-amz-storage-class"] == "STANDARD_IA"
    assert not [name for name in part if "encryption" in name or "class" in name]
    assert [name for name in part if name.startswith("x-amz-checksum-") or name == "x-amz-trailer"]


@pytest.mark.parametrize("case", BOTH)
def test_checksums_of_parts_can_be_left_out_for_stores_that_reject_them(
    case: Case, proxy: FaultProxy, bucket: str
) -> None:
    with case.opened(bucket, endpoint_url=proxy.url, checksums="when_required") as (driver, store):
        upload, parts = started(driver, store)
        driver.run(store.finish_upload(upload, parts))
        assert driver.run(store.get("key")).body == _FIRST + _LAST
    assert not [name for seen in proxy.traffic.of("PUT") for name in seen.headers if "checksum" in name]


@pytest.mark.parametrize("case", BOTH)
def test_payer_and_owner_go_with_each_request(case: Case, proxy: FaultProxy, bucket: str) -> None:
    options: dict[str, Any] = {"request_payer": True, "expected_bucket_owner": _OWNER}
    with case.opened(bucket, endpoint_url=proxy.url, **options) as (driver, store):
        upload, parts = started(driver, store)
        driver.run(store.parts(upload))
        driver.run(store.list_uploads(""))
        driver.run(store.finish_upload(upload, parts))
        driver.run(store.abort_upload(upload))
        driver.run(store.size("key"))
        version = driver.run(store.list_versions(""))[0]
        driver.run(store.delete_version("key", version.version))
    for seen in proxy.traffic.exchanges:
        assert seen.headers["x-amz-request-payer"] == "requester"
        assert seen.headers["x-amz-expected-bucket-owner"] == _OWNER
    assert proxy.traffic.counts() == {"POST": 2, "PUT": 2, "GET": 3, "HEAD": 1, "DELETE": 2}


@pytest.mark.parametrize("case", BOTH)
def test_uploads_and_versions_beside_the_prefix_are_not_seen(case: Case, moto: MotoServer, bucket: str) -> None:
    with case.opened(bucket, "agents", endpoint_url=moto.url) as (driver, store):
        upload, _ = started(driver, store)
        driver.run(store.put("other", b"other"))
        assert [found.upload for found in driver.run(store.list_uploads(""))] == [upload]
        assert [found.key for found in driver.run(store.list_versions(""))] == ["other"]
    with case.opened(bucket, "agent", endpoint_url=moto.url) as (driver, store):
        assert driver.run(store.list_uploads("")) == []
        assert driver.run(store.list_versions("")) == []


@pytest.mark.parametrize("case", BOTH)
def test_a_failure_in_an_answer_of_200_is_a_failure(case: Case, proxy: FaultProxy, bucket: str) -> None:
    """S3 begins to answer a finish before it knows the outcome. The SDK sends it again, and gives up at last."""
    failed = Fault(forward=False, reply=Reply(200, (("Content-Type", "application/xml"),), _FAILED))
    with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        upload, parts = started(driver, store)
        proxy.script = in_order(failed, where=finishes)
        driver.run(store.finish_upload(upload, parts))
        assert driver.run(store.size("key")) == MIN_PART + len(_LAST)


@pytest.mark.parametrize("case", BOTH)
def test_a_lost_answer_to_the_finish_is_settled_by_the_size(case: Case, proxy: FaultProxy, bucket: str) -> None:
    gone = answer(404, "NoSuchUpload")
    with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        upload, parts = started(driver, store)
        proxy.script = in_order(lose_answer(), gone, where=finishes)
        with pytest.raises(NoSuchUpload):
            driver.run(store.finish_upload(upload, parts))
        assert driver.run(store.size("key")) == MIN_PART + len(_LAST)
        driver.run(store.delete("key"))
        with pytest.raises(NoSuchKey):
            driver.run(store.size("key"))


@pytest.mark.parametrize("case", BOTH)
def test_a_part_whose_answer_is_lost_is_sent_again(case: Case, proxy: FaultProxy, bucket: str) -> None:
    with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        upload = driver.run(store.begin_upload("key", part_size=MIN_PART))
        proxy.script = in_order(lose_answer(), where=lambda request: request.method == "PUT")
        part = driver.run(store.put_part(upload, 1, _LAST))
        assert driver.run(store.parts(upload)) == [part]


@pytest.mark.parametrize("case", BOTH)
def test_the_pages_of_parts_and_versions_are_put_together(case: Case, moto: MotoServer, bucket: str) -> None:
    with SmallPages(moto.port) as proxy, case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        upload = driver.run(store.begin_upload("key/0", part_size=MIN_PART))
        parts = [driver.run(store.put_part(upload, n, b"%d" % n)) for n in range(1, 6)]
        for number in range(5):
            driver.run(store.put(f"key/{number}", b"body"))
        proxy.traffic.clear()
        assert driver.run(store.parts(upload)) == parts
        assert [found.key for found in driver.run(store.list_versions("key/"))] == [f"key/{n}" for n in range(5)]
        assert proxy.traffic.counts() == {"GET": 6}


def page_of_uploads(number: int, *, more: bool) -> Fault:
    """One page, as S3 writes it, with times as Ceph has them, which are finer; moto gives all uploads in one."""
    following = f"<NextKeyMarker>k{number}</NextKeyMarker><NextUploadIdMarker>u{number}</NextUploadIdMarker>"
    body = (
        f"<ListMultipartUploadsResult><IsTruncated>{str(more).lower()}</IsTruncated>{following if more else ''}"
        f"<Upload><Key>k{number}</Key><UploadId>u{number}</UploadId><Initiated>2026-01-0{number}T00:00:00.75Z"
        "</Initiated></Upload></ListMultipartUploadsResult>"
    )
    return Fault(forward=False, reply=Reply(200, (("Content-Type", "application/xml"),), body.encode()))


@pytest.mark.parametrize("case", BOTH)
def test_the_pages_of_uploads_are_put_together(case: Case, proxy: FaultProxy) -> None:
    proxy.script = in_order(page_of_uploads(1, more=True), page_of_uploads(2, more=False))
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        found = driver.run(store.list_uploads("k"))
    assert found == [
        StartedUpload(Upload(f"k{number}", f"u{number}"), datetime(2026, 1, number, tzinfo=UTC)) for number in (1, 2)
    ]
    first, second = (parse_qs(urlsplit(seen.target).query) for seen in proxy.traffic.exchanges)
    assert (first["prefix"], "key-marker" in first) == (["k"], False)
    assert (second["key-marker"], second["upload-id-marker"]) == (["k1"], ["u1"])


@pytest.mark.parametrize("case", BOTH)
def test_pages_that_never_end_are_not_followed(case: Case, proxy: FaultProxy) -> None:
    proxy.script = in_order(*[page_of_uploads(1, more=True)] * 9)
    with (
        case.opened("bucket", endpoint_url=proxy.url) as (driver, store),
        pytest.raises(StoreNotCapable, match="go on"),
    ):
        driver.run(store.list_uploads("k"))
    assert proxy.traffic.counts() == {"GET": 2}


# Versions


@pytest.mark.parametrize("case", BOTH)
def test_versions_and_delete_markers_are_listed_and_removed(case: Case, moto: MotoServer, bucket: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=moto.url)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    with case.opened(bucket, "agents", endpoint_url=moto.url) as (driver, store):
        for body in (b"1", b"22"):
            driver.run(store.put("key", body))
        driver.run(store.delete("key"))
        marker, *bodies = driver.run(store.list_versions(""))
        assert (marker.is_delete_marker, marker.is_current, marker.size) == (True, True, 0)
        assert sorted((found.size, found.is_current, found.is_delete_marker) for found in bodies) == [
            (1, False, False),
            (2, False, False),
        ]
        driver.run(store.delete_version("key", marker.version))
        assert driver.run(store.get("key")).body == b"22"
        for found in bodies:
            driver.run(store.delete_version("key", found.version))
        assert driver.run(store.list_versions("")) == []


@pytest.mark.parametrize("case", BOTH)
def test_a_version_without_an_id_is_not_deleted_for_another(case: Case, moto: MotoServer, bucket: str) -> None:
    with case.opened(bucket, endpoint_url=moto.url) as (driver, store):
        driver.run(store.put("key", b"body"))
        with pytest.raises(InvalidOption):
            driver.run(store.delete_version("key", ""))
        assert driver.run(store.get("key")).body == b"body"


@pytest.mark.parametrize("case", BOTH)
def test_a_version_that_is_held_is_not_deleted(
    case: Case, ministack: MinistackServer, bucket_name: Callable[[], str]
) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=ministack.url)
    name = bucket_name()
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    version = client.put_object(Bucket=name, Key="key", Body=b"held")["VersionId"]
    client.put_object_legal_hold(Bucket=name, Key="key", LegalHold={"Status": "ON"})
    with case.opened(name, endpoint_url=ministack.url) as (driver, store):
        with pytest.raises(AccessDenied, match="Object Lock"):
            driver.run(store.delete_version("key", version))
        assert [found.version for found in driver.run(store.list_versions(""))] == [version]
        client.put_object_legal_hold(Bucket=name, Key="key", LegalHold={"Status": "OFF"})
        driver.run(store.delete_version("key", version))
        assert driver.run(store.list_versions("")) == []
    client.close()


# Presigned URLs


@pytest.mark.parametrize("case", BOTH)
def test_a_presigned_url_reads_without_credentials(case: Case, moto: MotoServer, bucket: str) -> None:
    with case.opened(bucket, "agents", endpoint_url=moto.url, expected_bucket_owner=_OWNER) as (driver, store):
        driver.run(store.put("a b/é", b"body"))
        url = driver.run(store.presign("a b/é", seconds=60, filename='r"é\r\n.txt', media_type="text/plain"))
    with urllib.request.urlopen(url) as opened:
        assert opened.read() == b"body"
        assert opened.headers["content-type"].startswith("text/plain")
        assert opened.headers["content-disposition"] == "attachment; filename*=UTF-8''r%22%C3%A9%0D%0A.txt"
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert (datetime.now(UTC) - datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")).total_seconds() < 60


@pytest.mark.parametrize("case", BOTH)
def test_to_presign_asks_nothing(case: Case, proxy: FaultProxy) -> None:
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        driver.run(store.presign("key", seconds=1))
    assert proxy.traffic.exchanges == ()


@pytest.mark.parametrize("case", BOTH)
def test_a_url_that_the_bucket_would_refuse_is_not_given(case: Case, moto: MotoServer) -> None:
    with (
        case.opened("bucket", endpoint_url=moto.url, request_payer=True) as (driver, store),
        pytest.raises(StoreNotCapable, match="request_payer"),
    ):
        driver.run(store.presign("key", seconds=1))


@pytest.mark.parametrize("case", BOTH)
def test_an_answer_that_lacks_what_matters_is_not_taken(case: Case, proxy: FaultProxy) -> None:
    empty = Fault(forward=False, reply=Reply(200, (("Content-Type", "application/xml"),), b"<Empty/>"))
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        proxy.script = in_order(empty)
        with pytest.raises(StoreNotCapable, match="upload id"):
            driver.run(store.begin_upload("key", part_size=MIN_PART))


@pytest.mark.parametrize("case", BOTH)
def test_an_outage_of_the_finish_tells_that_it_may_have_landed(case: Case, proxy: FaultProxy) -> None:
    faults = [answer(500, "InternalError")] * 4
    with case.opened("bucket", endpoint_url=proxy.url) as (driver, store):
        proxy.script = in_order(*faults)
        with pytest.raises(StoreUnavailable) as failed:
            driver.run(store.finish_upload(Upload("key", "id"), [Part(1, '"e"', 1)]))
    assert failed.value.may_have_landed
