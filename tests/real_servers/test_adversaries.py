"""On a server that does not keep what it promises, no archive is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from s3store import SessionStore, StoreNotCapable
from s3store.cli.app import cli as commands
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import keys_of
from tests.servers.differences import FAILS

if TYPE_CHECKING:
    from tests.servers import Endpoint

pytestmark = pytest.mark.s3


def test_the_check_says_what_fails(endpoint: Endpoint, location: str) -> None:
    with SessionStore(location, s3=endpoint.options()) as store:
        found = store.check()
    failed = {it.name for it in found.findings if not it.ok}
    assert not found.shared_writing
    assert failed >= FAILS[endpoint.server]


def test_the_first_write_is_refused_and_nothing_is_left(endpoint: Endpoint, location: str, unused_prefix: str) -> None:
    refused = pytest.raises(StoreNotCapable, match="not safe for shared writing")
    with SessionStore(location, s3=endpoint.options()) as store, refused:
        store.append("a", "message")
    objects = S3BlockingStore(endpoint.bucket, unused_prefix, endpoint.options())
    try:
        assert [key for key in keys_of(objects) if not key.startswith("check/")] == []
    finally:
        run(objects.close())


def test_the_command_line_says_so_too(endpoint: Endpoint, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", endpoint.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", endpoint.secret_key)
    done = CliRunner().invoke(
        commands, ["check", "--url", location, "--endpoint-url", endpoint.url], prog_name="s3store"
    )
    assert done.exit_code == 6, done.output
    assert "not fit for shared writing" in done.output
