"""Archives of each kind for Strands, and a model that needs none."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from strands.models import Model

from tests.archives import open_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.archives import Place


@pytest.fixture(params=["memory", "directory", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An archive in each kind of store."""
    with ExitStack() as closing:
        yield open_place(request.param, request, tmp_path, closing)


class Echo(Model):
    """A model that answers with how many messages it was given."""

    def update_config(self, **config: Any) -> None:
        """Do nothing."""

    def get_config(self) -> dict[str, Any]:
        """There is none."""
        return {}

    async def structured_output(self, *given: Any, **more: Any) -> Any:
        """Not asked for here."""
        raise NotImplementedError

    async def stream(self, messages: Any, *given: Any, **more: Any) -> AsyncIterator[Any]:
        """Answer."""
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockDelta": {"delta": {"text": f"{len(messages)} messages"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}
