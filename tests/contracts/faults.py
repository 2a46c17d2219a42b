"""A blocking object store that something happens to on the way there, or on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3store import StoreUnavailable
from s3store.objects.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.objects.base import ListPage, ObjectStore, StoredObject


class Killed(BaseException):
    """The process ends here."""


class Faulty(CountingStore):
    """Passes on what it is asked. `before` and `after` are told of each read, write and listing, and may raise."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.before: Callable[[str, str], None] = lambda verb, key: None
        self.after: Callable[[str, str], None] = lambda verb, key: None

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        self.before("get", key)
        found = await super().get(key, if_none_match=if_none_match, byte_range=byte_range)
        self.after("get", key)
        return found

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        self.before("put", key)
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        self.after("put", key)
        return etag

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.before("delete", key)
        await super().delete(key, if_match=if_match)
        self.after("delete", key)

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        self.before("list", prefix)
        page = await super().list_page(prefix, after=after, limit=limit)
        self.after("list", prefix)
        return page

    async def close(self) -> None:
        """Leave the store inside open: others use it."""


def is_head(verb: str, key: str) -> bool:
    """Whether a request puts the head of a transcript."""
    return verb == "put" and key.endswith("/transcript.jsonl.zst")


def outage(verb: str, key: str) -> None:
    """Nothing arrives."""
    raise StoreUnavailable(f"{key}: no answer", may_have_landed=False)


def killed_at_a_head(verb: str, key: str) -> None:
    """The process ends before it puts a head."""
    if is_head(verb, key):
        raise Killed


def answers_lost(number: int) -> Callable[[str, str], None]:
    """The answers of the first `number` PUTs of heads are lost."""
    left = [number]

    def lose(verb: str, key: str) -> None:
        if is_head(verb, key) and left[0]:
            left[0] -= 1
            raise StoreUnavailable(f"{key}: the answer was lost")

    return lose
