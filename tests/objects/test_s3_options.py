from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from s3store.errors import InvalidOption
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.objects.s3_options import S3Options
from s3store.runtime import run


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("addressing_style", {"addressing_style": "host"}),
        ("sse", {"sse": "AES128"}),
        ("kms_key_id", {"kms_key_id": "key"}),
        ("kms_key_id", {"kms_key_id": "key", "sse": "AES256"}),
        ("kms_key_id", {"kms_key_id": "", "sse": "aws:kms"}),
        ("bucket_key", {"bucket_key": True, "sse": "AES256"}),
        ("bucket_key", {"bucket_key": False}),
        ("storage_class", {"storage_class": "GLACIER"}),
        ("storage_class", {"storage_class": "DEEP_ARCHIVE"}),
        ("storage_class", {"storage_class": ""}),
        ("expected_bucket_owner", {"expected_bucket_owner": "12345678901"}),
        ("expected_bucket_owner", {"expected_bucket_owner": "12345678901x"}),
        ("checksums", {"checksums": "never"}),
        ("profile", {"profile": "work", "session": object()}),
        ("region", {"region": ""}),
        ("endpoint_url", {"endpoint_url": "localhost:9000"}),
        ("endpoint_url", {"endpoint_url": "ftp://localhost"}),
        ("endpoint_url", {"endpoint_url": "http://"}),
        ("endpoint_url", {"endpoint_url": "http://host:port"}),
        ("endpoint_url", {"endpoint_url": "http://[::1"}),
        ("endpoint_url", {"endpoint_url": "http://me:secret@host"}),
        ("endpoint_url", {"endpoint_url": "http://host?key=secret"}),
        ("endpoint_url", {"endpoint_url": "http://host#part"}),
        ("connect_timeout", {"connect_timeout": 0}),
        ("read_timeout", {"read_timeout": float("inf")}),
        ("read_timeout", {"read_timeout": float("nan")}),
        ("request_timeout", {"request_timeout": 0}),
        ("max_connections", {"max_connections": 0}),
    ],
)
def test_an_option_that_makes_no_sense_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=f"^{name}: ") as refused:
        S3Options(**options)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sse": "AES256"},
        {"sse": "aws:kms", "kms_key_id": "alias/key", "bucket_key": False},
        {"storage_class": "INTELLIGENT_TIERING"},
        {"endpoint_url": "https://store.example.org:9000/path", "addressing_style": "path"},
        {"expected_bucket_owner": "123456789012", "request_payer": True},
        {
            "checksums": "when_required",
            "connect_timeout": 0.5,
            "read_timeout": 3,
            "request_timeout": 9,
            "max_connections": 1,
        },
    ],
)
def test_options_that_make_sense_are_taken(options: dict[str, Any]) -> None:
    assert S3Options(**options) == S3Options(**options)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        S3Options().region = "eu-west-1"  # type: ignore[misc]


def test_neither_options_nor_a_store_show_credentials() -> None:
    class Session:
        def __repr__(self) -> str:
            return "secret"

    options = S3Options(session=Session(), client_config=Session())
    assert "secret" not in repr(options)
    assert repr(S3BlockingStore("bucket", "agents", options)) == "S3BlockingStore('s3://bucket/agents/')"


@pytest.mark.parametrize(
    ("name", "bucket", "prefix"),
    [
        ("bucket", "", ""),
        ("bucket", "logs--use1-az4--x-s3", ""),
        ("bucket", "logs--use1-az4--xa-s3", ""),
        ("prefix", "bucket", "/agents"),
        ("prefix", "bucket", "agents//old"),
        ("prefix", "bucket", "agents/../others"),
        ("prefix", "bucket", "./agents"),
        ("prefix", "bucket", "agents\n"),
        ("prefix", "bucket", "agents\ud800"),
        ("prefix", "bucket", "a" * 512),
    ],
)
def test_a_place_that_cannot_hold_an_archive_is_refused(name: str, bucket: str, prefix: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{name}: "):
        S3BlockingStore(bucket, prefix)


def test_a_key_that_is_too_long_with_its_prefix_is_refused() -> None:
    store = S3BlockingStore("bucket", "p" * 100)
    for operation in (store.get("k" * 924), store.put("k" * 924, b""), store.delete("k" * 924)):
        with pytest.raises(InvalidOption, match="prefix"):
            run(operation)


def test_a_session_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidOption, match=r"^session: .*boto3\.Session"):
        run(S3BlockingStore("bucket", "", S3Options(session=object())).get("key"))


def test_a_profile_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidOption, match=r"^profile: "):
        run(S3BlockingStore("bucket", "", S3Options(profile="nobody")).get("key"))


def test_importing_s3store_and_making_a_store_loads_no_sdk() -> None:
    code = (
        "import sys, s3store\n"
        "from s3store.objects import capability, s3_async, s3_blocking\n"
        "s3_blocking.S3BlockingStore('bucket', 'prefix', s3store.S3Options(region='eu-west-1'))\n"
        "sys.exit(bool({'boto3', 'botocore', 'aioboto3', 'aiobotocore', 'urllib3', 'aiohttp'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
