"""No error and no line of a log holds what a session holds, or a credential."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from s3store import (
    CommitPolicy,
    InvalidOption,
    NewArtifact,
    S3Options,
    S3StoreError,
    SessionStore,
)
from s3store.keys import StreamKeys
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import prepare
from tests.servers import Fault, FaultProxy, answer, cut_body, lose_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.archives import Place
    from tests.servers import MotoServer, Request

pytest_plugins = ["tests.archive_fixtures"]

CONTENT = "c0ntent-of-a-session"
SECRET = "s3cret-access-key"
TOKEN = "t0ken-of-a-session-of-the-sdk"
BRIEF = CommitPolicy(seconds=5, attempts=2, pause=0.0001, longest_pause=0.001)

CALLS: dict[str, Callable[[SessionStore], object]] = {
    "nan": lambda store: store.append("a", {CONTENT: float("nan")}),
    "bytes": lambda store: store.append("a", [CONTENT, CONTENT.encode()]),
    "object": lambda store: store.extend("a", ["fine", {CONTENT: object()}]),
    "name that is no text": lambda store: store.append("a", {(CONTENT,): 1}),
    "surrogate in a key": lambda store: store.append("a", "x", key=CONTENT + "\ud800"),
    "long key": lambda store: store.append("a", "x", key=CONTENT * 1000),
    "too deep": lambda store: store.append("a", deep()),
    "too large": lambda store: store.append("a", CONTENT * 5_000_000),
    "attributes": lambda store: store.update("a", attributes={CONTENT: float("inf")}),
    "labels": lambda store: store.update("a", labels=[CONTENT, CONTENT.encode()]),
    "metadata too large": lambda store: store.update("a", attributes={"k": CONTENT * 20_000}),
    "version": lambda store: store.append("a", CONTENT, expected_version=99),
    "missing": lambda store: store.append("missing", CONTENT, must_exist=True),
    "exists": lambda store: store.create("a", [CONTENT]),
    "otlp": lambda store: store.traces("a").add_otlp(f'{{"resourceSpans": "{CONTENT}"}}'),
    "otlp that is no json": lambda store: store.traces("a").add_otlp(f'{{"{CONTENT}'),
    "artifact": lambda store: store.artifacts("a").put("n", [CONTENT.encode(), CONTENT]),  # type: ignore[list-item]
    "artifact of a surrogate": lambda store: store.artifacts("a").put("n", CONTENT + "\ud800"),
    "artifacts": lambda store: store.artifacts("a").save([NewArtifact("n", CONTENT, attributes={"k": {CONTENT}})]),
    "bundle": lambda store: store.save_all("a", transcript=[CONTENT], runs=[CONTENT.encode()]),
    "search": lambda store: store.search(""),
    "filter": lambda store: list(store.list(since=CONTENT)),  # type: ignore[arg-type]
    "cursor": lambda store: store.page(cursor=CONTENT),
}


def deep() -> object:
    value: object = CONTENT
    for _ in range(300):
        value = [value]
    return value


def told(error: BaseException) -> str:
    """All that an application's log would show of an error: it, what it came of, and where."""
    seen = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        seen += f"{chain!s}{chain!r}{chain.args!r}"
        if isinstance(chain, S3StoreError):  # others' attributes are theirs: an SDK's error may hold its request
            seen += f"{vars(chain)!r}"
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return seen


def fails(call: Callable[[], object]) -> str:
    with pytest.raises(S3StoreError) as caught:
        call()
    return told(caught.value)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG, "s3store")
    yield caplog
    for record in caplog.records:
        if record.name.startswith("s3store"):
            for secret in (CONTENT, SECRET, TOKEN):
                assert secret not in record.getMessage()
                assert secret not in repr(vars(record))


@pytest.mark.parametrize("name", CALLS)
def test_an_error_does_not_show_what_a_call_was_given(memory: Place, log: pytest.LogCaptureFixture, name: str) -> None:
    store = memory.open()
    store.create("a", [CONTENT], attributes={"k": CONTENT})
    assert CONTENT not in fails(lambda: CALLS[name](store))


@pytest.mark.parametrize("name", ["transcript", "artifacts", "traces"])
def test_an_error_does_not_show_what_a_damaged_object_holds(
    memory: Place, log: pytest.LogCaptureFixture, name: str
) -> None:
    with memory.open() as store:
        store.create("a", [CONTENT])
        store.artifacts("a").put("n", CONTENT)
        store.traces("a").append(CONTENT)
    key = StreamKeys.of("a", name).head
    body = memory.read(key)
    calls: list[Callable[[SessionStore], object]] = [
        lambda store: store.load("a"),
        lambda store: store.artifacts("a").load(),
        lambda store: store.traces("a").load(),
    ]
    for damaged in (body[:-1], body[:100] + b"?" + body[101:], f'{{"{CONTENT}"}}'.encode(), CONTENT.encode() * 50):
        memory.write(key, damaged)
        for call in calls:
            try:
                call(memory.open())
            except S3StoreError as error:
                shown = told(error)
            else:
                continue
            assert CONTENT not in shown


def test_results_do_not_show_the_content_of_artifacts(memory: Place) -> None:
    artifacts = memory.open().artifacts("a")
    artifacts.put("n", CONTENT)
    assert CONTENT not in repr(artifacts.get("n"))


# --- Credentials ------------------------------------------------------------------------------------------------------


def options(url: str, **more: Any) -> S3Options:
    session = boto3.Session("key-id", SECRET, TOKEN, region_name="us-east-1")
    return S3Options(
        session=session, endpoint_url=url, addressing_style="path", connect_timeout=5, read_timeout=5, **more
    )


@pytest.mark.s3
@pytest.mark.parametrize("fault", ["403", "InvalidAccessKeyId", "500", "lost", "cut", "refused"])
def test_no_failure_of_the_store_shows_a_credential_or_content(
    moto: MotoServer,
    bucket_name: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    monkeypatch.setattr("s3store.objects.s3_sender._SDK_ATTEMPTS", 1)
    bucket = moto.make_bucket(bucket_name())
    objects = S3BlockingStore(bucket, "", options(moto.url))
    prepare(objects)
    run(objects.close())
    faults: dict[str, Callable[[], Fault]] = {
        "403": lambda: answer(403, "AccessDenied"),
        "InvalidAccessKeyId": lambda: answer(403, "InvalidAccessKeyId"),
        "500": lambda: answer(500, "InternalError"),
        "lost": lose_answer,
        "cut": lambda: cut_body(3),
    }

    def script(request: Request) -> Any:
        meets = "/sessions/" in request.target and (fault != "cut" or request.method == "GET")
        return faults[fault]() if fault in faults and meets else None

    with FaultProxy(moto.port) as proxy:
        url = proxy.url if fault != "refused" else "http://127.0.0.1:9"
        store = SessionStore(f"s3://{bucket}", s3=options(url), policy=BRIEF, cache=False)
        proxy.script = script
        calls: list[Callable[[], object]] = [
            lambda: store.load("a"),
            lambda: store.append("a", CONTENT),
            lambda: store.save("a", [CONTENT], attributes={"k": CONTENT}),
            lambda: store.artifacts("a").put("n", CONTENT),
        ]
        if fault == "cut":
            store.create("a", [CONTENT])
            store.close()
            # Another client, for this one would only be told that nothing has changed.
            store = SessionStore(f"s3://{bucket}", s3=options(url), policy=BRIEF, cache=False)
            calls = [lambda: store.load("a"), lambda: store.exists("a")]
        for call in calls:
            shown = fails(call)
            for secret in (CONTENT, SECRET, TOKEN):
                assert secret not in shown
        assert SECRET not in repr(store) + repr(vars(store))
        proxy.script = lambda _: None
        store.close()


def test_options_and_stores_do_not_show_a_credential() -> None:
    chosen = options("http://127.0.0.1:9")
    store = SessionStore("s3://bucket/prefix", s3=chosen, cache=False)
    objects = S3BlockingStore("bucket", "prefix", chosen)
    for shown in (repr(chosen), str(chosen), repr(store), repr(objects), repr(store._archive)):
        assert SECRET not in shown
        assert TOKEN not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"http://key:{SECRET}@127.0.0.1:9",
        f"http://127.0.0.1:9/?token={SECRET}",
        f"http://127.0.0.1:9/#{SECRET}",
        f"ftp://{SECRET}",
        f"http://[{SECRET}",
    ],
)
def test_an_endpoint_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        S3Options(endpoint_url=url)
    assert SECRET not in told(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/prefix",
        f"s3://bucket/prefix?X-Amz-Signature={SECRET}",
        f"https://key:{SECRET}@host/bucket",
        f"s3://[{SECRET}",
        f"file://key:{SECRET}@host/path",
        SECRET,
    ],
)
def test_the_url_of_an_archive_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        SessionStore(url)
    assert SECRET not in told(caught.value)
