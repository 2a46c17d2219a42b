"""Fixtures for tests of contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.archives import open_place

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from tests.archives import Place


@pytest.fixture(params=["memory", "memory-async", "directory", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Place:
    """An archive in each store, and in memory with each face: that all faces do the same everywhere is tested below."""
    return open_place(request.param, request, tmp_path, closing)
