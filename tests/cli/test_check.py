"""`s3store check`, and the command line on an S3 server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3store import SessionStore
from s3store.objects.capability import Capability, Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.servers import MotoServer

    from .conftest import Cli


def test_a_directory_is_fit(cli: Cli) -> None:
    assert "fit for shared writing" in cli.ok("check")
    [found] = cli.json("check")
    assert found["shared_writing"] is True
    assert all(finding["ok"] for finding in found["findings"])


def test_a_store_that_is_not_fit_ends_with_6(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = Capability((Finding("swap-race", False, "two of 16 writers won"),), "enabled")
    monkeypatch.setattr(SessionStore, "check", lambda _self: unfit)
    result = cli("check")
    assert result.exit_code == 6
    assert "two of 16 writers won" in result.stdout
    assert "versioning enabled; not fit for shared writing" in result.stdout
    assert cli("check", "--json").exit_code == 6


def test_on_s3(cli: Cli, moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    bucket = moto.make_bucket(bucket_name())
    place = ("--url", f"s3://{bucket}/agents", "--endpoint-url", moto.url, "--region", "us-east-1")
    cli.ok(*place, "append", "s", "--text", "hello")
    assert [found["id"] for found in cli.json("ls", *place)] == ["s"]
    assert "hello" in cli.ok("show", "s", *place)
    cli.ok("rm", "s", "--yes", *place)
    assert cli("show", "s", *place).exit_code == 3


def test_a_missing_bucket_ends_with_6(cli: Cli, moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    result = cli("ls", "--url", f"s3://{bucket_name()}", "--endpoint-url", moto.url)
    assert result.exit_code == 6
    assert result.stderr.count("\n") == 1
