"""The two S3 stores, with the real SDKs, against a server that loses, cuts and delays."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from s3store.errors import AccessDenied, CorruptObject, InvalidOption, StoreNotCapable, StoreUnavailable
from s3store.objects import NoSuchKey, StoredObject
from s3store.objects.s3_store import READ_ATTEMPTS
from tests.servers import (
    Fault,
    FaultProxy,
    Hold,
    Reply,
    answer,
    cut_body,
    hold,
    in_order,
    lose_answer,
    lose_request,
)

from .s3_cases import ASYNCIO, BOTH

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from s3store.objects import ObjectStore
    from tests.servers import MotoServer, Request

    from .s3_cases import Case


ONCE = {
    "create": lambda store, etag: store.put("new", b"body", if_absent=True),
    "swap": lambda store, etag: store.put("key", b"body", if_match=etag),
    "delete": lambda store, etag: store.delete("key", if_match=etag),
}
"""The conditional writes. Each must reach the wire once, whatever happens."""


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(moto: MotoServer, bucket_name: Callable[[], str]) -> str:
    return moto.make_bucket(bucket_name())


def writes(request: Request) -> bool:
    return request.method in {"PUT", "DELETE"}


def reads(request: Request) -> bool:
    return request.method == "GET"


class TestAConditionalWriteIsSentOnce:
    @pytest.mark.parametrize("case", BOTH)
    @pytest.mark.parametrize("write", ONCE.values(), ids=ONCE)
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(lose_request(), id="request-lost"),
            pytest.param(lose_answer(), id="answer-lost"),
            pytest.param(answer(500, "InternalError"), id="500"),
            pytest.param(answer(500, "InternalError", done=True), id="500-though-done"),
            pytest.param(answer(503, "SlowDown"), id="503"),
            pytest.param(answer(503, "SlowDown", done=True), id="503-though-done"),
            pytest.param(answer(429, "TooManyRequests"), id="429"),
            pytest.param(answer(400, "RequestTimeout"), id="request-timeout"),
            pytest.param(Fault(reply=Reply(502, (), b"<html>Bad gateway</html>")), id="gateway"),
            pytest.param(Fault(reply=Reply(504)), id="gateway-without-a-body"),
        ],
    )
    def test_whatever_comes_back(
        self,
        monkeypatch: pytest.MonkeyPatch,
        case: Case,
        proxy: FaultProxy,
        bucket: str,
        write: Callable[[ObjectStore, str], Coroutine[Any, Any, object]],
        fault: Fault,
    ) -> None:
        # Neither the user's environment nor a connection that was used before must bring a second sending.
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
        monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            etag = driver.run(store.put("key", b"first", if_absent=True))
            proxy.traffic.clear()
            proxy.script = in_order(fault, where=writes)
            with pytest.raises(StoreUnavailable) as failed:
                driver.run(write(store, etag))
            assert failed.value.may_have_landed
            assert proxy.traffic.counts().total() == 1

    @pytest.mark.parametrize("case", BOTH)
    def test_and_can_land_when_its_client_has_long_given_up(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        gate = Hold()
        with case.opened(bucket, endpoint_url=proxy.url, read_timeout=0.2) as (driver, store):
            proxy.script = in_order(hold(gate), where=writes)
            with pytest.raises(StoreUnavailable) as failed:
                driver.run(store.put("key", b"late", if_absent=True))
            assert failed.value.may_have_landed
            with pytest.raises(NoSuchKey):
                driver.run(store.get("key"))
            gate.released.set()
            proxy.traffic.wait_for(1, "PUT")
            assert driver.run(store.get("key")).body == b"late"

    @pytest.mark.parametrize("case", BOTH)
    def test_and_has_surely_not_landed_where_nobody_listens(self, case: Case, bucket: str) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            with (
                case.opened(bucket, endpoint_url=url) as (driver, store),
                pytest.raises(StoreUnavailable) as failed,
            ):
                driver.run(store.put("key", b"body", if_absent=True))
        assert not failed.value.may_have_landed

    @pytest.mark.parametrize("case", BOTH)
    def test_and_has_surely_not_landed_where_the_host_has_no_address(
        self, monkeypatch: pytest.MonkeyPatch, case: Case
    ) -> None:
        def no_address(*args: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", no_address)
        with (
            case.opened("bucket", endpoint_url="http://nowhere.invalid") as (driver, store),
            pytest.raises(StoreUnavailable) as failed,
        ):
            driver.run(store.put("key", b"body", if_absent=True))
        assert not failed.value.may_have_landed

    @pytest.mark.parametrize("case", BOTH)
    def test_and_has_surely_not_landed_where_its_body_came_damaged(
        self, case: Case, proxy: FaultProxy, bucket: str
    ) -> None:
        proxy.script = in_order(answer(400, "BadDigest"), where=writes)
        with (
            case.opened(bucket, endpoint_url=proxy.url) as (driver, store),
            pytest.raises(StoreUnavailable) as failed,
        ):
            driver.run(store.put("key", b"body", if_absent=True))
        assert not failed.value.may_have_landed


class TestOtherRequestsAreSentAgain:
    @pytest.mark.parametrize("case", BOTH)
    @pytest.mark.parametrize(
        "fault", [lose_request(), lose_answer(), answer(503, "SlowDown")], ids=["request", "answer", "503"]
    )
    def test_a_read(self, case: Case, proxy: FaultProxy, bucket: str, fault: Fault) -> None:
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            driver.run(store.put("key", b"body"))
            proxy.script = in_order(fault, where=reads)
            assert driver.run(store.get("key")).body == b"body"

    @pytest.mark.parametrize("case", BOTH)
    def test_a_listing(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        proxy.script = in_order(answer(500, "InternalError"), where=reads)
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            assert driver.run(store.list_page("")).objects == ()
        assert len(proxy.traffic.of("GET")) == 2

    @pytest.mark.parametrize("case", BOTH)
    def test_a_write_and_a_delete_without_a_condition(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        fault = answer(503, "SlowDown", done=True)
        proxy.script = in_order(fault, None, fault, where=writes)
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            driver.run(store.put("key", b"body"))
            driver.run(store.delete("key"))
        assert proxy.traffic.counts() == {"PUT": 2, "DELETE": 2}


class TestABodyIsNeverShort:
    @pytest.mark.parametrize("case", BOTH)
    @pytest.mark.parametrize("byte_range", [None, (2, 9)], ids=["whole", "range"])
    def test_a_cut_body_is_read_again(
        self, case: Case, proxy: FaultProxy, bucket: str, byte_range: tuple[int, int] | None
    ) -> None:
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            driver.run(store.put("key", b"0123456789"))
            proxy.script = in_order(cut_body(3), cut_body(0), where=reads)
            whole = (0, 10) if byte_range is None else byte_range
            body = driver.run(store.get("key", byte_range=byte_range)).body
        assert body == b"0123456789"[slice(*whole)]
        assert len(proxy.traffic.of("GET")) == 3

    @pytest.mark.parametrize("case", BOTH)
    def test_a_body_that_is_always_cut_is_an_outage(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            driver.run(store.put("key", b"0123456789"))
            proxy.script = lambda request: cut_body(9) if reads(request) else None
            with pytest.raises(StoreUnavailable, match="not all bytes came") as failed:
                driver.run(store.get("key"))
        assert not failed.value.may_have_landed
        assert len(proxy.traffic.of("GET")) == READ_ATTEMPTS

    @pytest.mark.parametrize("case", BOTH)
    def test_a_body_that_never_has_the_stores_checksum_is_corrupt(
        self, case: Case, proxy: FaultProxy, bucket: str
    ) -> None:
        damaged = Reply(200, (("ETag", '"e"'), ("x-amz-checksum-crc32", "AAAAAA==")), b"damaged")
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            proxy.script = lambda request: Fault(forward=False, reply=damaged)
            with pytest.raises(CorruptObject, match="checksum"):
                driver.run(store.get("key"))
        assert len(proxy.traffic.of("GET")) == READ_ATTEMPTS


class TestARange:
    @pytest.mark.parametrize("case", BOTH)
    def test_of_a_server_that_ignores_ranges_is_cut_out_here(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        whole = Reply(200, (("ETag", '"e"'),), b"0123456789")
        proxy.script = lambda request: Fault(forward=False, reply=whole)
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            assert driver.run(store.get("key", byte_range=(2, 4))) == StoredObject(b"23", '"e"')

    @pytest.mark.parametrize("case", BOTH)
    @pytest.mark.parametrize("told", ["bytes 3-4/10", "bytes 2-5/10", "bytes */10"])
    def test_other_than_the_one_asked_for_is_refused(
        self, case: Case, proxy: FaultProxy, bucket: str, told: str
    ) -> None:
        other = Reply(206, (("ETag", '"e"'), ("Content-Range", told)), b"3456")
        proxy.script = lambda request: Fault(forward=False, reply=other)
        with (
            case.opened(bucket, endpoint_url=proxy.url) as (driver, store),
            pytest.raises(StoreNotCapable, match="another range"),
        ):
            driver.run(store.get("key", byte_range=(2, 4)))

    @pytest.mark.parametrize("case", BOTH)
    def test_behind_the_end_of_an_object_that_grows_meanwhile_is_never_a_mixture(
        self, case: Case, proxy: FaultProxy, bucket: str
    ) -> None:
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            etag = driver.run(store.put("key", b"0123456789"))
            proxy.script = in_order(answer(416, "InvalidRange"), where=reads)
            assert driver.run(store.get("key", byte_range=(2, 4))) == StoredObject(b"23", etag)


class TestAnswersThatAreNone:
    @pytest.mark.parametrize("case", BOTH)
    def test_an_empty_page_that_is_not_the_last_is_refused(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        page = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
        proxy.script = lambda request: Fault(forward=False, reply=Reply(200, (), page))
        with (
            case.opened(bucket, endpoint_url=proxy.url) as (driver, store),
            pytest.raises(StoreNotCapable, match="not the last"),
        ):
            driver.run(store.list_page(""))

    @pytest.mark.parametrize("case", BOTH)
    def test_an_object_without_an_etag_is_refused(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        proxy.script = lambda request: Fault(forward=False, reply=Reply(200))
        with (
            case.opened(bucket, endpoint_url=proxy.url) as (driver, store),
            pytest.raises(StoreNotCapable, match="no ETag"),
        ):
            driver.run(store.put("key", b"body", if_absent=True))

    @pytest.mark.parametrize("case", BOTH)
    def test_a_404_of_somebody_elses_is_not_absence(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        page = Reply(404, (("Content-Type", "text/html"),), b"<html><p>There is nothing here")
        proxy.script = lambda request: Fault(forward=False, reply=page)
        with (
            case.opened(bucket, endpoint_url=proxy.url) as (driver, store),
            pytest.raises(StoreNotCapable, match="is the endpoint an S3"),
        ):
            driver.run(store.get("key"))

    @pytest.mark.parametrize("case", BOTH)
    def test_versioning_is_unknown_where_it_is_not_told(self, case: Case, proxy: FaultProxy, bucket: str) -> None:
        faults = (answer(403, "AccessDenied"), answer(501, "NotImplemented"))
        proxy.script = in_order(*faults)
        with case.opened(bucket, endpoint_url=proxy.url) as (driver, store):
            for _ in faults:
                assert driver.run(store.versioning()) == "unknown"


@pytest.mark.parametrize("case", BOTH)
def test_without_credentials_the_message_says_where_to_look(
    monkeypatch: pytest.MonkeyPatch, case: Case, moto: MotoServer, bucket: str
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with (
        case.opened(bucket, endpoint_url=moto.url) as (driver, store),
        pytest.raises(AccessDenied, match="no credentials"),
    ):
        driver.run(store.get("key"))


@pytest.mark.parametrize("case", BOTH)
def test_a_closed_store_makes_no_new_connections(case: Case, moto: MotoServer, bucket: str) -> None:
    with case.opened(bucket, endpoint_url=moto.url) as (driver, store):
        driver.run(store.put("key", b"body"))
        driver.run(store.close())
        driver.run(store.close())
        with pytest.raises(RuntimeError, match="closed"):
            driver.run(store.get("key"))


@pytest.mark.parametrize("case", ASYNCIO)
def test_a_cancelled_read_gives_its_connection_back(case: Case, proxy: FaultProxy, bucket: str) -> None:
    gate = Hold()
    with case.opened(bucket, endpoint_url=proxy.url, max_connections=1) as (driver, store):
        driver.run(store.put("key", b"body"))
        proxy.script = in_order(hold(gate, done=True), where=reads)

        async def scenario() -> bytes:
            read = asyncio.create_task(store.get("key"))
            await asyncio.to_thread(gate.reached.wait, 30)
            read.cancel()
            with pytest.raises(asyncio.CancelledError):
                await read
            return (await asyncio.wait_for(store.get("key"), 30)).body

        assert driver.run(scenario()) == b"body"
        gate.released.set()


@pytest.mark.parametrize("case", ASYNCIO)
def test_the_sessions_of_the_two_sdks_are_not_mixed_up(case: Case, moto: MotoServer, bucket: str) -> None:
    import aioboto3
    import boto3

    from .s3_cases import BLOCKING

    with (
        case.opened(bucket, session=boto3.Session()) as (driver, store),
        pytest.raises(InvalidOption, match=r"^session: .*aioboto3\.Session"),
    ):
        driver.run(store.get("key"))
    with (
        BLOCKING.opened(bucket, session=aioboto3.Session()) as (driver, store),
        pytest.raises(InvalidOption, match=r"^session: .* boto3\.Session"),
    ):
        driver.run(store.get("key"))
