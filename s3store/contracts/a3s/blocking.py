"""The blocking face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocking import SessionStore
from ...runtime import run
from ..namespace import archive_of
from .store import A3sCore

if TYPE_CHECKING:
    import builtins

    from .session import SessionData


class A3sStore:
    """The contract `SessionStore` of A3S, on an archive, for callers that block.

    Its sessions are those of `store` whose id starts with `a3s/`. Close the store when done.
    """

    def __init__(self, store: SessionStore) -> None:
        self._core = A3sCore(archive_of(store, SessionStore))

    def save(self, session: SessionData) -> None:
        """See `SessionStore.save`."""
        run(self._core.save(session))

    def load(self, session_id: str) -> SessionData | None:
        """See `SessionStore.load`."""
        return run(self._core.load(session_id))

    def delete(self, session_id: str) -> None:
        """See `SessionStore.delete`."""
        run(self._core.delete(session_id))

    def list(self) -> builtins.list[str]:
        """See `SessionStore.list`."""
        return run(self._core.list())

    def exists(self, session_id: str) -> bool:
        """See `SessionStore.exists`."""
        return run(self._core.exists(session_id))

    def health_check(self) -> None:
        """See `SessionStore.health_check`."""
        run(self._core.health_check())

    def backend_name(self) -> str:
        """See `SessionStore.backend_name`."""
        return self._core.backend_name()

    def version(self, session_id: str) -> int:
        """Return the version of a document, which grows with each save; 0 where there is none."""
        return run(self._core.version(session_id))

    def save_if(self, session: SessionData, version: int) -> bool:
        """Store a document if it is still at this version (0: if there is none); else nothing. Tell which.

        Raises as `save`.
        """
        return run(self._core.save_if(session, version))
