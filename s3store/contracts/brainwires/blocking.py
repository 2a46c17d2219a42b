"""The blocking face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import run
from ..namespace import archive_of
from .store import BrainwiresCore

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from .messages import Message
    from .sessions import ListOptions, SessionRecord


class BrainwiresStore:
    """The contract `SessionStore` of Brainwires, on an archive, for callers that block.

    Its sessions are those of `store` whose id starts with `brainwires/`. Close the store when done.
    """

    def __init__(self, store: SessionStore) -> None:
        self._core = BrainwiresCore(archive_of(store, SessionStore))

    def load(self, session_id: str) -> builtins.list[Message] | None:
        """See `SessionStore.load`."""
        return run(self._core.load(session_id))

    def save(self, session_id: str, messages: Sequence[Message]) -> None:
        """See `SessionStore.save`."""
        run(self._core.save(session_id, messages))

    def list(self) -> builtins.list[SessionRecord]:
        """See `SessionStore.list`."""
        return run(self._core.list())

    def list_paginated(self, options: ListOptions) -> builtins.list[SessionRecord]:
        """See `SessionStore.list_paginated`."""
        return run(self._core.list_paginated(options))

    def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        run(self._core.delete(session_id))
