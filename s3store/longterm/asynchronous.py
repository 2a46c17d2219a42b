"""The rules of retention on the asyncio face."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..archive import Archive
    from .policies import RuleBook


class AsyncRetention:
    """The rules by which `AsyncSessionStore.maintain` packs and deletes sessions: `AsyncSessionStore.retention`.

    The archive keeps them, with who set them when. Of the rules for a session those of the narrowest scope hold, and of
    several as narrow those by which it stays longest. A held session is never deleted.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def set(
        self, rules: str, *, agent: str | None = None, labels: Iterable[str] = (), who: str | None = None
    ) -> bool:
        """Set the rules for the sessions of an agent, with these labels, or for all; tell whether they were others.

        `rules` is text such as `idle 30d -> pack; age 7y -> delete`: see `s3store.longterm.rules`. `who` is kept with
        them. Raises
        `InvalidOption`, before anything is written, for rules that are wrong, contradict each other, or that nothing
        here can carry out; it says where.
        """
        return await self._archive.set_rules(rules, agent, labels, who)

    async def remove(self, *, agent: str | None = None, labels: Iterable[str] = (), who: str | None = None) -> bool:
        """Take the rules for just this scope away; tell whether there were any."""
        return await self._archive.set_rules(None, agent, labels, who)

    async def rules(self) -> RuleBook:
        """Return all rules, and the history of their changes."""
        return await self._archive.retention.book()

    async def plan(self) -> Mapping[str, int]:
        """Say what the rules would do now, in numbers, and do nothing.

        `planned`: due, and in no plan yet; `pending`: in a plan that was written before; `held`: due but for a hold;
        `not due`: only the index made it look due; `to pack`: due to be packed; `packs to move`: packs all of whose
        sessions are due to go on to a colder class. Costs two requests for each session that looks due or stands in
        such a pack, and one for each pack.
        """
        return await self._archive.foresee_retention()
