"""What the two S3 stores send: seen by a proxy, as HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store.objects import ListPage

from .s3_cases import BOTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import MotoServer

    from .s3_cases import Case

from tests.servers import FaultProxy

_OWNER = "123456789012"  # moto's own account


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(moto: MotoServer, bucket_name: Callable[[], str]) -> str:
    return moto.make_bucket(bucket_name())


def headers(proxy: FaultProxy, method: str) -> dict[str, str]:
    seen = proxy.traffic.of(method)[-1].headers
    return {name: value for name, value in seen.items() if name.startswith(("x-amz-", "if-"))}


@pytest.mark.parametrize("case", BOTH)
def test_what_is_to_be_stored_how_goes_with_each_write(case: Case, proxy: FaultProxy, bucket: str) -> None:
    options: dict[str, Any] = {
        "sse": "aws:kms",
        "kms_key_id": "alias/a",
        "bucket_key": True,
        "storage_class": "STANDARD_IA",
    }
    with case.opened(bucket, endpoint_url=proxy.url, **options) as (driver, store):
        driver.run(store.put("key", b"body", if_absent=True))
        sent = headers(proxy, "PUT")
        driver.run(store.get("key"))
    assert sent["x-amz-server-side-encryption"] == "aws:kms"
    assert sent["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/a"
    assert sent["x-amz-server-side-encryption-bucket-key-enabled"] == "true"
    assert sent["x-amz-storage-class"] == "STANDARD_IA"
    assert not [name for name in headers(proxy, "GET") if "encryption" in name or "class" in name]


@pytest.mark.parametrize("case", BOTH)
def test_payer_and_owner_go_with_each_request(case: Case, proxy: FaultProxy, bucket: str) -> None:
    options: dict[str, Any] = {"request_payer": True, "expected_bucket_owner": _OWNER}
    with case.opened(bucket, endpoint_url=proxy.url, **options) as (driver, store):
        driver.run(store.put("key", b"body"))
        driver.run(store.get("key"))
        driver.run(store.get("key", byte_range=(9, 10)))
        driver.run(store.list_page(""))
        driver.run(store.delete("key"))
    for seen in proxy.traffic.exchanges:
        assert seen.headers["x-amz-request-payer"] == "requester"
        assert seen.headers["x-amz-expected-bucket-owner"] == _OWNER
    assert proxy.traffic.counts() == {"PUT": 1, "GET": 3, "HEAD": 1, "DELETE": 1}


@pytest.mark.parametrize("case", BOTH)
def test_etags_are_sent_just_as_they_came(case: Case, proxy: FaultProxy, bucket: str) -> None:
    with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        etag = driver.run(store.put("key", b"1", if_absent=True))
        assert headers(proxy, "PUT")["if-none-match"] == "*"
        newer = driver.run(store.put("key", b"2", if_match=etag))
        assert headers(proxy, "PUT")["if-match"] == etag
        driver.run(store.get("key", if_none_match=etag))
        assert headers(proxy, "GET")["if-none-match"] == etag
        driver.run(store.delete("key", if_match=newer))
        assert headers(proxy, "DELETE")["if-match"] == newer
    assert etag.startswith('"')
    assert etag.endswith('"')


@pytest.mark.parametrize("case", BOTH)
def test_checksums_can_be_left_out_for_stores_that_reject_them(case: Case, proxy: FaultProxy, bucket: str) -> None:
    def sent() -> bool:
        return any("checksum" in name for name in headers(proxy, "PUT"))

    with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
        driver.run(store.put("key", b"body"))
        assert sent()
    with case.opened(bucket, endpoint_url=proxy.url, checksums="when_required") as (driver, store):
        driver.run(store.put("key", b"body"))
        assert not sent()


@pytest.mark.parametrize("case", BOTH)
@pytest.mark.parametrize("prefix", ["agents", "agents/", "ünïcode & more/agents"])
def test_an_archive_sees_nothing_but_its_prefix(case: Case, moto: MotoServer, bucket: str, prefix: str) -> None:
    with case.opened(bucket, endpoint_url=moto.url) as (driver, store):
        whole = prefix.removesuffix("/")
        # The second is what the S3 console makes of a folder.
        for key in (f"{whole}-other/a", f"{whole}/", whole, "a"):
            driver.run(store.put(key, b"another's"))
    with case.opened(bucket, prefix, endpoint_url=moto.url) as (driver, store):
        assert driver.run(store.list_page("")) == ListPage((), None)
        for key in ("a", "b/c", "d"):
            driver.run(store.put(key, key.encode(), if_absent=True))
        first = driver.run(store.list_page("", limit=2))
        assert [found.key for found in first.objects] == ["a", "b/c"]
        rest = driver.run(store.list_page("", after=first.next_after))
        assert [found.key for found in rest.objects] == ["d"]
        assert driver.run(store.get("b/c")).body == b"b/c"
    with case.opened(bucket, endpoint_url=moto.url) as (driver, store):
        assert driver.run(store.get(f"{whole}/b/c")).body == b"b/c"


@pytest.mark.parametrize("case", BOTH)
def test_versioning_is_told(case: Case, moto: MotoServer, bucket: str) -> None:
    import boto3

    with case.opened(bucket, endpoint_url=moto.url) as (driver, store):
        assert driver.run(store.versioning()) == "off"
        client = boto3.client("s3", endpoint_url=moto.url)
        for state in ("Enabled", "Suspended"):
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})
            assert driver.run(store.versioning()) == state.lower()
        client.close()
