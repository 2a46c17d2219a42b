"""Archives of each kind for the tests of integrations, which take either face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.archives import open_place

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from tests.archives import Place


@pytest.fixture(params=["memory", "directory", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Place:
    """An archive in each kind of store, whose clients have the blocking face."""
    return open_place(request.param, request, tmp_path, closing)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that tests run on."""
    return "asyncio"
