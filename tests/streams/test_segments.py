"""Segments that are not what the head names: each is seen, whichever way it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from s3store import CorruptObject, SessionStore
from s3store.keys import StreamKeys
from s3store.objects.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.objects.base import ObjectStore, StoredObject
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

KEYS = StreamKeys.of("a", "transcript")
READS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("a"),
    "last": lambda store: store.last("a", 7),
    "records": lambda store: list(store.records("a")),
    "key-that-may-be-in-it": lambda store: store.append("a", "again", key="k1"),
}


@pytest.fixture
def sealed(memory: Place, small_parts: None) -> Place:
    """Sessions a and b with the same messages in several segments each."""
    store = memory.open()
    for session in "ab":
        for number in range(8):
            store.append(session, {"number": number}, key=f"k{number}")
    return memory


def segment(place: Place, number: int = 1, session: str = "a") -> str:
    return place.listed(StreamKeys.of(session, "transcript").segments)[number]


@pytest.mark.parametrize("call", READS)
def test_a_missing_segment_is_corrupt(sealed: Place, call: str) -> None:
    key = segment(sealed)
    sealed.remove(key)
    with pytest.raises(CorruptObject, match=key):
        READS[call](sealed.open())


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: b"",
        lambda body: body + b"\x00",
        lambda body: body[:40] + bytes([body[40] ^ 1]) + body[41:],
        lambda body: body[:-5] + bytes([body[-5] ^ 1]) + body[-4:],
    ],
    ids=["one-byte-short", "half", "empty", "one-byte-more", "flip-in-the-header", "flip-in-the-data"],
)
def test_a_damaged_segment_is_corrupt(sealed: Place, call: str, damage: Callable[[bytes], bytes]) -> None:
    key = segment(sealed)
    sealed.write(key, damage(sealed.read(key)))
    with pytest.raises(CorruptObject, match=key):
        READS[call](sealed.open())


@pytest.mark.parametrize("call", READS)
def test_another_segment_in_its_place_is_corrupt(sealed: Place, call: str) -> None:
    key = segment(sealed, 1)
    sealed.write(key, sealed.read(segment(sealed, 2)))
    with pytest.raises(CorruptObject, match=key):
        READS[call](sealed.open())


@pytest.mark.parametrize("call", READS)
def test_another_sessions_segment_in_its_place_is_corrupt(sealed: Place, call: str) -> None:
    key = segment(sealed)
    sealed.write(key, sealed.read(segment(sealed, session="b")))
    with pytest.raises(CorruptObject, match=key):
        READS[call](sealed.open())


def test_what_does_not_need_the_damaged_segment_goes_on(sealed: Place) -> None:
    sealed.remove(segment(sealed, 0))
    store = sealed.open()
    assert store.last("a", 1)[0].message == {"number": 7}
    assert store.append("a", "more").count == 9
    assert [record.seq for record in store.records("a", start=4)] == [4, 5, 6, 7, 8]
    assert store.clear("a") == 9
    store.append("a", "anew")
    assert store.load("a").messages == ["anew"]
    assert store.delete("a") is True


class DamagesOnce(CountingStore):
    """The first answer that brings an object comes damaged."""

    def __init__(self, inner: ObjectStore, key: str) -> None:
        super().__init__(inner)
        self._key = key

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        found = await super().get(key, if_none_match=if_none_match, byte_range=byte_range)
        if key != self._key:
            return found
        self._key = ""
        return replace(found, body=found.body[:-1])


def test_a_segment_damaged_on_its_way_is_not_taken_for_one_that_lies_damaged(sealed: Place) -> None:
    store = sealed.open()
    store.extend("c", [{"number": 0}, {"number": 1}], keys=["k0", "k1"])
    store.append("c", "which seals them")
    kept = next(store.records("c"))
    SessionStore(DamagesOnce(sealed.objects, segment(sealed, 0, "c"))).save("c", [{"number": 0}, "another"])
    assert next(sealed.open().records("c")) == kept
    assert sealed.open().append("c", "again", key="k0").count == 2
