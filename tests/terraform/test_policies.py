"""The policies of the Terraform module, evaluated for what the library really sends: neither narrow nor wide."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from s3store import IndexPolicy, SessionStore
from tests.archives import prepare, s3_options
from tests.security.test_rights import BEFORE, CALLS, MIDDLE, ROWS
from tests.servers import MotoServer
from tests.servers.policy_proxy import PolicyProxy, rights_of

from .policies import BUCKET, Ask, actions_of, allows, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.http_server import Reply, Request

pytestmark = pytest.mark.s3

ROLES = ("reader", "writer", "maintainer")
OF_THE_MAINTAINER = {"remains", "erase", "erase_versions", "restore"}
"""What only a maintainer may call."""
OF_ALL = {name for row in ROWS for name in row.calls if row.rights <= {"s3:GetObject", "s3:ListBucket"}}
CALLS_OF = {"reader": OF_ALL, "writer": CALLS.keys() - OF_THE_MAINTAINER, "maintainer": CALLS.keys()}
RECORDED = [name for name in CALLS if name != "check"]
"""All but one that sends some 400 requests, of the same kinds as the others."""
OF_VERSIONED_BUCKETS = {"maintainer": {"s3:DeleteObjectVersion"}}
"""What `docs/operations.md` asks for beside the table, where a bucket keeps versions."""
_OF_BUCKETS = re.compile(r"s3:(ListBucket\w*|GetBucketVersioning)")
TLS = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
HEAD = re.compile(r"/agents/sessions/[0-9a-f]{2}/[^/]+/[a-z]+\.jsonl\.zst")


class RecordingProxy(PolicyProxy):
    """Keeps what each request asks for, under the name of the call that was made."""

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.call = ""
        self.asked: dict[str, set[tuple[str, str, frozenset[tuple[str, str]]]]] = {}

    def _answer(self, request: Request) -> Reply:
        asked = self.asked.setdefault(self.call, set())
        for action in rights_of(request):
            asked.add(_key_of(request, action))
        return super()._answer(request)


def _key_of(request: Request, action: str) -> tuple[str, str, frozenset[tuple[str, str]]]:
    _, bucket, key = (unquote(urlsplit(request.target).path) + "/").split("/", 2)
    resource = f"arn:aws:s3:::{bucket}" + ("" if _OF_BUCKETS.fullmatch(action) else f"/{key[:-1]}")
    headers = {f"s3:{name}": request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers}
    return action, resource, frozenset((TLS | headers).items())


def _opened(url: str) -> SessionStore:
    return SessionStore("s3://bucket/agents", s3=s3_options(url), cache=False, index=IndexPolicy(compact_after=None))


def _prepare_sessions(store: SessionStore) -> None:
    store.create("a", ["word", "second", "third"], state="running", turn="t")
    store.artifacts("a").put("n", MIDDLE)
    if not store.exists("b"):
        store.create("b", ["word"])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Ask]]]:
    """Every right that each call asks for, in real runs, one after the other on one archive."""
    with MotoServer() as moto, RecordingProxy(moto.port) as proxy:
        moto.make_bucket("bucket")
        with _opened(moto.url) as store:
            prepare(store._archive._bare)
        with _opened(moto.url) as preparing:
            for proxy.call, calls in ((name, CALLS[name]) for name in RECORDED):
                if not preparing.exists("a"):
                    _prepare_sessions(preparing)
                if proxy.call in BEFORE:
                    preparing.delete("a")
                    _prepare_sessions(preparing)
                    BEFORE[proxy.call](preparing)
                file = tmp_path_factory.mktemp("recorded") / "file"
                # A client of its own for each: what it does in the background is over when it is closed.
                with _opened(proxy.url) as store:
                    for call in calls:
                        call(store, file)
        yield {name: [Ask(a, r, dict(c)) for a, r, c in asked] for name, asked in proxy.asked.items()}


def may(role: str, ask: Ask) -> bool:
    return allows([rendered(role), rendered("bucket")], ask)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_its_calls_send(recorded: dict[str, list[Ask]], role: str) -> None:
    assert list(recorded) == RECORDED
    assert [
        (name, ask) for name in CALLS_OF[role] & recorded.keys() for ask in recorded[name] if not may(role, ask)
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_just_the_rights_that_the_docs_name_for_its_calls(role: str) -> None:
    named = {right for row in ROWS for right in row.rights if CALLS_OF[role] & set(row.calls)}
    assert actions_of(rendered(role)) == named | OF_VERSIONED_BUCKETS.get(role, set())


def test_a_reader_may_change_nothing_and_a_writer_erase_no_version(recorded: dict[str, list[Ask]]) -> None:
    every = {ask.action for asks in recorded.values() for ask in asks}
    assert {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucketVersions"} <= every
    for ask in (ask for asks in recorded.values() for ask in asks):
        assert may("reader", ask) == (ask.action in {"s3:GetObject", "s3:ListBucket"})
        assert may("writer", ask) == (ask.action not in {"s3:ListBucketVersions", "s3:RestoreObject"})
    version = Ask("s3:DeleteObjectVersion", f"{BUCKET}/agents/archive.json", TLS)
    assert [may(role, version) for role in ROLES] == [False, False, True]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "action",
    ["s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutObjectAcl", "s3:PutLifecycleConfiguration",
     "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "iam:PassRole"],
)  # fmt: skip
def test_no_role_may_change_the_bucket_itself(role: str, action: str) -> None:
    for resource in (BUCKET, f"{BUCKET}/agents/archive.json"):
        assert not may(role, Ask(action, resource, TLS))


@pytest.mark.parametrize("role", ROLES)
def test_nobody_reaches_beyond_the_archive(recorded: dict[str, list[Ask]], role: str) -> None:
    for ask in recorded["append"] + recorded["load"]:
        assert not may(role, replace(ask, resource=ask.resource.replace(":bucket", ":bucket2")))
        if ask.resource != BUCKET:
            assert not may(role, replace(ask, resource=ask.resource.replace("/agents/", "/agents2/")))


def test_a_blind_write_of_what_is_replaced_by_compare_and_swap_is_refused(recorded: dict[str, list[Ask]]) -> None:
    blind: set[str] = set()
    others: set[str] = set()
    for ask in (ask for asks in recorded.values() for ask in asks if ask.action == "s3:PutObject"):
        assert may("writer", ask)
        is_blind_forbidden = not may("writer", replace(ask, context=TLS))
        (blind if is_blind_forbidden else others).add(ask.resource.removeprefix(BUCKET))
    heads = {key for key in blind if HEAD.fullmatch(key)}
    assert {key.rpartition("/")[2].partition(".")[0] for key in heads} >= {
        "transcript", "traces", "runs", "artifacts", "inbox",
    }  # fmt: skip
    assert blind - heads == {"/agents/index/manifest.json", "/agents/retention/rules.json"}
    assert others
    assert not any(HEAD.fullmatch(key) for key in others)
    for key in ("archive.json", "sessions/00/v/verification.jsonl.zst"):
        assert not may("writer", Ask("s3:PutObject", f"{BUCKET}/agents/{key}", TLS))
        assert may("writer", Ask("s3:PutObject", f"{BUCKET}/agents/{key}", TLS | {"s3:if-none-match": "*"}))


@pytest.mark.parametrize("worse", [{"aws:SecureTransport": "false"}, {"s3:TlsVersion": "1.1"}])
def test_without_tls_of_today_nothing_is_answered(recorded: dict[str, list[Ask]], worse: dict[str, str]) -> None:
    for ask in recorded["load"] + recorded["append"]:
        assert not may("maintainer", replace(ask, context={**ask.context, **worse}))


def test_the_key_serves_s3_alone() -> None:
    policy = rendered("kms", actions='["kms:Decrypt"]', key_arn="arn:key", region="eu-central-1")
    through = {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    assert allows([policy], Ask("kms:Decrypt", "arn:key", through))
    assert not allows([policy], Ask("kms:Decrypt", "arn:key"))
    assert not allows([policy], Ask("kms:Decrypt", "arn:other", through))
    assert not allows([policy], Ask("kms:GenerateDataKey", "arn:key", through))
