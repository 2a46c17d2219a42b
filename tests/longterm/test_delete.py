"""A delete takes along everything that is kept beside a transcript, also after one that died half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from s3store import OutcomeUnknown, SessionStore, StoreUnavailable
from s3store.keys import StreamKeys
from s3store.objects.base import MIN_PART
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

if TYPE_CHECKING:
    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

LARGE = b"secret" * 10_000


def fill(store: SessionStore, session_id: str, *, transcript: bool = True) -> None:
    """Keep something of everything."""
    if transcript:
        store.extend(session_id, [f"secret {number}" for number in range(4)])
        store.append(session_id, "secret and sealed")
    for number in range(3):
        store.traces(session_id).append({"secret": number})
    store.runs(session_id).append({"secret": True})
    store.verification(session_id).replace([])
    store.artifacts(session_id).put("large", LARGE)
    store.artifacts(session_id).put("small", "secret")


@pytest.mark.usefixtures("small_parts")
def test_everything_goes_and_only_tombstones_stay(place: Place) -> None:
    store = place.open()
    fill(store, "a")
    fill(store, "b")
    others = place.listed(StreamKeys.of("b", "any").head.rpartition("/")[0])

    assert store.delete("a") is True

    assert store.artifacts("a").load() is None
    assert store.traces("a").load() is None
    assert store.verification("a").load() is None
    left = store.remains("a")
    assert left.erased
    assert {remnant.kind for remnant in left.found} == {"tombstone"}
    assert len(left.found) == 5
    for remnant in left.found:
        assert b"secret" not in place.read(remnant.key)
        assert b"large" not in place.read(remnant.key)
    assert place.listed(StreamKeys.of("b", "any").head.rpartition("/")[0]) == others
    assert store.delete("a") is False
    assert place.open().artifacts("b").get("large").data == LARGE


def test_siblings_of_an_id_without_a_transcript_go_as_well(place: Place) -> None:
    store = place.open()
    fill(store, "a", transcript=False)
    assert not store.remains("a").erased

    assert store.delete("a") is False

    assert store.remains("a").erased
    assert store.traces("a").load() is None


def test_a_new_session_of_the_same_id_has_no_siblings_of_the_old_one(place: Place) -> None:
    store = place.open()
    fill(store, "a")
    store.delete("a")

    store.append("a", "anew")

    assert store.traces("a").load() is None
    store.traces("a").append({"new": 1})
    store.artifacts("a").put("large", LARGE)
    assert place.open().traces("a").load() == [{"new": 1}]
    assert place.open().artifacts("a").get("large").data == LARGE


def test_an_upload_under_way_is_given_up(place: Place) -> None:
    store = place.open()
    store.append("a", "x")
    key = f"{StreamKeys.of('a', 'artifacts').segments}{'0' * 64}-01m7wfy0frb4sa6wnn7wrgjxmk"
    upload = run(place.objects.begin_upload(key, part_size=MIN_PART))
    run(place.objects.put_part(upload, 1, b"secret"))
    assert [remnant.kind for remnant in store.remains("a").found if remnant.kind == "upload"] == ["upload"]

    store.delete("a")

    assert store.remains("a").erased
    assert run(place.objects.list_uploads("")) == []


class Dying(MemoryStore):
    """Stops to answer at the next write of a key that holds `at`."""

    def __init__(self) -> None:
        super().__init__()
        self.at: str | None = None

    async def put(self, key: str, body: bytes, **condition: Any) -> str:
        if self.at is not None and self.at in key:
            raise StoreUnavailable("gone", may_have_landed=False)
        return await super().put(key, body, **condition)


@pytest.fixture
def half_deleted() -> Dying:
    """A store in which a session was deleted, and its traces were not."""
    from ..archives import QUICK

    objects = Dying()
    with SessionStore(objects, policy=QUICK) as store:
        fill(store, "a")
        objects.at = "traces.jsonl.zst"
        with pytest.raises(OutcomeUnknown, match="not all that is kept beside it"):
            store.delete("a")
    objects.at = None
    return objects


def test_a_delete_that_died_half_way_has_deleted_the_session(half_deleted: Dying) -> None:
    with SessionStore(half_deleted) as store:
        assert not store.exists("a")
        assert not store.remains("a").erased


def test_it_is_finished_by_the_next_delete(half_deleted: Dying) -> None:
    with SessionStore(half_deleted) as store:
        assert store.delete("a") is False
        assert store.remains("a").erased


def test_it_is_finished_by_the_clean_up(half_deleted: Dying) -> None:
    with SessionStore(half_deleted) as store:
        looked = store.cleanup(older_than=0, dry_run=True)
        assert looked.removed["sibling"] == 1
        assert not store.remains("a").erased

        done = store.cleanup(older_than=0)

        assert done.removed["sibling"] == 1
        assert store.remains("a").erased
        assert store.cleanup(older_than=0).removed.total() == 0


def test_it_is_finished_before_the_session_is_created_anew(half_deleted: Dying) -> None:
    with SessionStore(half_deleted) as store:
        store.append("a", "anew")
        assert store.traces("a").load() is None
        store.cleanup(older_than=0)
        assert {remnant.kind for remnant in store.remains("a").found} == {"head", "tombstone"}


def test_siblings_saved_after_the_delete_are_nothing_that_it_left(half_deleted: Dying) -> None:
    with SessionStore(half_deleted) as store:
        store.delete("a")
        store.traces("a").append({"new": 1})
        store.cleanup(older_than=0)
        assert store.traces("a").load() == [{"new": 1}]


def test_a_session_whose_siblings_cannot_be_deleted_is_not_created_anew(half_deleted: Dying) -> None:
    from ..archives import QUICK

    half_deleted.at = "traces.jsonl.zst"
    with SessionStore(half_deleted, policy=QUICK) as store, pytest.raises(StoreUnavailable):
        store.append("a", "anew")
    assert b'"deleted"' in run(half_deleted.get(StreamKeys.of("a", "transcript").head)).body
