"""The check, with its races, and the first use of an archive, on a server that is fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore

if TYPE_CHECKING:
    from tests.servers import Endpoint


@pytest.mark.s3
def test_the_check_finds_the_server_fit(endpoint: Endpoint, location: str) -> None:
    with SessionStore(location, s3=endpoint.options()) as store:
        found = store.check()
        assert [it for it in found.findings if not it.ok and it.name != "conditional-delete"] == []
        assert found.shared_writing
        # The first write checks by itself, and the second client goes by what the first wrote down.
        store.append("a", "first")
    with SessionStore(location, s3=endpoint.options(), cache=False) as store:
        store.append("a", "second")
        assert store.load("a").messages == ["first", "second"]


@pytest.mark.s3
def test_what_the_check_finds_of_conditional_deletes_is_what_is_known(endpoint: Endpoint, location: str) -> None:
    from tests.servers.differences import DIFFERENCES, Differences

    with SessionStore(location, s3=endpoint.options()) as store:
        known = DIFFERENCES.get(endpoint.server, Differences())
        assert store.check().conditional_delete == known.conditional_delete
