"""Artifacts among others who write, delete and clean up at the same moment, and answers that are lost."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from s3store import Artifacts, Conflict, OutcomeUnknown, SessionStore, StoreUnavailable
from s3store.keys import StreamKeys
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.siblings.artifact_plan import INLINE
from s3store.siblings.upload import PART
from s3store.streams.head import pack_head, unpack_head
from tests.archives import QUICK, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = StreamKeys.of("a", "artifacts")
MIDDLE = random.Random(3).randbytes(INLINE + 1)
LARGE = random.Random(4).randbytes(PART + 1)


class Meddled(MemoryStore):
    """Lets others act, once, just before or after a head is put."""

    def __init__(self) -> None:
        super().__init__()
        self.before_head: Callable[[], object] | None = None
        self.after_head: Callable[[], object] | None = None

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if key == KEYS.head and (before := self.before_head) is not None:
            self.before_head = None
            before()
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        if key == KEYS.head and (after := self.after_head) is not None:
            self.after_head = None
            after()
        return etag


@pytest.fixture
def store() -> Meddled:
    return Meddled()


def client(store: MemoryStore) -> Artifacts:
    return SessionStore(store, policy=QUICK).artifacts("a")


def bodies(store: MemoryStore) -> set[str]:
    return {key for key in keys_of(store, KEYS.segments) if not key.endswith(".jsonl.zst")}


def named(store: MemoryStore) -> set[str]:
    return {KEYS.body(info.body) for info in client(store).list() if info.body is not None}


def clean_up(store: MemoryStore) -> None:
    """Do what a clean-up does: list, raise the fence, delete what was listed and is not named."""
    listed = bodies(store)
    found = run(store.get(KEYS.head))
    head = unpack_head(KEYS, found.body)
    raised = replace(head, fence=head.fence + 1, version=head.version + 1, commits=(*head.commits, "01c"))
    run(MemoryStore.put(store, KEYS.head, pack_head(KEYS, raised), if_match=found.etag))
    for key in listed - named(store):
        run(store.delete(key))


@pytest.mark.parametrize("data", [MIDDLE, LARGE], ids=["whole", "in parts"])
def test_what_a_clean_up_deleted_goes_up_again(store: Meddled, data: bytes) -> None:
    mine = client(store)
    mine.put("first", b"x")
    store.before_head = lambda: clean_up(store)
    mine.put("n", data)
    assert named(store) <= bodies(store)
    assert client(store).get("n").data == data
    assert len(bodies(store)) == 1


def test_an_iterator_whose_body_was_deleted_is_asked_for_again(store: Meddled) -> None:
    mine = client(store)
    mine.put("first", b"x")
    store.before_head = lambda: clean_up(store)
    with pytest.raises(Conflict, match="cannot be read again"):
        mine.put("n", iter([LARGE[:-5], LARGE[-5:]]))
    assert [info.name for info in client(store).list()] == ["first"]


@pytest.mark.parametrize("data", [MIDDLE, LARGE], ids=["whole", "in parts"])
def test_a_body_that_another_writer_drops_is_not_named_again_without_an_upload(store: Meddled, data: bytes) -> None:
    mine, others = client(store), client(store)
    mine.put("n", data)
    store.before_head = lambda: others.remove("n")
    mine.put("m", data)
    assert [info.name for info in client(store).list()] == ["m"]
    assert named(store) == bodies(store)
    assert client(store).get("m").data == data


def test_a_writer_who_shared_an_upload_does_not_name_what_the_other_dropped(store: Meddled) -> None:
    """Two go on with one upload; the other one puts and removes it before the first one has put his head."""
    mine, others = client(store), client(store)
    mine.put("first", b"x")
    finish = store.finish_upload

    async def finish_with_company(upload, parts):  # type: ignore[no-untyped-def]
        store.finish_upload = finish  # type: ignore[method-assign]
        others.put("other", LARGE)
        others.remove("other")
        return await finish(upload, parts)

    store.finish_upload = finish_with_company  # type: ignore[method-assign]
    mine.put("n", LARGE)
    assert named(store) <= bodies(store)
    assert client(store).get("n").data == LARGE


def test_writers_of_one_set_lose_nothing(store: Meddled) -> None:
    clients = [client(store) for _ in range(3)]
    for number in range(5):
        for place, each in enumerate(clients):
            each.put(f"{place}-{number}", MIDDLE + bytes([place, number]))
    found = client(store).load() or []
    assert len(found) == 15
    assert named(store) == bodies(store)


def test_a_lost_answer_is_settled_and_nothing_is_put_twice(store: Meddled) -> None:
    def lose() -> None:
        raise StoreUnavailable("the answer was lost", may_have_landed=True)

    mine = client(store)
    store.after_head = lose
    info = mine.put("n", MIDDLE)
    assert client(store).list() == [info]
    assert bodies(store) == {KEYS.body(str(info.body))}


def test_after_an_unknown_outcome_nothing_is_deleted_and_resolve_tells(store: Meddled) -> None:
    mine = client(store)
    mine.put("n", MIDDLE)
    get = store.get

    async def unreachable(key, **more):  # type: ignore[no-untyped-def]
        raise StoreUnavailable("not now", may_have_landed=False)

    def lose() -> None:
        store.get = unreachable  # type: ignore[method-assign]
        raise StoreUnavailable("the answer was lost", may_have_landed=True)

    store.after_head = lose
    with pytest.raises(OutcomeUnknown) as unknown:
        mine.put("n", MIDDLE[::-1])
    store.get = get  # type: ignore[method-assign]
    assert len(bodies(store)) == 2
    assert mine.resolve(unknown.value.commit_id) is True
    assert client(store).get("n").data == MIDDLE[::-1]


@pytest.mark.parametrize("data", [MIDDLE, LARGE], ids=["whole", "in parts"])
def test_a_session_deleted_meanwhile_does_not_take_what_comes_after(store: Meddled, data: bytes) -> None:
    mine = client(store)
    mine.put("first", MIDDLE[::-1])

    def delete() -> None:
        SessionStore(store).delete("a")

    store.before_head = delete
    mine.put("n", data)
    assert named(store) <= bodies(store)
    assert client(store).get("n").data == data
