"""Nothing here runs unless the environment names a server."""

from __future__ import annotations

import uuid

import pytest

from tests.servers import Endpoint

collect_ignore_glob = [] if Endpoint.from_environment() else ["test_*.py"]


@pytest.fixture
def unused_prefix() -> str:
    """A prefix that no test has used. (The conformance class has a parameter `prefix`.)"""
    return f"tests/{uuid.uuid4()}"


@pytest.fixture
def location(endpoint: Endpoint, unused_prefix: str) -> str:
    """The location of an archive that is not there yet."""
    return f"s3://{endpoint.bucket}/{unused_prefix}"
