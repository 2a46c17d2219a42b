"""The sessions of one contract in an archive: those whose id starts with the contract's name and a slash."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

from ..blocking import SessionStore
from ..errors import CorruptObject, InvalidOption, InvalidRecord, OutcomeUnknown, StoreUnavailable
from ..keys import encode_id
from ..session import SessionCore
from ..store import AsyncSessionStore
from ..streams.terms import Terms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from ..archive import Archive
    from ..changes import Change
    from ..model import Committed, Filters, ListOrder, SessionSummary

_ROUNDS = 3


def archive_of(store: SessionStore | AsyncSessionStore, face: type) -> Archive:
    """Return the archive behind a store. Raises `InvalidOption` if the store is none, or has the other face."""
    if not isinstance(store, face) or not isinstance(store, SessionStore | AsyncSessionStore):
        raise InvalidOption(f"a store of the class {face.__name__} is wanted, not a {type(store).__name__}")
    return store._archive  # noqa: SLF001 - a contract is one more face of the same core


class Namespace:
    """The sessions of one contract. A *key* is a session's id in the words of the contract: any text at all.

    Without a `name` they are all sessions of the archive, by their ids. A contract that commits many small changes to
    large sessions gives a `seal`: each commit writes the open tail again, and a tail of so many bytes is sealed.
    """

    def __init__(self, archive: Archive, name: str | None, *, seal: int | None = None) -> None:
        self.archive = archive
        self._seal = seal
        self._prefix = "" if name is None else name + "/"

    def session(self, key: str) -> SessionCore:
        """Return a session, as it is in the archive. Raises `InvalidSessionId`."""
        return SessionCore(self.archive, self.id_of(key), bound=False, seal=self._seal)

    def id_of(self, key: str) -> str:
        """Return the id that a session has in the archive. Raises `InvalidSessionId` if the key is no text."""
        encode_id(key)
        return self._prefix + key

    def holds(self, session_id: str) -> bool:
        """Tell whether the session whose id in the archive is given is one of this contract."""
        return session_id.startswith(self._prefix)

    def key_of(self, session_id: str) -> str:
        """Return the key of a session of this contract, whose id in the archive is given."""
        return session_id[len(self._prefix) :]

    def summaries(
        self,
        order: ListOrder = "newest",
        limit: int | None = None,
        offset: int = 0,
        **filters: Unpack[Filters],
    ) -> AsyncIterator[SessionSummary]:
        """Iterate over the contract's sessions. As `SessionStore.list`."""
        within: Filters = {**filters, "id_prefix": self._prefix}
        return self.archive.index.listings.sessions(within, order, limit, offset)

    async def running(self) -> list[SessionSummary]:
        """Return the sessions in the state `running`. As `SessionStore.running`."""
        return await self.archive.index.listings.running({"id_prefix": self._prefix})

    async def stuck(self, seconds: float) -> list[SessionSummary]:
        """Return the sessions that have been running for long. As `SessionStore.stuck`."""
        return await self.archive.index.listings.stuck(seconds, {"id_prefix": self._prefix})

    async def commit(self, key: str, *changes: Change, must_exist: bool = False) -> Committed:
        """Make changes in one commit. As `SessionStore.commit`."""
        return await self.session(key).commit(changes, must_exist=must_exist)

    async def settle(self, key: str, *changes: Change, must_exist: bool = False) -> None:
        """Make changes in one commit. As `settled`."""
        session = self.session(key)
        await settled(lambda: session.commit(changes, must_exist=must_exist), session.resolve)

    async def delete(self, key: str, *, version: int | None = None) -> bool:
        """Delete a session, whatever its version or only at the one given (else `Conflict`); tell if there was one."""
        await self.archive.ready_to_write()
        return await self.archive.removal.delete(self.id_of(key), Terms(expected_version=version))


async def settled(write: Callable[[], Awaitable[object]], resolve: Callable[[str], Awaitable[bool]]) -> None:
    """Write, and find out what became of it where no answer came; write again what has surely not landed.

    Raises `OutcomeUnknown` only where the store does not tell that either.
    """
    for _ in range(_ROUNDS):
        try:
            await write()
        except OutcomeUnknown as unknown:
            if await _has_landed(unknown, resolve):
                return
        else:
            return
    raise StoreUnavailable(f"the store gave no answer {_ROUNDS} times; nothing was written", may_have_landed=False)


async def _has_landed(unknown: OutcomeUnknown, resolve: Callable[[str], Awaitable[bool]]) -> bool:
    try:
        return await resolve(unknown.commit_id)
    except (StoreUnavailable, OutcomeUnknown):
        raise unknown from None


@contextmanager
def reading(session_id: str) -> Iterator[None]:
    """Turn what a contract finds wrong with what is stored into `CorruptObject`, which names the session."""
    try:
        yield
    except InvalidRecord as error:
        raise CorruptObject(f"session {session_id!r}: {error}") from None
