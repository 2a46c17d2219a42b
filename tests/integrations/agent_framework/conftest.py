"""Fixtures of these tests."""

from tests.archive_fixtures import closing, small_parts
from tests.integrations.places import anyio_backend, place

__all__ = ["anyio_backend", "closing", "place", "small_parts"]
